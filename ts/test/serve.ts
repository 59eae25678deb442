/** A server's application with models and image workers that are not there. */
import { readYaml } from "../src/config/yaml.js";
import type { ImageWorker } from "../src/connect.js";
import { ConvzooError } from "../src/errors.js";
import type { Model } from "../src/model.js";
import { configReader } from "../src/serve/config.js";
import type { Env } from "../src/serve/context.js";
import { makeServer } from "../src/serve/index.js";
import type { Library } from "../src/serve/library.js";
import { jsonLog } from "../src/serve/log.js";
import type { Tensor } from "../src/tensor.js";

export interface FakeModel {
  /** Shapes of the inputs that were run, in order. */
  readonly runs: string[];
  disposed: boolean;
  /** What a run waits for. */
  gate: Promise<void>;
  /** Thrown by the next run. */
  failing?: Error | undefined;
  readonly signals: AbortSignal[];
}

/** Each image's scores are its first value times 1, 2 and 3. */
export const scoresOf = (first: number): readonly number[] => [first, 2 * first, 3 * first].map(Math.fround);

export const configOf = (yaml: string) => readYaml(yaml, "serve.yaml", configReader);

/** `models` has the fakes in the order in which they were loaded; `lines` what was logged. */
export async function fakeServer(
  yaml = "models: [{ model: lenet5, name: digits }]",
  more: { token?: string } = {},
) {
  const models: FakeModel[] = [];
  const lines: Record<string, unknown>[] = [];
  const state: { loading?: Error | undefined; decoding?: Promise<unknown> | undefined; ended: number } = {
    ended: 0,
  };

  const load = async (): Promise<Model> => {
    if (state.loading) throw state.loading;
    const fake: FakeModel = { runs: [], disposed: false, gate: Promise.resolve(), signals: [] };
    models.push(fake);
    const run = async ({ shape, data }: Tensor, options: { outputs?: string[]; signal: AbortSignal }) => {
      fake.runs.push(shape.join("x"));
      fake.signals.push(options.signal);
      await fake.gate;
      options.signal.throwIfAborted();
      if (fake.disposed) throw new ConvzooError("disposed", "The model was disposed of.");
      const { failing } = fake;
      fake.failing = undefined;
      if (failing) throw failing;
      if (data.some(Number.isNaN)) throw new ConvzooError("not-finite", "The input holds NaN.");
      const size = data.length / shape[0]!;
      const rows = Array.from({ length: shape[0]! }, (_, i) => scoresOf(data[i * size]!)).flat();
      const output = { shape: [shape[0]!, 3], data: Float32Array.from(rows) };
      if (!options.outputs) return output;
      const unknown = options.outputs.find((path) => path !== "features.0");
      if (unknown) throw new ConvzooError("unknown-output", `The network has no output "${unknown}".`);
      return Object.fromEntries(options.outputs.map((path) => [path, { shape, data: data.slice() }]));
    };
    const model = {
      run,
      net: { inChannels: 1 },
      core: "simd128",
      threads: 1,
      preprocess: { resize: 32 },
      rank: async ({ shape, data }: Tensor, { topk = 5 }: { topk?: number }) =>
        Array.from({ length: shape[0]! }, (_, row) =>
          Array.from({ length: 3 }, (_, k) => 2 - k)
            .slice(0, topk)
            .map((index) => ({
              index,
              label: `class ${index}`,
              score: data[row * 3 + index]!,
              probability: 0.5,
            })),
        ),
      classify: async () => [{ index: 1, label: "class 1", score: 2, probability: 0.5 }],
      dense: async () =>
        Promise.reject(new ConvzooError("not-convolutional", "The network has no such form.")),
      memory: async () => ({ weights: 1, maps: 2, total: 3 }),
      dispose: () => {
        fake.disposed = true;
      },
    };
    return model as unknown as Model;
  };
  const imageWorker = async (): Promise<ImageWorker> => {
    let end: (error: Error) => void = () => {};
    const worker = {
      async preprocess(image: Uint8Array) {
        const ended = new Promise((_, reject) => (end = reject));
        await Promise.race([state.decoding, ended]);
        if (image[0] !== 1) throw new ConvzooError("bad-image", "The image is text.");
        return { shape: [1, 1, 2, 2], data: Float32Array.of(image[1]!, 0, 0, 0) };
      },
      async decode(image: Uint8Array) {
        if (image[0] !== 1) throw new ConvzooError("bad-image", "The image is text.");
        return { width: 1, height: 1, data: new Uint8Array(3) };
      },
      dispose: () => {
        state.ended++;
        end(new ConvzooError("disposed", "ended"));
      },
    };
    return worker as unknown as ImageWorker;
  };
  const made = await makeServer({
    config: configOf(yaml),
    version: "1.2.3",
    library: {
      load,
      imageWorker,
      fromOnnx: async () => Promise.reject(new Error("no file")),
    } as unknown as Library,
    log: jsonLog((line) => lines.push(JSON.parse(line))),
    ...more,
  });
  await made.server.models.follow(configOf(yaml).models);
  const fetch = async (
    path: string,
    init: RequestInit = {},
    env: Partial<Env["Bindings"]> = {},
  ): Promise<Response> =>
    made.app.fetch(new Request(`http://localhost:8000${path}`, init), { address: "127.0.0.1", ...env });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, more: RequestInit = {}) =>
    fetch(path, {
      method: "POST",
      body:
        typeof body === "string" || body instanceof Uint8Array || body instanceof FormData
          ? (body as BodyInit)
          : JSON.stringify(body),
      headers,
      ...more,
    });
  return { ...made, models, lines, state, fetch, post };
}
