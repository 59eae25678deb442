/** Requests that wait for a model run together. */
import { isConvzooError } from "../errors.js";
import type { Tensor } from "../tensor.js";

/** A run of a network: its output, or with `outputs` the named ones. It has copied its input when it returns its promise. */
export type Run = (
  input: Tensor,
  options: { readonly outputs?: readonly string[]; readonly signal: AbortSignal },
) => Promise<Readonly<Record<string, Tensor>>>;

/** What the network's own output is called. */
export const OUTPUT = "output";

export interface BatcherOptions {
  readonly run: Run;
  /** Inputs that run together at most, all images of each counted. */
  readonly maxBatch: number;
  /** How long the first of a batch that is not full waits for others. */
  readonly maxDelayMs: number;
  /** Hears of each run: how many inputs, how many milliseconds. */
  readonly onRun?: (rows: number, ms: number) => void;
  /** Hears how long a request waited until its run began, in milliseconds. */
  readonly onWait?: (ms: number) => void;
}

/** What a request wants. */
export interface Job {
  readonly input: Tensor;
  readonly outputs?: readonly string[];
  /** Whether it may run with others; true unless given. */
  readonly together?: boolean;
  readonly signal: AbortSignal;
}

interface Waiting extends Job {
  /** What inputs must have in common to run together; undefined for one that runs alone. */
  readonly kind: string | undefined;
  readonly rows: number;
  readonly since: number;
  resolve(outputs: Readonly<Record<string, Tensor>>): void;
  reject(error: unknown): void;
  done(): void;
}

/** Runs that are given to a model at a time where many wait: so that it need not wait for us between two. */
const AHEAD = 2;

/**
 * Takes inputs as they come, and runs those together that wait together. Their outputs are the same to the last bit as if each
 * had run alone: a plan for n images computes each output by the same sums in the same order.
 */
export class Batcher {
  readonly #options: BatcherOptions;
  #queue: Waiting[] = [];
  #running = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isHurried = false;
  /** Where inputs are put together: kept, since megabytes that become garbage with each batch cost as much as the requests. */
  #room = new Float32Array();

  constructor(options: BatcherOptions) {
    this.#options = options;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Rejects with what the run rejects with, or the signal's reason; an input that waits is then forgotten. */
  submit(job: Job): Promise<Readonly<Record<string, Tensor>>> {
    return new Promise((resolve, reject) => {
      job.signal.throwIfAborted();
      const { input, outputs, together = true, signal } = job;
      const abort = () => {
        this.#queue = this.#queue.filter((one) => one !== waiting);
        reject(signal.reason);
      };
      const waiting: Waiting = {
        ...job,
        kind: together ? JSON.stringify([input.shape.slice(1), outputs]) : undefined,
        rows: input.shape[0]!,
        since: performance.now(),
        resolve,
        reject,
        done: () => signal.removeEventListener("abort", abort),
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#queue.push(waiting);
      this.#pump();
    });
  }

  /** No more are to come: what waits for others runs at once. */
  hurry(): void {
    this.#isHurried = true;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (this.#queue.length > 0) {
      const { maxBatch, maxDelayMs } = this.#options;
      const batch = this.#next();
      const rows = batch.reduce((sum, one) => sum + one.rows, 0);
      const isFull = rows >= maxBatch || batch[0]!.kind === undefined;
      if (this.#running >= (isFull ? AHEAD : 1)) return;
      const left = batch[0]!.since + maxDelayMs - performance.now();
      if (!isFull && left > 0 && !this.#isHurried) {
        this.#timer = setTimeout(() => this.#pump(), left);
        return;
      }
      this.#queue = this.#queue.filter((one) => !batch.includes(one));
      void this.#runTogether(batch, rows);
    }
  }

  /** The first that waits, and those that may run with it. */
  #next(): readonly Waiting[] {
    const [first, ...others] = this.#queue as [Waiting, ...Waiting[]];
    if (first.kind === undefined) return [first];
    let rows = first.rows;
    const fits = (one: Waiting) => {
      if (one.kind !== first.kind || rows + one.rows > this.#options.maxBatch) return false;
      rows += one.rows;
      return true;
    };
    return [first, ...others.filter(fits)];
  }

  async #runTogether(batch: readonly Waiting[], rows: number): Promise<void> {
    this.#running++;
    const start = performance.now();
    for (const { since } of batch) this.#options.onWait?.(start - since);
    try {
      await this.#run(batch);
      this.#options.onRun?.(rows, performance.now() - start);
    } catch (error) {
      // One that cannot run must not take the others with it.
      if (batch.length > 1 && isConvzooError(error) && error.code !== "poisoned")
        for (const one of batch) await this.#run([one]).catch(one.reject);
      else for (const one of batch) one.reject(error);
    } finally {
      for (const one of batch) one.done();
      this.#running--;
      this.#pump();
    }
  }

  /** Several inputs as one, which is good until the next. */
  #stacked(inputs: readonly Tensor[]): Tensor {
    const [first, ...others] = inputs as [Tensor, ...Tensor[]];
    if (others.length === 0) return first;
    const size = inputs.reduce((sum, { data }) => sum + data.length, 0);
    if (this.#room.length < size) this.#room = new Float32Array(size);
    let at = 0;
    for (const { data } of inputs) {
      this.#room.set(data, at);
      at += data.length;
    }
    const rows = inputs.reduce((sum, { shape }) => sum + shape[0]!, 0);
    return { shape: [rows, ...first.shape.slice(1)], data: this.#room.subarray(0, size) };
  }

  /** Resolves each of the batch with its part of the outputs. */
  async #run(batch: readonly Waiting[]): Promise<void> {
    const together = allAborted(batch.map(({ signal }) => signal));
    try {
      const input = this.#stacked(batch.map((one) => one.input));
      const outputs = await this.#options.run(input, { outputs: batch[0]!.outputs, signal: together.signal });
      let first = 0;
      for (const { rows, resolve } of batch) {
        resolve(
          Object.fromEntries(Object.entries(outputs).map(([name, all]) => [name, part(all, first, rows)])),
        );
        first += rows;
      }
    } finally {
      together.stop();
    }
  }
}

/** Rows of a tensor, as a view. */
function part({ shape, data }: Tensor, first: number, rows: number): Tensor {
  const size = data.length / shape[0]!;
  return { shape: [rows, ...shape.slice(1)], data: data.subarray(first * size, (first + rows) * size) };
}

/** Aborts when all of them have. */
function allAborted(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; stop(): void } {
  const controller = new AbortController();
  const check = () => {
    if (signals.every(({ aborted }) => aborted)) controller.abort(signals[0]!.reason);
  };
  for (const signal of signals) signal.addEventListener("abort", check);
  check();
  return {
    signal: controller.signal,
    stop: () => {
      for (const signal of signals) signal.removeEventListener("abort", check);
    },
  };
}
