/** Memory that the bodies of requests take turns in. */

/** Bytes that are kept for bodies to come. */
const KEPT = 64 * 2 ** 20;

/**
 * Buffers that are used again. Megabytes that wait in a queue outlive the collections of what is young, and each few of them that
 * do have V8 look through all of its heap.
 */
export class Rooms {
  #free: ArrayBuffer[] = [];

  /** One of at least so many bytes and at most a quarter more. What lies in it is what the last user left. */
  take(bytes: number): ArrayBuffer {
    const at = this.#free.findIndex(({ byteLength: all }) => all >= bytes && all <= 1.25 * bytes);
    return at < 0 ? new ArrayBuffer(bytes) : this.#free.splice(at, 1)[0]!;
  }

  /** Takes one back that nobody reads any more, and forgets those that were given back first. */
  give(room: ArrayBuffer): void {
    this.#free.push(room);
    let held = this.#free.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (held > KEPT) held -= this.#free.shift()!.byteLength;
  }
}

/** How many times the bytes that have come a body may take memory for, of those that it says will come. */
const AHEAD = 4;

/** Where a body whose length is known is put together as its pieces come. */
export class Room {
  #bytes = new Uint8Array();
  #size = 0;
  readonly #before: number;

  /** `aligned`: what lies after so many bytes lies where numbers of four bytes may. */
  constructor(
    private readonly rooms: Rooms,
    private readonly length: number,
    aligned: number,
  ) {
    this.#before = (4 - (aligned % 4)) % 4;
  }

  /** Bytes of memory that `more` to come take besides what is taken. */
  lacks(more: number): number {
    const size = this.#size + more;
    if (size <= this.#bytes.length) return 0;
    return Math.max(size, Math.min(AHEAD * size, this.length)) - this.#bytes.length;
  }

  add(piece: Uint8Array): void {
    const lacks = this.lacks(piece.length);
    if (lacks > 0) {
      const [before, length] = [this.#before, this.#bytes.length + lacks];
      const bytes = new Uint8Array(this.rooms.take(before + length), before, length);
      bytes.set(this.bytes());
      this.give();
      this.#bytes = bytes;
    }
    this.#bytes.set(piece, this.#size);
    this.#size += piece.length;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#size);
  }

  /** Gives the memory back; what was read of it is then another's. */
  give(): void {
    if (this.#bytes.length > 0) this.rooms.give(this.#bytes.buffer);
    this.#bytes = new Uint8Array();
  }
}
