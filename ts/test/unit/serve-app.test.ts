/** The server's routes, with models that are not there. */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { configOf, fakeServer, scoresOf } from "../serve.js";

const input = (first: number, more: object = {}) => ({
  inputs: [{ name: "input", datatype: "FP32", shape: [1, 1, 1, 2], data: [first, 0] }],
  ...more,
});
const picture = (first: number) => Uint8Array.of(1, first);
const infer = "/v2/models/digits/infer";
const json = (response: Response) => response.json() as Promise<Record<string, unknown>>;
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe("the protocol's paths", () => {
  test("say what this is", async () => {
    const { fetch } = await fakeServer();
    expect(await json(await fetch("/v2"))).toEqual({
      name: "convzoo",
      version: "1.2.3",
      extensions: ["binary_tensor_data", "classification", "model_repository"],
    });
    expect(await json(await fetch("/v2/health/live"))).toEqual({ live: true });
    expect(await json(await fetch("/v2/health/ready"))).toEqual({ ready: true });
    for (const model of ["/v2/models/digits", "/v2/models/digits/versions/1"]) {
      expect(await json(await fetch(`${model}/ready`))).toEqual({ name: "digits", ready: true });
      expect(await json(await fetch(model))).toEqual({
        name: "digits",
        versions: ["1"],
        platform: "convzoo",
        inputs: [{ name: "input", datatype: "FP32", shape: [-1, 1, 28, 28] }],
        outputs: [{ name: "output", datatype: "FP32", shape: [-1, 3] }],
      });
    }
  });

  test.each([
    ["GET", "/v2/models/other"],
    ["GET", "/v2/models/digits/versions/2"],
    ["GET", "/v2/models/constructor/ready"],
    ["POST", "/v2/models/other/infer"],
    ["GET", "/v2/models/digits/infer"],
    ["GET", "/classify"],
    ["GET", "/../etc/passwd"],
    ["GET", "/"],
  ])("%s %s is 404", async (method, path) => {
    const { fetch } = await fakeServer();
    const response = await fetch(path, { method });
    expect(response.status).toBe(404);
    expect(await json(response)).toEqual({ error: expect.any(String), code: expect.any(String) });
  });

  test("infer", async () => {
    const { post, models } = await fakeServer();
    const response = await post(infer, input(4, { id: "mine" }));
    expect(response.status).toBe(200);
    expect(await json(response)).toEqual({
      model_name: "digits",
      model_version: "1",
      id: "mine",
      outputs: [{ name: "output", datatype: "FP32", shape: [1, 3], data: scoresOf(4) }],
    });
    // The first is the one with which the model was tried.
    expect(models[0]!.runs).toEqual(["1x1x28x28", "1x1x1x2"]);
  });

  test("infer gives layers and classes beside the output", async () => {
    const { post } = await fakeServer();
    const outputs = [{ name: "features.0" }, { name: "output", parameters: { classification: 2 } }];
    const answer = await json(await post(infer, input(4, { outputs })));
    expect(answer.outputs).toEqual([
      { name: "features.0", datatype: "FP32", shape: [1, 1, 1, 2], data: [4, 0] },
      {
        name: "output",
        datatype: "BYTES",
        shape: [1, 2],
        data: ["12.000000:2:class 2", "8.000000:1:class 1"],
      },
    ]);
    const unknown = await post(infer, input(4, { outputs: [{ name: "fc" }] }));
    expect([unknown.status, (await json(unknown)).code]).toEqual([400, "unknown-output"]);
  });

  test("the repository's are for this machine alone", async () => {
    const { post, models } = await fakeServer();
    const index = "/v2/repository/index";
    const host = { host: "localhost:8000" };
    const rows = [{ name: "digits", version: "1", state: "READY", reason: "" }];
    expect(await (await post(index, "", host)).json()).toEqual(rows);
    expect((await post("/v2/repository/models/digits/load", "", host)).status).toBe(200);
    expect(models).toHaveLength(2);
    for (const headers of [
      { host: "evil.example:8000" },
      { ...host, origin: "http://localhost:8000" },
      { ...host, "x-forwarded-for": "10.0.0.1" },
    ] as Record<string, string>[])
      expect((await post(index, "", headers)).status).toBe(403);
  });

  test("the repository's are not for other machines", async () => {
    const { fetch } = await fakeServer();
    const init = { method: "POST", headers: { host: "localhost:8000" } };
    for (const address of ["10.0.0.1", "::ffff:10.0.0.1", "", "127.0.0.1.evil"])
      expect((await fetch("/v2/repository/index", init, { address })).status).toBe(403);
    for (const address of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"])
      expect((await fetch("/v2/repository/index", init, { address })).status).toBe(200);
  });
});

describe("images", () => {
  test("are classified as the body, and in a form", async () => {
    const { post } = await fakeServer();
    const top = [
      { index: 2, label: "class 2", score: 21, probability: 0.5 },
      { index: 1, label: "class 1", score: 14, probability: 0.5 },
    ];
    const answer = { model: "digits", version: "1", ms: expect.any(Number), top };
    expect(await json(await post("/classify?topk=2", picture(7)))).toEqual(answer);
    const form = new FormData();
    form.set("topk", "2");
    form.set("image", new File([picture(7)], "seven.png"));
    expect(await json(await post("/classify", form))).toEqual(answer);
  });

  test("that wait run together, unless one wants to be alone", async () => {
    const { post, models, fetch } = await fakeServer();
    const [fake] = models;
    let open = () => {};
    fake!.gate = new Promise((resolve) => (open = resolve));
    const many = [1, 2, 3].map((i) => post("/classify", picture(i)));
    const alone = post("/classify?batch=off", picture(4));
    const tensor = post(infer, input(5, { parameters: { batch: false } }));
    await turn();
    await turn();
    open();
    const all = await Promise.all([...many, alone].map(async (one) => (await json(await one)).top));
    expect(all.map((top) => (top as { score: number }[])[0]!.score)).toEqual([3, 6, 9, 12]);
    expect((await tensor).status).toBe(200);
    expect(fake!.runs.slice(1).sort()).toEqual(["1x1x1x2", "1x1x2x2", "3x1x2x2"]);
    expect(await (await fetch("/metrics")).text()).toMatch(/^convzoo_batch_size_sum\{model="digits"\} 5$/m);
  });

  test.each([
    ["/classify", "text", {}, 400, "bad-image"],
    ["/classify", "", {}, 400, "bad-request"],
    ["/classify?topk=0", "x", {}, 400, "bad-request"],
    ["/classify?topk=1e9", "x", {}, 400, "bad-request"],
    ["/classify?crops=all", "x", {}, 400, "bad-request"],
    ["/classify?batch=false", "x", {}, 400, "bad-request"],
    ["/classify?colour=red", "x", {}, 400, "bad-request"],
    ["/classify?topk=1&topk=2", "x", {}, 400, "bad-request"],
    ["/classify?model=other", "x", {}, 404, "unknown-model"],
    ["/classify", "x", { accept: "image/png" }, 406, "not-acceptable"],
    ["/dense", "x", { accept: "text/html" }, 406, "not-acceptable"],
    ["/dense?scales=0", "x", {}, 400, "bad-request"],
    ["/dense?scales=1,1,1,1,1,1,1", "x", {}, 400, "bad-request"],
    ["/dense?scales=100", "x", {}, 400, "bad-request"],
    ["/classify", "x", { "content-type": "multipart/form-data" }, 400, "bad-request"],
    ["/classify", "--b\r\n", { "content-type": "multipart/form-data; boundary=c" }, 400, "bad-request"],
    ["/classify", "{", { "content-type": "application/json" }, 400, "bad-request"],
    [
      "/classify",
      '{"url":"http://127.0.0.1/"}',
      { "content-type": "application/json" },
      403,
      "url-not-allowed",
    ],
    ["/classify", "x", { "content-encoding": "br" }, 415, "unsupported-encoding"],
    ["/classify", "x", { "content-encoding": "gzip" }, 400, "bad-request"],
  ])("%s %j %j is %i", async (path, body, headers, status, code) => {
    const { post, server } = await fakeServer();
    const response = await post(path, body, headers as Record<string, string>);
    expect([response.status, (await json(response)).code]).toEqual([status, code]);
    expect([server.requests.held, server.bodies.held]).toEqual([0, 0]);
  });

  test("have one form each", async () => {
    const { post } = await fakeServer();
    for (const names of [[], ["a", "b"]]) {
      const form = new FormData();
      form.set("topk", "1");
      for (const name of names) form.set(name, new File([picture(7)], name));
      expect((await post("/classify", form)).status).toBe(400);
    }
    const form = new FormData();
    form.set("model", "other");
    expect((await post("/classify", form)).status).toBe(400);
  });

  test("whose decoder does not come to an end are given up, and the next are not", async () => {
    const { post, state } = await fakeServer(
      "models: [{ model: lenet5 }]\ndecoders: 1\nlimits: { seconds: 0.1 }",
    );
    state.decoding = new Promise(() => {});
    const stuck = await post("/classify", picture(7));
    expect([504, 413]).toContain(stuck.status);
    await turn();
    state.decoding = undefined;
    expect(state.ended).toBe(1);
    expect((await post("/classify", picture(7))).status).toBe(200);
  });
});

describe("who asks", () => {
  const token = "a-token-of-some-length";
  test("must have the token where there is one", async () => {
    const { fetch, post } = await fakeServer(undefined, { token });
    for (const authorization of [
      "",
      "Bearer",
      "Bearer a-token-of-some-lengt",
      `Basic ${token}`,
      `Bearer ${token}x`,
    ]) {
      const response = await fetch("/v2", { headers: { authorization } });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
    }
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch("/v2", { headers })).status).toBe(200);
    expect((await fetch("/metrics")).status).toBe(401);
    expect((await fetch("/v2/health/live")).status).toBe(200);
    const remote = await fetch("/v2/repository/index", { method: "POST", headers }, { address: "10.0.0.1" });
    expect(remote.status).toBe(200);
    expect((await post(infer, input(1))).status).toBe(401);
  });

  test("gets a name for the request, and the log has it", async () => {
    const { fetch, lines } = await fakeServer();
    const own = await fetch("/v2", { headers: { "x-request-id": "mine-1" } });
    expect(own.headers.get("x-request-id")).toBe("mine-1");
    const other = await fetch("/v2", { headers: { "x-request-id": 'no"name' } });
    expect(other.headers.get("x-request-id")).toMatch(/^[\da-f-]{36}$/);
    expect(lines.at(-2)).toMatchObject({
      message: "request",
      id: "mine-1",
      path: "/v2",
      status: 200,
      client: "127.0.0.1",
    });
  });

  test("learns nothing of the server from its mistakes", async () => {
    const { post, models, lines } = await fakeServer();
    models[0]!.failing = new TypeError("secret at /etc/secret");
    const response = await post(infer, input(1));
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/secret|at /);
    expect(lines.find(({ message }) => message === "internal error")!.error).toMatch(
      /secret at[\s\S]*\n +at /,
    );
    expect((await post(infer, input(1))).status).toBe(200);
  });
});

