/** Images of requests, decoded where nothing else is held up: in workers apart from the models', which can be ended. */
import type { ImageWorker } from "../connect.js";
import { orAborted } from "./deadline.js";
import { Pool } from "./pool.js";
import { Refusal } from "./refusal.js";

/** Image workers, each at one image at a time. */
export class Images {
  readonly #pool: Pool<ImageWorker>;

  constructor(
    private readonly workers: readonly ImageWorker[],
    /** How long one image may take; a decoder that is not done by then is ended. */
    private readonly seconds: number,
  ) {
    this.#pool = new Pool(workers);
  }

  /**
   * What `work` makes of an image. Whoever gives up does not wait for it, but the worker is not free before it is done: no
   * message reaches a decoder while it decodes. Rejects with what `work` rejects with, the signal's reason, or 413 for an image
   * that took too long.
   */
  async use<T>(work: (worker: ImageWorker) => Promise<T>, signal: AbortSignal): Promise<T> {
    const worker = await this.#pool.take(signal);
    let late = false;
    const end = () => {
      late = true;
      worker.dispose();
    };
    const timer = setTimeout(end, 1000 * this.seconds);
    const working = work(worker).finally(() => {
      clearTimeout(timer);
      this.#pool.give(worker);
    });
    return orAborted(working, signal).catch((error) => {
      throw late
        ? new Refusal(413, "too-large", "The image takes too long to decode; use a smaller one.")
        : error;
    });
  }

  dispose(): void {
    for (const worker of this.workers) worker.dispose();
  }
}
