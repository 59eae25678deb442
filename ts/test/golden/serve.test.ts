/** `convzoo serve` as it is built, in a process of its own, over real sockets. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { decode as decodePng } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { Tensor } from "../../src/tensor.js";
import { type Live, live } from "../live.js";
import { convzoo, noise, root } from "./package.js";

const photo = (name: string) => new Uint8Array(readFileSync(join(root, "examples/images", name)));
const owl = photo("owl.jpg");

let server: Live;
let model: Model;
beforeAll(async () => {
  [server, model] = await Promise.all([
    live(`models:
  - { model: squeezenet1_1, threads: 1, maxDelayMs: 5 }
  - { model: lenet5, threads: 1, queue: 1000 }
  - { name: patient, model: lenet5, threads: 1, maxBatch: 256, maxDelayMs: 10000 }
limits: { body: 4 MiB, pixels: 1000000 }
`),
    convzoo.load("squeezenet1_1", { threads: 1 }),
  ]);
}, 60_000);
afterAll(async () => {
  model?.dispose();
  await server?.close();
});

/** A request for inference with its tensor in binary. */
async function infer(base: string, name: string, { shape, data }: Tensor, init: RequestInit = {}) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const parameters = { binary_data_size: bytes.length };
  const inputs = [{ name: "input", datatype: "FP32", shape, parameters }];
  const head = new TextEncoder().encode(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  const headers = { "inference-header-content-length": String(head.length) };
  const body = new Blob([head, bytes as Uint8Array<ArrayBuffer>]);
  const response = await fetch(`${base}/v2/models/${name}/infer`, { method: "POST", body, headers, ...init });
  const answer = await response.arrayBuffer();
  const start = Number(response.headers.get("inference-header-content-length") ?? answer.byteLength);
  return { status: response.status, data: new Float32Array(answer.slice(start)) };
}

const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
  fetch(server.url + path, { method: "POST", body, headers });

/** One of the server's numbers, by its name and labels; NaN where it has none. */
async function metric(name: string, base = server.url): Promise<number> {
  const page = await (await fetch(`${base}/metrics`)).text();
  return Number(
    page
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length),
  );
}

/** Sends text over a socket, then a byte each 100 ms; gives all that comes back before the other side ends. */
async function slowly(port: number, text: string, drip: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  let said = "";
  socket.setEncoding("latin1").on("data", (part) => (said += part));
  socket.on("error", () => {});
  socket.write(text);
  const timer = setInterval(() => socket.writable && socket.write(drip), 100);
  // Not by `once`, which takes a reset for a failure.
  await new Promise((resolve) => socket.on("close", resolve));
  clearInterval(timer);
  return said;
}

describe("answers", () => {
  test("classes are those of the package", async () => {
    for (const name of ["owl.jpg", "cat.webp", "bird.png"]) {
      const response = await post("/classify?topk=3", photo(name));
      const { top, ...about } = (await response.json()) as { top: unknown };
      expect(top).toEqual(await model.classify(photo(name), { topk: 3 }));
      expect(about).toEqual({ model: "squeezenet1_1", version: "1", ms: expect.any(Number) });
    }
    const ten = (await (await post("/classify?crops=ten", owl)).json()) as { top: unknown };
    expect(ten.top).toEqual(await model.classify(owl, { crops: "ten" }));
    const scanned = (await (await post("/classify?crops=dense", owl)).json()) as { top: unknown };
    expect(scanned.top).toEqual(await model.classify(owl, { crops: "dense" }));
  });

  test("scores are the same bits, with whomever they ran together", async () => {
    const inputs = Array.from({ length: 24 }, (_, i) => noise([1 + (i % 2), 3, 224, 224], i + 1));
    const answers = await Promise.all(inputs.map((input) => infer(server.url, "squeezenet1_1", input)));
    for (const [i, input] of inputs.entries())
      expect(answers[i]!.data).toEqual((await model.run(input)).data);
    const page = await (await fetch(`${server.url}/metrics`)).text();
    const alone = Number(/^convzoo_batch_size_bucket\{le="1",model="squeezenet1_1"\} (\d+)$/m.exec(page)![1]);
    const all = Number(/^convzoo_batch_size_count\{model="squeezenet1_1"\} (\d+)$/m.exec(page)![1]);
    expect(all - alone).toBeGreaterThan(0);
  });

  test("a map is the package's, as numbers and as a picture", async () => {
    const map = await model.dense(owl, { classes: [82] });
    const answer = await (await post("/dense?label=82", owl)).json();
    expect(answer).toMatchObject({
      index: 82,
      label: "ruffed grouse",
      map: map.scores.shape.slice(1),
      stride: 16,
    });
    expect((answer as { peaks: unknown }).peaks).toEqual(map.peaks(82));
    const response = await post("/dense?label=82", owl, { accept: "image/png" });
    expect(response.headers.get("content-type")).toBe("image/png");
    const picture = decodePng(new Uint8Array(await response.arrayBuffer()));
    const { data } = map.overlay(await convzoo.decode(owl), 82);
    expect([picture.width, picture.height, picture.channels]).toEqual([512, 384, 3]);
    expect(Array.from(picture.data.slice(0, 300))).toEqual(
      Array.from({ length: 300 }, (_, i) => data[4 * Math.floor(i / 3) + (i % 3)]),
    );
  });
});

