/** Things of which each is one user's at a time. */
export class Pool<T> {
  readonly #free: T[];
  #waiting: ((one: T) => void)[] = [];

  constructor(all: readonly T[]) {
    this.#free = [...all];
  }

  /** The next that is free, in the order of asking. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#free.length > 0) return this.#free.pop()!;
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting = this.#waiting.filter((one) => one !== take);
        reject(signal.reason);
      };
      const take = (one: T) => {
        signal.removeEventListener("abort", abort);
        resolve(one);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(take);
    });
  }

  give(one: T): void {
    const next = this.#waiting.shift();
    if (next) next(one);
    else this.#free.push(one);
  }
}