describe("too much", () => {
  const held = async (yaml: string) => {
    const made = await fakeServer(yaml);
    let open = () => {};
    made.models[0]!.gate = new Promise((resolve) => (open = resolve));
    return { ...made, open: () => open() };
  };

  test("for a model is told to come back, and what was accepted is answered", async () => {
    const { post, open, server } = await held("models: [{ name: digits, model: lenet5, queue: 3 }]");
    const accepted = [1, 2, 3].map((i) => post(infer, input(i)));
    await turn();
    const refused = await post(infer, input(4));
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    open();
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect([server.requests.held, server.models.get().gate.held]).toEqual([0, 0]);
    expect((await post(infer, input(4))).status).toBe(200);
  });

  test("for the server is told so", async () => {
    const { post, open } = await held(
      "models: [{ name: digits, model: lenet5 }]\nlimits: { concurrency: 1 }",
    );
    const accepted = post(infer, input(1));
    await turn();
    expect((await post("/classify", picture(1))).status).toBe(503);
    open();
    expect((await accepted).status).toBe(200);
  });

  test("time ends a request, and its run", async () => {
    const { post, models, server } = await held(
      "models: [{ name: digits, model: lenet5 }]\nlimits: { seconds: 0.05 }",
    );
    const response = await post(infer, input(1));
    expect([response.status, (await json(response)).code]).toEqual([504, "timed-out"]);
    expect(models[0]!.signals.at(-1)!.aborted).toBe(true);
    expect(server.requests.held).toBe(0);
  });

  test("a client that goes away ends its run", async () => {
    const { post, models, server, lines } = await held("models: [{ name: digits, model: lenet5 }]");
    const gone = new AbortController();
    const response = post(infer, input(1), {}, { signal: gone.signal });
    await turn();
    expect(models[0]!.signals.at(-1)!.aborted).toBe(false);
    gone.abort();
    expect((await response).status).toBe(499);
    expect(models[0]!.signals.at(-1)!.aborted).toBe(true);
    expect(server.requests.held).toBe(0);
    expect(lines.at(-1)).toMatchObject({ status: 499 });
  });
});

