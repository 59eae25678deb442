/** Clients of all kinds at one server, for as long as one likes: five in a hundred requests are bad ones. */
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Model } from "../src/model.js";
import { convzoo, noise, root } from "./golden/package.js";
import type { Live } from "./live.js";

export interface SoakResult {
  /** How many of each kind were answered as they should be. */
  readonly right: Readonly<Record<string, number>>;
  /** What was not, in words; at most a hundred. */
  readonly wrong: readonly string[];
  /** The server's resident memory, bytes, once a second. */
  readonly memory: readonly number[];
  /** What its own thread holds as objects and buffers between requests, garbage not counted, bytes, at each look. */
  readonly held: readonly number[];
}

interface Kind {
  readonly name: string;
  /** Of all requests. */
  readonly share: number;
  /** Undefined where all is well, or what is not. */
  send(random: () => number): Promise<string | undefined>;
}

/** The configuration that the clients expect. */
export const SOAKED = `models:
  - { model: squeezenet1_1, threads: 1, queue: 64 }
  - { model: lenet5, threads: 1, maxDelayMs: 2 }
limits: { body: 4 MiB, pixels: 1000000, seconds: 20 }
`;

/** How it is sent. */
export interface SoakOptions {
  readonly seconds: number;
  /** Says in which order they send what. */
  readonly seed?: number;
  readonly clients?: number;
  /** Requests a second at most; as many as are answered unless given. */
  readonly rate?: number;
  /** Seconds between two looks at what is held. */
  readonly every?: number;
}

/** Runs `clients` at a time against a server that `collects`. */
export async function soak(
  server: Live,
  { seconds, seed = 1, clients = 6, rate = Number.POSITIVE_INFINITY, every = 2 }: SoakOptions,
): Promise<SoakResult> {
  const kinds = await makeKinds(server.url, server.port);
  const random = uniform(seed);
  const right: Record<string, number> = {};
  const wrong: string[] = [];
  const [memory, held]: [number[], number[]] = [[], []];
  const passed = () => (performance.now() - start) / 1000;
  let sent = 0;
  const ask = async (kind: Kind) => {
    const why = await kind.send(random).catch((error) => `${error} ${error?.cause ?? ""}`);
    if (why === undefined) right[kind.name] = (right[kind.name] ?? 0) + 1;
    else if (wrong.length < 100) wrong.push(`${kind.name}: ${why}`);
  };
  const client = async (until: number) => {
    while (passed() < until) {
      const early = sent / rate - passed();
      // One of each kind, however few there is time for.
      const kind = kinds[sent++] ?? choose(kinds, random());
      if (early > 0) await pause(1000 * early);
      await ask(kind);
    }
  };
  // A core's memory is what its largest batch wanted. That is to come before memory is looked at, not when chance has it.
  const tensors = kinds.find(({ name }) => name === "a tensor in binary")!;
  for (let i = 0; i < 3; i++) await Promise.all(Array.from({ length: 24 }, () => ask(tensors)));
  const start = performance.now();
  const watch = setInterval(() => memory.push(residentBytes(server.pid)), 1000);
  // All stop for a look: what is held then is neither garbage nor a request under way. A model keeps room for a batch like its
  // last one, which is one photograph then.
  for (let round = 1; passed() < seconds; round++) {
    const until = Math.min(seconds, round * every);
    await Promise.all(Array.from({ length: clients }, () => client(until)));
    await kinds[0]!.send(random);
    held.push(await server.held());
  }
  clearInterval(watch);
  return { right, wrong, memory, held };
}

function choose(kinds: readonly Kind[], at: number): Kind {
  let left = at * kinds.reduce((sum, { share }) => sum + share, 0);
  return kinds.find(({ share }) => {
    left -= share;
    return left < 0;
  })!;
}

async function makeKinds(url: string, port: number): Promise<readonly Kind[]> {
  const model = await convzoo.load("squeezenet1_1", { threads: 1 });
  const digits = await convzoo.load("lenet5", { threads: 1 });
  try {
    return [...(await good(url, model, digits)), ...bad(url, port)];
  } finally {
    model.dispose();
    digits.dispose();
  }
}

const image = (name: string) => new Uint8Array(readFileSync(join(root, "examples", name)));
const pick = <T>(all: readonly T[], random: () => number): T => all[Math.floor(random() * all.length)]!;
const differs = (got: unknown, wanted: unknown): string | undefined =>
  JSON.stringify(got) === JSON.stringify(wanted) ? undefined : `got ${JSON.stringify(got).slice(0, 200)}`;

