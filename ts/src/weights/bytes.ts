/** Bytes that are read where they are wanted: memory, an open file, a Blob. */
export interface Bytes {
  /** What to call them at the head of a message. */
  readonly name: string;
  readonly size: number;
  /** Whether `read` gives memory that is the reader's own, to change or give away; only where it says so. */
  readonly fresh?: boolean;
  /** The bytes from `begin` up to `end`. What lies in memory already is viewed, not copied. */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/** Bytes in memory. */
export function inMemory(bytes: Uint8Array, name: string): Bytes {
  return { name, size: bytes.length, read: async (begin, end) => bytes.subarray(begin, end) };
}
