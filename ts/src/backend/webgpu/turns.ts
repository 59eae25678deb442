/** Who may give the device work: two at a time, so that one's numbers travel while the other's are computed. */
const AT_A_TIME = 2;

export class Turns {
  #free = AT_A_TIME;
  readonly #waiting: (() => void)[] = [];
  /** Rejects all that is under way. */
  readonly #ends = new Set<(error: unknown) => void>();

  /**
   * Does some work in its turn. Rejects at once with the signal's reason when that aborts; what is on the device comes to
   * its end there, and only then is the turn another's.
   */
  take<T>(work: (signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const stop = new AbortController();
    return new Promise<T>((resolve, reject) => {
      const abort = () => end(signal?.reason);
      const end = (error: unknown) => {
        stop.abort(error);
        done();
        reject(error);
      };
      const done = () => {
        this.#ends.delete(end);
        signal?.removeEventListener("abort", abort);
      };
      this.#ends.add(end);
      signal?.addEventListener("abort", abort);
      const start = async () => {
        try {
          if (!stop.signal.aborted) resolve(await work(stop.signal));
        } catch (error) {
          reject(error);
        } finally {
          done();
          this.#next();
        }
      };
      if (this.#free > 0) {
        this.#free--;
        void start();
      } else this.#waiting.push(start);
    });
  }

  /** Rejects whatever waits or is under way. */
  end(error: unknown): void {
    for (const end of [...this.#ends]) end(error);
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free++;
  }
}
