/** One model of a server: loaded, replaced and revived while requests come. */
import { isConvzooError } from "../errors.js";
import type { Model } from "../model.js";
import type { Tensor } from "../tensor.js";
import { Batcher, type Job, OUTPUT, type Run } from "./batcher.js";
import { type ModelConfig, nameOf } from "./config.js";
import { Gate } from "./gate.js";
import type { Opened } from "./open.js";
import { busy, Refusal } from "./refusal.js";

/** What a model tells of itself. */
export interface Listener {
  ran(model: string, rows: number, ms: number): void;
  waited(model: string, ms: number): void;
  log(event: string, fields: Readonly<Record<string, unknown>>): void;
}

type Open = (config: ModelConfig, signal: AbortSignal) => Promise<Opened>;

/** A model that is loaded, with the requests that use it. */
class Loaded {
  users = 0;
  #done: (() => void) | undefined;

  constructor(
    readonly opened: Opened,
    readonly batcher: Batcher,
  ) {}

  leave(): void {
    if (--this.users === 0) this.#done?.();
  }

  /** Disposes of the model once nobody uses it. */
  async retire(): Promise<void> {
    this.batcher.hurry();
    if (this.users > 0) await new Promise<void>((resolve) => (this.#done = resolve));
    this.opened.model.dispose();
  }
}

/** The shortest and the longest wait before a model that failed is loaded again, milliseconds. */
const AGAIN = [500, 60_000] as const;

export class Served {
  readonly name: string;
  readonly gate: Gate;
  config: ModelConfig;
  #loaded: Loaded | undefined;
  #loading: Promise<void> | undefined;
  #failures = 0;
  /** What a request took of late, seconds. */
  #usual = 0.05;
  readonly #stop = new AbortController();

  constructor(
    config: ModelConfig,
    private readonly open: Open,
    private readonly listener: Listener,
  ) {
    this.name = nameOf(config);
    this.config = config;
    this.gate = new Gate(config.queue, ({ held }) => {
      return busy(
        `The model ${this.name} has all the requests that it takes; come back.`,
        held * this.#usual,
      );
    });
  }

  get ready(): boolean {
    return this.#loaded !== undefined;
  }

  get waiting(): number {
    return this.#loaded?.batcher.waiting ?? 0;
  }

  get opened(): Opened | undefined {
    return this.#loaded?.opened;
  }

  /** Loads the model, or loads it again beside the one that there is, which then finishes what it has begun. */
  reload(config = this.config): Promise<void> {
    const before = this.#loading ?? Promise.resolve();
    const loading = before.catch(() => {}).then(() => this.#replace(config));
    this.#loading = loading;
    const end = () => {
      if (this.#loading === loading) this.#loading = undefined;
    };
    loading.then(end, end);
    return loading;
  }

  async #replace(config: ModelConfig): Promise<void> {
    const start = performance.now();
    const opened = await this.open(config, this.#stop.signal);
    if (this.#stop.signal.aborted) {
      opened.model.dispose();
      return;
    }
    const { maxBatch, maxDelayMs } = config;
    const batcher = new Batcher({
      run: runOf(opened.model),
      maxBatch,
      maxDelayMs,
      onRun: (rows, ms) => {
        this.#usual += 0.1 * (ms / 1000 / rows - this.#usual);
        this.listener.ran(this.name, rows, ms);
      },
      onWait: (ms) => this.listener.waited(this.name, ms),
    });
    const before = this.#loaded;
    this.config = config;
    this.gate.limit = config.queue;
    this.#loaded = new Loaded(opened, batcher);
    void before?.retire();
    const { core, threads } = opened.model;
    const ms = Math.round(performance.now() - start);
    this.listener.log("model loaded", { model: this.name, core, threads, ms, again: before !== undefined });
  }

  /** What `work` makes of the model, which stays as long. Throws 503 where the model is not there. */
  async use<T>(
    work: (opened: Opened, run: (job: Job) => ReturnType<Batcher["submit"]>) => Promise<T>,
  ): Promise<T> {
    const loaded = this.#loaded;
    if (!loaded) throw busy(`The model ${this.name} is not loaded yet; come back.`, 1);
    loaded.users++;
    try {
      return await work(loaded.opened, (job) => loaded.batcher.submit(job));
    } catch (error) {
      if (isConvzooError(error) && (error.code === "poisoned" || error.code === "disposed"))
        this.#revive(loaded, error);
      throw error;
    } finally {
      loaded.leave();
    }
  }

  /** A model whose core is lost is loaded anew; the later the oftener that failed. */
  #revive(lost: Loaded, error: Error): void {
    if (this.#loaded !== lost || this.#stop.signal.aborted) return;
    this.#loaded = undefined;
    void lost.retire();
    this.listener.log("model failed", { model: this.name, error: error.message });
    const again = () => {
      const wait = Math.min(AGAIN[1], AGAIN[0] * 2 ** this.#failures++);
      setTimeout(() => {
        if (this.#stop.signal.aborted || this.#loaded) return;
        this.reload().catch((cause) => {
          this.listener.log("model failed", { model: this.name, error: String(cause?.message) });
          again();
        });
      }, wait).unref?.();
    };
    again();
    // One that has run for a while has not failed in a row.
    setTimeout(() => (this.#failures = 0), AGAIN[1]).unref?.();
  }

  /** No more requests are to come: none waits for others. */
  hurry(): void {
    this.#loaded?.batcher.hurry();
  }

  /** Once nothing is under way, ends the model. */
  async close(): Promise<void> {
    this.#stop.abort(new Refusal(503, "stopping", "The server is stopping."));
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await loaded?.retire();
  }

  /** Ends the model whatever it is doing. */
  kill(): void {
    this.#stop.abort(new Refusal(503, "stopping", "The server is stopping."));
    this.#loaded?.opened.model.dispose();
  }
}

/** The network's own output under its name, or those of layers. */
const runOf =
  (model: Model): Run =>
  async (input, { outputs, signal }): Promise<Readonly<Record<string, Tensor>>> => {
    if (outputs) return model.run(input, { outputs, signal });
    return { [OUTPUT]: await model.run(input, { signal }) };
  };