describe("limits", () => {
  test.each([
    ["a damaged image", "/classify", owl.slice(0, 5000), {}, 400],
    ["a body that is too large", "/classify", new Uint8Array(2 ** 22 + 1), {}, 413],
    ["a path that is not there", "/v3", "", {}, 404],
    ["a class that is not there", "/dense?label=dragon", owl, {}, 400],
    ["an image that is too small", "/dense?scales=0.1", owl, {}, 400],
  ])("%s is refused", async (_, path, body, headers, status) => {
    expect((await post(path, body, headers)).status).toBe(status);
  });

  test("an image of more pixels than allowed is refused by its header", async () => {
    // A BMP of 30,000 x 30,000 pixels, of which there is only the header.
    const header = Buffer.alloc(200);
    header.write("BM");
    header.writeUInt32LE(54, 10);
    header.writeUInt32LE(40, 14);
    header.writeInt32LE(30_000, 18);
    header.writeInt32LE(30_000, 22);
    header.writeUInt16LE(1, 26);
    header.writeUInt16LE(24, 28);
    for (const path of ["/classify", "/dense"]) {
      const response = await post(path, header);
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(/30000 x 30000 pixels; at most .* 1000000 in all/);
    }
  });

  test("one bad input does not spoil the others", async () => {
    const bad = noise([1, 3, 224, 224]);
    bad.data[5] = Number.NaN;
    const good = noise([1, 3, 224, 224], 2);
    const [one, two, three] = await Promise.all(
      [good, bad, good].map((input) => infer(server.url, "squeezenet1_1", input)),
    );
    expect([one!.status, two!.status, three!.status]).toEqual([200, 400, 200]);
    expect(one!.data).toEqual(three!.data);
  });

  test("what a client no longer waits for is not begun", async () => {
    const gone = new AbortController();
    const digit = noise([1, 1, 28, 28]);
    const asked = Array.from({ length: 20 }, () =>
      infer(server.url, "patient", digit, { signal: gone.signal }).catch(() => "gone"),
    );
    const waiting = () => metric('convzoo_queue_length{model="patient"}');
    await expect.poll(waiting, { timeout: 10_000 }).toBe(20);
    gone.abort();
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["gone"]));
    await expect.poll(waiting, { timeout: 5000 }).toBe(0);
    expect(await metric('convzoo_requests_in_progress{model="patient"}')).toBe(0);
    // A batch that is full waits for nobody; it is all that has run.
    expect((await infer(server.url, "patient", noise([256, 1, 28, 28]))).status).toBe(200);
    expect(await metric('convzoo_batch_size_sum{model="patient"}')).toBe(256);
    expect(server.lines.filter(({ status, model }) => status === 499 && model === "patient")).toHaveLength(
      20,
    );
  });

  test("what a client no longer waits for is not gone on with", async () => {
    const used = () => metric("process_cpu_seconds_total");
    const scan = (init: RequestInit) =>
      fetch(`${server.url}/dense?label=82&scales=4,4`, { method: "POST", body: owl, ...init });
    const start = await used();
    await (await scan({})).arrayBuffer();
    const whole = (await used()) - start;
    const gone = new AbortController();
    const asked = scan({ signal: gone.signal }).catch(() => "gone");
    const again = await used();
    await expect.poll(used, { timeout: 60_000 }).toBeGreaterThan(again + 0.1 * whole);
    gone.abort();
    expect(await asked).toBe("gone");
    await expect.poll(() => metric('convzoo_requests_in_progress{model="squeezenet1_1"}')).toBe(0);
    // Until the server is at rest.
    for (let before = 0, now = await used(); now - before > 0.1; ) {
      before = now;
      await new Promise((resolve) => setTimeout(resolve, 300));
      now = await used();
    }
    expect((await used()) - again).toBeLessThan(0.5 * whole);
  });
});