/** What must be answered, and how: as the package itself does it. */
async function good(url: string, model: Model, digits: Model): Promise<Kind[]> {
  const post = async (path: string, body: BodyInit, headers: Record<string, string> = {}) => {
    const response = await fetch(url + path, { method: "POST", body, headers });
    // What the server has no room for it says so; that is no mistake.
    if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
    return response;
  };
  const names = ["owl.jpg", "cat.webp", "bird.png", "hot_dog.jpg"].map((name) => `images/${name}`);
  const photos = await Promise.all(
    names.map(async (name) => ({ bytes: image(name), top: await model.classify(image(name), { topk: 3 }) })),
  );
  const shown = ["7-0.png", "4-4.png", "2-1.png"].map((name) => image(`digits/${name}`));
  const read = await Promise.all(shown.map(async (bytes) => ({ bytes, top: await digits.classify(bytes) })));
  const inputs = await Promise.all(
    [1, 2, 3].map(async (rows) => {
      const input = noise([rows, 3, 224, 224], rows);
      return { input, scores: (await model.run(input)).data };
    }),
  );
  const small = noise([1, 1, 28, 28]);
  const smallScores = [...(await digits.run(small)).data];
  const peaks = (await model.dense(image("images/owl.jpg"), { classes: [82] })).peaks(82);
  const classify = async (
    path: string,
    one: { bytes: Uint8Array<ArrayBuffer>; top: unknown },
    form: boolean,
  ) => {
    let body: BodyInit = one.bytes;
    if (form) {
      body = new FormData();
      body.set("image", new File([one.bytes], "image"));
    }
    const { top } = (await (await post(path, body)).json()) as { top: unknown };
    return differs(top, one.top);
  };
  return [
    {
      name: "a photograph",
      share: 30,
      send: (random) => classify("/classify?topk=3", pick(photos, random), random() < 0.3),
    },
    {
      name: "a digit",
      share: 30,
      send: (random) => classify("/classify?model=lenet5", pick(read, random), false),
    },
    {
      name: "a tensor in binary",
      share: 15,
      async send(random) {
        const { input, scores } = pick(inputs, random);
        const bytes = new Uint8Array(input.data.buffer as ArrayBuffer);
        const given = { name: "input", datatype: "FP32", shape: input.shape };
        const parameters = { binary_data_size: bytes.length };
        const request = { inputs: [{ ...given, parameters }], parameters: { binary_data_output: true } };
        const head = Buffer.from(JSON.stringify(request));
        const length = { "inference-header-content-length": String(head.length) };
        const response = await post("/v2/models/squeezenet1_1/infer", new Blob([head, bytes]), length);
        const start = Number(response.headers.get("inference-header-content-length"));
        const got = Buffer.from((await response.arrayBuffer()).slice(start));
        return got.equals(Buffer.from(scores.buffer as ArrayBuffer, scores.byteOffset, scores.byteLength))
          ? undefined
          : "other scores";
      },
    },
    {
      name: "a tensor in JSON",
      share: 12,
      async send() {
        const given = { name: "input", datatype: "FP32", shape: small.shape, data: [...small.data] };
        const response = await post("/v2/models/lenet5/infer", JSON.stringify({ inputs: [given] }));
        const { outputs } = (await response.json()) as { outputs: { data: unknown }[] };
        return differs(outputs[0]!.data, smallScores);
      },
    },
    {
      name: "a map",
      share: 3,
      async send() {
        const response = await post("/dense?label=82", image("images/owl.jpg"));
        return differs(((await response.json()) as { peaks: unknown }).peaks, peaks);
      },
    },
    {
      name: "metadata",
      share: 5,
      async send(random) {
        const path = pick(["/v2", "/v2/health/ready", "/v2/models/lenet5", "/metrics"], random);
        const { status } = await fetch(url + path);
        return status === 200 ? undefined : `${path}: status ${status}`;
      },
    },
  ];
}

/** What must be refused, and how. */
function bad(url: string, port: number): Kind[] {
  const owl = image("images/owl.jpg");
  const bomb = new Uint8Array(gzipSync(new Uint8Array(2 ** 25)));
  const noise = new Uint8Array(1000).map((_, i) => (i * 7919) % 251);
  const expected = (
    name: string,
    status: number,
    path: string,
    body: BodyInit,
    headers: Record<string, string> = {},
  ): Kind => ({
    name,
    share: 0.5,
    async send() {
      const response = await fetch(url + path, { method: "POST", body, headers });
      const { error } = (await response.json()) as { error?: string };
      return response.status === status && error ? undefined : `status ${response.status}: ${error}`;
    },
  });
  const infer = "/v2/models/lenet5/infer";
  const given = { name: "input", datatype: "FP32", shape: [1, 1, 28, 28] };
  return [
    expected("half an image", 400, "/classify", owl.slice(0, 40_000)),
    expected("no image", 400, "/classify", noise),
    expected("a body that is too large", 413, "/classify", new Uint8Array(2 ** 22 + 1)),
    expected("a bomb", 413, "/classify", bomb, { "content-encoding": "gzip" }),
    expected("no UTF-8", 400, infer, noise),
    expected("another shape", 400, infer, JSON.stringify({ inputs: [{ ...given, data: [1] }] })),
    expected("another model", 404, "/v2/models/other/infer", "{}"),
    expected("a URL", 403, "/classify", '{"url":"http://127.0.0.1/"}', {
      "content-type": "application/json",
    }),
    {
      name: "a client that goes away",
      share: 0.5,
      async send(random) {
        const gone = new AbortController();
        setTimeout(() => gone.abort(), 20 * random());
        const sent = fetch(`${url}/classify`, { method: "POST", body: owl, signal: gone.signal });
        await sent.then((response) => response.arrayBuffer()).catch(() => {});
        return undefined;
      },
    },
    {
      name: "half a request",
      share: 0.5,
      send: (random) =>
        new Promise((resolve) => {
          const socket = connect(port, "127.0.0.1", () => {
            socket.write("POST /classify HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc");
            setTimeout(() => socket.destroy(), 50 * random());
          });
          socket.on("error", () => {}).on("close", () => resolve(undefined));
        }),
    },
  ];
}

/** A process's resident memory, where the system tells it. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The least of a stretch: what is held when the collector has just been by. */
export const least = (all: readonly number[]): number => Math.min(...all);

export const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1]!;
