/** Does jobs: holds the model that they ask for, and workers that prepare images ahead of it. */
import { ahead } from "../cli/ahead.js";
import type { Io } from "../cli/io.js";
import { type ConvzooError, isConvzooError } from "../errors.js";
import type { Model } from "../model.js";
import { stack, type Tensor } from "../tensor.js";
import type { ZooName } from "../zoo/index.js";
import type { RunFolder } from "./folder.js";
import { type Failed, lines, type Row, written } from "./rows.js";
import type { Job, Outcome, Settings } from "./settings.js";

/** What a worker needs of the package. */
export type Library = Pick<Io, "load" | "imageWorker">;

/** Images that run together, and that are prepared ahead of those. */
const TOGETHER = 8;
const AHEAD = 2 * TOGETHER;

/** An image that is ready, or why it is not. */
type Prepared = { readonly file: string } & ({ readonly input: Tensor } | { readonly error: ConvzooError });

export class Worker {
  readonly #library: Library;
  readonly #threads: number | undefined;
  readonly #images: ReturnType<Library["imageWorker"]>;
  #loaded: { readonly key: string; readonly model: Promise<Model> } | undefined;

  constructor(library: Library, threads?: number) {
    this.#library = library;
    this.#threads = threads;
    this.#images = library.imageWorker();
  }

  /**
   * Does a job and writes what it gives into the folder. An image that has no result is written down with the reason; what
   * keeps the whole job from being done (a model that does not load, a full disk) rejects.
   */
  async work(job: Job, settings: Settings, folder: RunFolder, signal?: AbortSignal): Promise<Outcome> {
    const model = await this.load(settings);
    const rows: Row[] = [];
    const failed: Failed[] = [];
    try {
      for await (const one of this.#results(model, job.files, settings, signal)) {
        if ("error" in one) {
          const { code, message } = one.error;
          failed.push({ file: one.file, error: { code, message } });
        } else rows.push(one);
      }
    } catch (error) {
      // A core that is lost would be so in the next try as well.
      if (isConvzooError(error) && error.code === "poisoned") await this.#drop();
      throw error;
    }
    await folder.finish(job.number, await written(rows, settings), lines(failed));
    return { done: rows.length, failed: failed.length };
  }

  /** The model of a run; the one before is disposed of where it is another. */
  async load({ model, weights }: Settings): Promise<Model> {
    const key = JSON.stringify([model, weights]);
    if (this.#loaded?.key !== key) {
      await this.#drop();
      // Where it is no name of the zoo, load says so.
      const loading = this.#library.load(model as ZooName, { weights, threads: this.#threads });
      this.#loaded = { key, model: loading };
    }
    const current = this.#loaded!;
    return current.model.catch((error) => {
      if (this.#loaded === current) this.#loaded = undefined;
      throw error;
    });
  }

  async dispose(): Promise<void> {
    await this.#drop();
    (await this.#images).dispose();
  }

  async #drop(): Promise<void> {
    const model = await this.#loaded?.model.catch(() => undefined);
    this.#loaded = undefined;
    model?.dispose();
  }

  async *#results(
    model: Model,
    files: readonly string[],
    settings: Settings,
    signal?: AbortSignal,
  ): AsyncGenerator<Row | { readonly file: string; readonly error: ConvzooError }> {
    const { give, crops, average, topk } = settings;
    if (give !== "topk" || crops === "dense") {
      for (const file of files) yield await orError(file, () => one(model, file, settings, signal));
      return;
    }
    const images = await this.#images;
    const prepare = (file: string): Promise<Prepared> =>
      orError(file, async () => ({
        input: await images.preprocess(file, { ...model.preprocess, crops, signal }),
      }));
    let waiting: (Prepared & { readonly input: Tensor })[] = [];
    const run = async (): Promise<Row[]> => {
      const together = waiting;
      waiting = [];
      const input = stack(together.map((one) => one.input));
      const scores = await model.run(input, { signal });
      const tops = await model.rank(scores, { topk, average, crops: input.shape[0]! / together.length });
      return together.map(({ file }, i) => ({ file, top: tops[i]! }));
    };
    for await (const one of ahead(files, AHEAD, prepare)) {
      signal?.throwIfAborted();
      const shape = waiting[0]?.input.shape;
      const isLike = "input" in one && (!shape || String(shape) === String(one.input.shape));
      if (waiting.length > 0 && (waiting.length === TOGETHER || !isLike)) yield* await run();
      if ("input" in one) waiting.push(one);
      else yield one;
    }
    if (waiting.length > 0) yield* await run();
  }
}

/** What a single image gives: its embedding, its peaks, or its classes by all of its places. */
async function one(
  model: Model,
  file: string,
  { give, crops, topk, average, label }: Settings,
  signal?: AbortSignal,
) {
  switch (give) {
    case "topk":
      return { top: await model.classify(file, { topk, crops, average, signal }) };
    case "embedding":
      return { embedding: (await model.embed(file, { signal })).data };
    case "peaks": {
      const wanted = label ?? (await model.classify(file, { topk: 1, signal }))[0]!.index;
      const map = await model.dense(file, { classes: [wanted], signal });
      const [index] = map.classes as [number];
      return { index, label: map.label(index), peaks: map.peaks(index).slice(0, topk) };
    }
  }
}

/** What `work` gives for a file, or the ConvzooError that it threw, unless that is the model's end. */
async function orError<T extends object>(
  file: string,
  work: () => Promise<T>,
): Promise<({ readonly file: string } & T) | { readonly file: string; readonly error: ConvzooError }> {
  try {
    return { file, ...(await work()) };
  } catch (error) {
    if (!isConvzooError(error) || error.code === "poisoned" || error.code === "disposed") throw error;
    return { file, error };
  }
}
