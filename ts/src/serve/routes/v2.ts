/** The Open Inference Protocol v2: what KServe's and Triton's clients speak. */
import type { Context, Hono } from "hono";
import type { Tensor } from "../../tensor.js";
import { OUTPUT } from "../batcher.js";
import { drop } from "../body.js";
import type { Env, Server } from "../context.js";
import type { Served } from "../served.js";
import { type About, answerOf, type Output } from "../v2/answer.js";
import { INPUT, type InferRequest, JSON_LENGTH, parseInfer } from "../v2/request.js";
import { inference } from "./inference.js";

const MODEL = ["/v2/models/:name", "/v2/models/:name/versions/:version"];
const under = (path: string) => MODEL.map((model) => `${model}${path}`);

export function v2Routes(app: Hono<Env>, server: Server): void {
  const modelOf = (c: Context<Env>, route: string): Served => {
    c.set("route", route);
    const model = server.models.get(c.req.param("name"), c.req.param("version"));
    c.set("model", model.name);
    return model;
  };

  app.get("/v2", (c) => {
    c.set("route", "metadata");
    const extensions = ["binary_tensor_data", "classification", "model_repository"];
    return c.json({ name: "convzoo", version: server.version, extensions });
  });
  app.get("/v2/health/live", (c) => {
    c.set("route", "health");
    return c.json({ live: true });
  });
  app.get("/v2/health/ready", (c) => {
    c.set("route", "health");
    const ready = server.models.ready && !server.stopping();
    return c.json({ ready }, ready ? 200 : 503);
  });
  app.on("GET", under("/ready"), (c) => {
    const { name, ready } = modelOf(c, "health");
    return c.json({ name, ready }, ready ? 200 : 503);
  });
  app.on("GET", MODEL, (c) => {
    const model = modelOf(c, "metadata");
    return model.use(async ({ input, output }) =>
      c.json({
        name: model.name,
        versions: [model.config.version],
        platform: "convzoo",
        inputs: [{ name: INPUT, datatype: "FP32", shape: [-1, ...input] }],
        outputs: [{ name: OUTPUT, datatype: "FP32", shape: [-1, ...output] }],
      }),
    );
  });
  app.on("POST", under("/infer"), (c) =>
    inference(server, c, modelOf(c, "infer"), async (model, body) => {
      const bytes = await body();
      const request = parseInfer(bytes, c.req.header(JSON_LENGTH) ?? null);
      const outputs = await infer(model, request, c.var.deadline.signal);
      // A tensor was read where it lies in them.
      drop(bytes);
      const about: About = {
        model_name: model.name,
        model_version: model.config.version,
        ...(request.id === undefined ? {} : { id: request.id }),
      };
      const answer = answerOf(about, outputs);
      return c.body(answer.body, 200, { ...answer.headers });
    }),
  );
}

/** The outputs that were asked for, in their order. */
function infer(served: Served, request: InferRequest, signal: AbortSignal): Promise<Output[]> {
  return served.use(async ({ model }, run) => {
    const { input, together, outputs } = request;
    const layers = outputs.map(({ name }) => name).filter((name) => name !== OUTPUT);
    const runs = [
      ...(layers.length < outputs.length ? [run({ input, together, signal })] : []),
      ...(layers.length > 0 ? [run({ input, outputs: layers, together, signal })] : []),
    ];
    const tensors: Readonly<Record<string, Tensor>> = Object.assign({}, ...(await Promise.all(runs)));
    return Promise.all(
      outputs.map(async ({ name, binary, classes }) => {
        const tensor = tensors[name]!;
        return classes === undefined
          ? { name, binary, tensor }
          : { name, binary, classes: await model.rank(tensor, { topk: classes }) };
      }),
    );
  });
}
