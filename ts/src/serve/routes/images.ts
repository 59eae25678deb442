/** `POST /classify` and `POST /dense`: an image in, classes or a map out. */
import { encode } from "fast-png";
import type { Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import type { ImageWorker } from "../../connect.js";
import { dropAlpha } from "../../image/pixels.js";
import type { Classification } from "../../model.js";
import type { Pixels } from "../../tensor.js";
import { OUTPUT } from "../batcher.js";
import type { Env, Server } from "../context.js";
import { Refusal } from "../refusal.js";
import type { Served } from "../served.js";
import { inference } from "./inference.js";
import { CLASSIFY, classifyOptions, DENSE, denseOptions } from "./options.js";
import { type Sent, sentImage } from "./sent.js";

const JSON_TYPE = "application/json";
const PNG_TYPE = "image/png";
/** The longer side of a picture that is sent, at most. */
const PICTURE = 1024;

/** A request for an image, with what it may send and wants to have. */
interface Asked extends Sent {
  readonly c: Context<Env>;
  readonly model: Served;
  readonly type: string;
  readonly signal: AbortSignal;
}

export function imageRoutes(app: Hono<Env>, server: Server): void {
  const post = (
    name: string,
    known: readonly string[],
    types: readonly string[],
    work: (server: Server, asked: Asked) => Promise<Response>,
  ) =>
    app.post(`/${name}`, (c) => {
      c.set("route", name);
      const type = accepted(c, types);
      const model = server.models.get(c.req.query("model"));
      c.set("model", model.name);
      const { signal } = c.var.deadline;
      return inference(server, c, model, async (_, body) =>
        work(server, { c, model, type, signal, ...(await sentImage(server, c, await body(), known)) }),
      );
    });
  post("classify", CLASSIFY, [JSON_TYPE], classify);
  post("dense", DENSE, [JSON_TYPE, PNG_TYPE], dense);
}

/** The type of the answer that the client takes. Throws 406. */
function accepted(c: Context<Env>, supports: readonly string[]): string {
  const header = c.req.header("accept") ?? "*/*";
  const anything = /\*\/\*/.test(header) ? supports[0]! : "";
  const type = accepts(c, { header: "Accept", supports: [...supports], default: anything });
  if (type || header === "*/*") return type || supports[0]!;
  throw new Refusal(406, "not-acceptable", `The answer is ${supports.join(" or ")}.`);
}

async function classify(server: Server, { c, model, image, options, signal }: Asked): Promise<Response> {
  const { crops, together, ...ranking } = classifyOptions(options);
  const start = performance.now();
  const top = await model.use(async (opened, run): Promise<readonly Classification[]> => {
    const { model } = opened;
    if (crops === "dense")
      return turn(server, signal, async () => {
        const pixels = await decoded(server, image, signal);
        return model.classify(pixels, { ...ranking, crops, signal });
      });
    const maxPixels = server.config().limits.pixels;
    const input = await server.images.use(
      (worker) => worker.preprocess(image, { ...model.preprocess, crops, maxPixels }),
      signal,
    );
    const outputs = await run({ input, together, signal });
    return (await model.rank(outputs[OUTPUT]!, { ...ranking, crops: input.shape[0]! }))[0]!;
  });
  const ms = Math.round(100 * (performance.now() - start)) / 100;
  return c.json({ model: model.name, version: model.config.version, ms, top });
}

async function dense(server: Server, { c, model, image, options, type, signal }: Asked): Promise<Response> {
  const { label: wanted, ...scan } = denseOptions(options);
  const start = performance.now();
  return model.use(({ model: network }) =>
    turn(server, signal, async () => {
      const pixels = await decoded(server, image, signal);
      const label = wanted ?? (await network.classify(pixels, { topk: 1, signal }))[0]!.index;
      const map = await network.dense(pixels, { ...scan, classes: [label], signal });
      const index = map.classes[0]!;
      if (type === PNG_TYPE) {
        const small = await server.images.use((worker) => shrunk(worker, pixels), signal);
        const { width, height, data } = map.overlay(small, index);
        const png = encode({ width, height, channels: 3, data: dropAlpha(data) });
        return c.body(new Uint8Array(png), 200, { "content-type": PNG_TYPE });
      }
      const [, rows, columns] = map.scores.shape;
      return c.json({
        model: model.name,
        version: model.config.version,
        ms: Math.round(100 * (performance.now() - start)) / 100,
        index,
        label: map.label(index),
        map: [rows, columns],
        stride: map.stride,
        peaks: map.peaks(index).slice(0, 100),
      });
    }),
  );
}

const decoded = ({ images, config }: Server, image: Uint8Array, signal: AbortSignal): Promise<Pixels> =>
  images.use((worker) => worker.decode(image, { maxPixels: config().limits.pixels }), signal);

/** The image, no larger than a picture to look at need be. */
async function shrunk(worker: ImageWorker, image: Pixels): Promise<Pixels> {
  const factor = PICTURE / Math.max(image.width, image.height);
  if (factor >= 1) return image;
  const [width, height] = [Math.ceil(factor * image.width), Math.ceil(factor * image.height)];
  return worker.resize(image, { width, height });
}

/** `work` when it is its turn: what holds all of an image's pixels is done one after another. */
async function turn<T>({ turns }: Server, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const one = await turns.take(signal);
  try {
    return await work();
  } finally {
    turns.give(one);
  }
}