describe("a model", () => {
  test("is replaced while it works, and finishes what it began", async () => {
    const { post, models, reload, server } = await fakeServer();
    let open = () => {};
    models[0]!.gate = new Promise((resolve) => (open = resolve));
    const before = post(infer, input(1));
    await turn();
    await reload(configOf("models: [{ model: lenet5, name: digits, version: 2 }]"));
    expect(models).toHaveLength(2);
    expect(await json(await post(infer, input(2)))).toMatchObject({ model_version: "2" });
    expect(models[0]!.disposed).toBe(false);
    open();
    expect((await before).status).toBe(200);
    await turn();
    expect(models.map(({ disposed }) => disposed)).toEqual([true, false]);
    expect(server.models.ready).toBe(true);
  });

  test("that does not load again serves on as it was", async () => {
    const { post, state, reload, models } = await fakeServer();
    state.loading = new ConvzooError("not-found", "no file /etc/weights");
    await expect(reload(configOf("models: [{ model: lenet5, name: digits, version: 2 }]"))).rejects.toThrow(
      "no file",
    );
    const load = await post("/v2/repository/models/digits/load", "", { host: "localhost" });
    expect(load.status).toBe(500);
    expect(await load.text()).not.toContain("/etc");
    expect(await json(await post(infer, input(2)))).toMatchObject({ model_version: "1" });
    expect(models[0]!.disposed).toBe(false);
  });

  test("comes and goes with the configuration", async () => {
    const { post, models, reload, fetch } = await fakeServer();
    await reload(configOf("models: [{ model: lenet5, name: other }]"));
    expect((await post(infer, input(1))).status).toBe(404);
    expect((await post("/v2/models/other/infer", input(1))).status).toBe(200);
    await turn();
    expect(models.map(({ disposed }) => disposed)).toEqual([true, false]);
    expect((await fetch("/v2/health/ready")).status).toBe(200);
  });

  test("whose core is lost is loaded again, while others serve", async () => {
    const yaml = "models: [{ model: lenet5, name: digits }, { model: lenet5, name: other }]";
    const { post, models, fetch, state, lines } = await fakeServer(yaml);
    models[0]!.failing = new ConvzooError("poisoned", "The core failed at /secret.");
    const lost = await post(infer, input(1));
    expect([lost.status, (await json(lost)).code]).toEqual([503, "model-failed"]);
    expect((await fetch("/v2/health/ready")).status).toBe(503);
    expect((await fetch("/v2/models/digits/ready")).status).toBe(503);
    expect((await post(infer, input(1))).status).toBe(503);
    expect((await post("/v2/models/other/infer", input(1))).status).toBe(200);
    state.loading = new ConvzooError("too-large", "no memory");
    await new Promise((resolve) => setTimeout(resolve, 600));
    state.loading = undefined;
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await post(infer, input(1))).status).toBe(200);
    expect(models).toHaveLength(3);
    expect(lines.filter(({ message }) => message === "model failed")).toHaveLength(2);
  });

  test("that is stopping takes nothing new", async () => {
    const { post, stop, fetch } = await fakeServer();
    stop();
    const response = await post(infer, input(1));
    expect(response.status).toBe(503);
    expect(response.headers.get("connection")).toBe("close");
    expect((await fetch("/v2/health/ready")).status).toBe(503);
    expect((await fetch("/v2/health/live")).status).toBe(200);
  });
});

test("the metrics name models and routes, and nothing that a client sends", async () => {
  const { fetch, post } = await fakeServer();
  await post(infer, input(1));
  await fetch("/v2/models/evil%22%7D/ready");
  await fetch("/some/path");
  const page = await (await fetch("/metrics")).text();
  expect(page).toMatch(/^convzoo_request_seconds_count\{route="infer",model="digits",status="200"\} 1$/m);
  expect(page).toMatch(/^convzoo_request_seconds_count\{route="none",model="",status="404"\} 1$/m);
  expect(page).toMatch(/^convzoo_model_memory_bytes\{model="digits",kind="total"\} 3$/m);
  expect(page).toMatch(/^convzoo_queue_length\{model="digits"\} 0$/m);
  expect(page).not.toMatch(/evil|some/);
});
