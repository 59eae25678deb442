/** What keeps a number within its limit: requests that are worked on, bytes that are held. */
export class Gate {
  #held = 0;

  constructor(
    public limit: number,
    /** Made and thrown for whoever does not get in. */
    private readonly refuse: (gate: Gate) => Error,
  ) {}

  get held(): number {
    return this.#held;
  }

  /** Throws the refusal if `count` more would not get in now. */
  check(count = 1): void {
    if (this.#held + count > this.limit) throw this.refuse(this);
  }

  enter(count = 1): void {
    this.check(count);
    this.#held += count;
  }

  leave(count = 1): void {
    this.#held -= count;
  }
}
