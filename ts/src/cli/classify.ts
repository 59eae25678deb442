/** `convzoo classify`: what is on these images? */
import { type ConvzooError, isConvzooError } from "../errors.js";
import type { ImageSource } from "../image/input.js";
import type { LoadOptions, Progress } from "../load.js";
import type { Classification, ClassifyOptions, Model } from "../model.js";
import { stack, type Tensor } from "../tensor.js";
import type { ZooName } from "../zoo/index.js";
import { ahead } from "./ahead.js";
import { type Found, findFiles } from "./files.js";
import { bar, errorLine } from "./format.js";
import type { Io, Output } from "./io.js";
import { type Format, printer } from "./results.js";

/** What `classify` was asked for. */
export interface ClassifyRequest {
  readonly files: readonly string[];
  readonly model: string;
  readonly weights?: string;
  readonly topk: number;
  readonly crops: NonNullable<ClassifyOptions["crops"]>;
  readonly average: NonNullable<ClassifyOptions["average"]>;
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly threads?: number;
  /** How many images, all their crops counted, run together at most. */
  readonly batch: number;
  readonly format: Format;
}

/** What a shell gives for a program that SIGINT ended. */
const INTERRUPTED = 130;

/** A file whose image is ready to run, or one that is done. `ms` is what that took. */
type Prepared = Done | { readonly file: string; readonly ms: number; readonly input: Tensor };
/** A file with its classes, or with why it has none. */
type Done = { readonly file: string; readonly ms: number } & (
  | { readonly top: readonly Classification[] }
  | { readonly error: ConvzooError }
);

/**
 * Classifies every file with one model. Gives 1 where a file failed, after all the others, 130 where it was interrupted, else
 * 0; throws what `load` throws.
 */
export async function classify(asked: ClassifyRequest, io: Io): Promise<number> {
  const signal = io.interrupted();
  const files = await findFiles(asked.files);
  let [done, failed] = [0, 0];
  const status = files.length > 1 && io.stderr.isTTY ? counter(io.stderr, files.length) : undefined;
  const say = (output: Output, text: string) => {
    if (text === "") return;
    status?.wipe();
    output.write(text);
  };
  try {
    using model = await loaded(asked, io, signal);
    const print = printer(asked.format, io, model);
    say(io.stdout, print.begin);
    try {
      for await (const { file, ms, ...result } of results(files, model, asked, io, signal)) {
        done++;
        if ("error" in result) {
          failed++;
          const { code, message } = result.error;
          say(io.stdout, print.one({ file, error: { code, message } }));
          if (!print.saysFailures) say(io.stderr, errorLine(result.error));
        } else {
          const { device, threads } = model;
          const about = { model: asked.model, device, threads, ms: Math.round(ms * 100) / 100 };
          say(io.stdout, print.one({ file, ...about, ...result }));
        }
        status?.show(done);
      }
    } finally {
      say(io.stdout, print.end());
    }
  } catch (error) {
    if (!signal.aborted || isConvzooError(error)) throw error;
    say(io.stderr, `convzoo: interrupted after ${done} of ${files.length} files\n`);
    return INTERRUPTED;
  } finally {
    status?.wipe();
  }
  return failed > 0 ? 1 : 0;
}

function loaded({ model, weights, device, threads }: ClassifyRequest, io: Io, signal: AbortSignal) {
  const onProgress = /^https?:/i.test(weights ?? "") && io.stderr.isTTY ? downloads(io.stderr) : undefined;
  // Where it is no name of the zoo, load says so.
  return io.load(model as ZooName, { weights, device, threads, onProgress, signal });
}

/**
 * Each file's result in order. Images are read and prepared by a worker of their own while the model runs; a single one, for
 * which there is nothing to wait, by the model's.
 */
async function* results(
  files: readonly Found[],
  model: Model,
  { topk, crops, average, batch }: ClassifyRequest,
  io: Io,
  signal: AbortSignal,
): AsyncGenerator<Done> {
  const options = { ...model.preprocess, signal };
  const read = async (image: ImageSource) => {
    if (crops === "dense") return { top: await model.classify(image, { topk, crops, signal }) };
    if (files.length === 1) return { input: await model.prepare(image, { crops, signal }) };
    return { input: await io.preprocess(image, { ...options, crops }) };
  };
  const prepare = ({ file, error }: Found): Promise<Prepared> =>
    timed(file, async () => {
      if (error) throw error;
      const image = file === "-" ? new File([await io.stdin()], "standard input") : file;
      return read(image);
    });
  let waiting: (Prepared & { readonly input: Tensor })[] = [];
  const run = async (): Promise<Done[]> => {
    const together = waiting;
    waiting = [];
    const start = performance.now();
    try {
      const views = together[0]!.input.shape[0]!;
      const scores = await model.run(stack(together.map((one) => one.input)), { signal });
      const tops = await model.rank(scores, { topk, average, crops: views });
      const each = (performance.now() - start) / together.length;
      return together.map(({ file, ms }, i) => ({ file, ms: ms + each, top: tops[i]! }));
    } catch (error) {
      if (!isConvzooError(error)) throw error;
      return together.map(({ file, ms }) => ({ file, ms, error }));
    }
  };
  const rows = () => waiting.reduce((sum, { input }) => sum + input.shape[0]!, 0);
  for await (const one of ahead(files, batch * 2, prepare)) {
    signal.throwIfAborted();
    const fits =
      "input" in one &&
      rows() + one.input.shape[0]! <= batch &&
      String(waiting[0]?.input.shape ?? one.input.shape) === String(one.input.shape);
    if (waiting.length > 0 && !fits) yield* await run();
    if ("input" in one) waiting.push(one);
    else yield one;
  }
  if (waiting.length > 0) yield* await run();
}

/** What `work` gives for a file, or the ConvzooError that it threw, with the time it took. */
async function timed(
  file: string,
  work: () => Promise<{ readonly input: Tensor } | { readonly top: readonly Classification[] }>,
): Promise<Prepared> {
  const start = performance.now();
  const spent = () => performance.now() - start;
  try {
    return { file, ...(await work()), ms: spent() };
  } catch (error) {
    if (!isConvzooError(error)) throw error;
    return { file, error, ms: spent() };
  }
}

/** Shows on one line of a terminal how many files are done, how fast. */
function counter(terminal: Output, total: number) {
  const start = performance.now();
  return {
    show(done: number) {
      const speed = (1000 * done) / (performance.now() - start);
      const shown = `${done} of ${total}, ${speed.toFixed(speed < 10 ? 1 : 0)} a second`;
      terminal.write(done < total ? `\r\x1b[K${bar(done / total, 20)} ${shown}` : "");
    },
    wipe: () => terminal.write("\r\x1b[K"),
  };
}

/** Shows on one line of a terminal how far a download is. */
function downloads(terminal: Output): (progress: Progress) => void {
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
  return ({ phase, loaded, total }) => {
    const line = `downloading weights: ${mb(loaded)}${total ? ` of ${mb(total)}` : ""} MB`;
    terminal.write(`\r\x1b[K${phase === "download" && loaded !== total ? line : ""}`);
  };
}
