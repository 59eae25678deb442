/** Turns that come some at a time, however many ask for one: for what must not take the place of better work. */
export class Pace {
  readonly #waiting = new Set<() => void>();
  #left: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `each` turns in `ms` milliseconds; the first of them at once. */
  constructor(
    private each: number,
    private readonly ms: number,
  ) {
    this.#left = each;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when it is the caller's turn, in the order of asking, or when the signal aborts. */
  turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
      this.#give();
    });
  }

  /** From now on it is everybody's turn. */
  end(): void {
    this.each = Number.POSITIVE_INFINITY;
    this.#left = this.each;
    this.#give();
  }

  #give(): void {
    for (const done of this.#waiting) {
      if (this.#left === 0) break;
      this.#left--;
      done();
    }
    // Nothing was taken of a time that nobody began.
    if (this.#left < this.each) this.#timer ??= setTimeout(() => this.#renew(), this.ms);
  }

  #renew(): void {
    this.#timer = undefined;
    this.#left = this.each;
    this.#give();
  }
}