describe("over a socket", () => {
  test("requests that come too slowly are given up, and headers without end are not read", async () => {
    const small = await live("models: [{ model: lenet5 }]\nlimits: { seconds: 0.7, connections: 50 }");
    try {
      const post = "POST /classify HTTP/1.1\r\nHost: a\r\n";
      const [headers, body, flood, many] = await Promise.all([
        slowly(small.port, post, "X: y\r\n"),
        slowly(small.port, `${post}Content-Length: 1000\r\n\r\n`, "x"),
        slowly(small.port, `${post}X: ${"y".repeat(20_000)}\r\n\r\n`, ""),
        slowly(small.port, `${post}${"A: b\r\n".repeat(20_000)}\r\n`, ""),
      ]);
      expect(headers).toMatch(/^HTTP\/1\.1 408 /);
      expect(body).toMatch(/^HTTP\/1\.1 504 /);
      // A server that stops reading may reset the connection before its answer is there.
      for (const said of [flood, many]) expect(said).toMatch(/^(HTTP\/1\.1 431 |$)/);
      expect(await slowly(small.port, "GET /v2 HTTP/1.1\r\n\r\n", "")).toMatch(/^HTTP\/1\.1 400 /);
      expect(await slowly(small.port, `\u0000\u0001\r\n\r\n`, "")).toMatch(/^HTTP\/1\.1 400 /);
      expect((await fetch(`${small.url}/v2`)).status).toBe(200);
      expect(small.said()).toBe("");
    } finally {
      await small.close();
    }
  });

  test("who sends too much without saying so first hears of it, and the connection is good for more", async () => {
    const socket = connect(server.port, "127.0.0.1");
    let said = "";
    const errors: Error[] = [];
    socket.setEncoding("latin1").on("data", (part) => (said += part));
    socket.on("error", (error) => errors.push(error));
    socket.write("POST /classify HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    const chunk = `100000\r\n${"x".repeat(2 ** 20)}\r\n`;
    for (let i = 0; i < 5; i++) socket.write(chunk);
    await expect.poll(() => said, { timeout: 10_000 }).toMatch(/^HTTP\/1\.1 413 /);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      socket.write(chunk);
    }
    socket.write("0\r\n\r\nGET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect.poll(() => said, { timeout: 10_000 }).toMatch(/HTTP\/1\.1 200 [\s\S]*\{"live":true\}/);
    expect(errors).toEqual([]);
    socket.destroy();
  });

  test("a request of two lengths is not smuggled", async () => {
    const both =
      "POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await slowly(server.port, both, "")).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("its life", () => {
  test("it finishes what it accepted, and ends", async () => {
    // All of them wait for others when it is told to end: none is answered before, and none still on its way.
    // Nor do they wait to the end of their ten seconds, since no others can come.
    const models = "models: [{ model: squeezenet1_1, threads: 1, maxBatch: 64, maxDelayMs: 10000 }]";
    const one = await live(`${models}\nlimits: { shutdownSeconds: 8 }`);
    const answers = Array.from({ length: 12 }, () =>
      infer(one.url, "squeezenet1_1", noise([1, 3, 224, 224])),
    );
    const waiting = () => metric('convzoo_queue_length{model="squeezenet1_1"}', one.url);
    await expect.poll(waiting, { timeout: 10_000 }).toBe(12);
    one.signal("SIGTERM");
    await one.line("stopping");
    await expect(fetch(`${one.url}/v2`)).rejects.toThrow();
    expect(new Set((await Promise.all(answers)).map(({ status }) => status))).toEqual(new Set([200]));
    expect(await one.ended).toBe(0);
    expect(one.said()).toBe("");
  });

  test("it loads a model anew, and another in its place, and no request is dropped", async () => {
    const yaml = (version: number) =>
      `models: [{ name: m, model: lenet5, threads: 1, version: ${version} }]\nwatch: true\n`;
    const one = await live(yaml(1));
    try {
      const statuses: number[] = [];
      let stop = false;
      const client = async () => {
        while (!stop) statuses.push((await infer(one.url, "m", noise([1, 1, 28, 28]))).status);
      };
      const clients = [client(), client(), client()];
      one.signal("SIGHUP");
      await one.line("reloaded");
      const from = one.lines.length;
      one.configure(yaml(2));
      await one.line("reloaded", from);
      await fetch(`${one.url}/v2/repository/models/m/load`, { method: "POST" });
      one.configure("models: [{ name: m, model: lenet5, threads: none }]\n");
      expect((await one.line("not reloaded")).error).toMatch(
        /serve\.yaml:1: models\[0\]\.threads is a whole/,
      );
      stop = true;
      await Promise.all(clients);
      expect(new Set(statuses)).toEqual(new Set([200]));
      const { versions } = (await (await fetch(`${one.url}/v2/models/m`)).json()) as { versions: unknown };
      expect(versions).toEqual(["2"]);
      expect(one.lines.filter(({ message }) => message === "model loaded")).toHaveLength(4);
    } finally {
      await one.close();
    }
  });

  test.each([
    ["models: [{ model: resnet1 }]", /no network|resnet1/],
    ["models: [{ model: lenet5, weights: no/such.safetensors }]", /no\/such\.safetensors/],
    ["models: [{ model: lenet5 }]\nhost: 192.0.2.1\n", /192\.0\.2\.1:0 cannot be listened to/],
    ["models: [{ model: lenet5 }]\ntokenFile: no/token\n", /no\/token cannot be read/],
  ])("with %j it does not start, and says why", async (yaml, why) => {
    await expect(live(yaml)).rejects.toThrow(why);
  });
});
