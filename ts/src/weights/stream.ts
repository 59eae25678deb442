/** Bytes that come piece by piece, gathered in memory. */
import { ConvzooError } from "../errors.js";

/** How far loading is, in bytes; `total` only where it is known. */
export interface LoadProgress {
  readonly phase: "download";
  readonly loaded: number;
  readonly total?: number;
}

export interface StreamOptions {
  /** Aborts reading: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/**
 * Reads a stream to its end; with `total` known into one buffer. Rejects with `fetch-failed`, `too-large`, `bad-option` (a
 * stream of something else than bytes), or the signal's reason; the stream is cancelled then.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  name: string,
  { signal, onProgress }: StreamOptions,
): Promise<Uint8Array> {
  const sink = new Sink(total, name);
  await eachChunk(stream, name, signal, (chunk) => {
    sink.add(chunk);
    onProgress?.({ phase: "download", loaded: sink.loaded, ...(total !== undefined && { total }) });
  });
  return sink.finish();
}

/** Gives each chunk to `use` and waits for it. Rejects as {@link readStream} does, and with what `use` throws. */
export async function eachChunk(
  stream: ReadableStream<Uint8Array>,
  name: string,
  signal: AbortSignal | undefined,
  use: (chunk: Uint8Array) => unknown,
): Promise<void> {
  if (stream.locked) {
    throw new ConvzooError("fetch-failed", `${name} was read already; pass a fresh one.`, { source: name });
  }
  const reader = stream.getReader();
  const cancel = (reason: unknown) => void reader.cancel(reason).catch(() => undefined);
  const onAbort = () => cancel(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  try {
    for (;;) {
      const { done, value } = await readChunk(reader, name, signal);
      if (done) return;
      await use(value);
      signal?.throwIfAborted();
    }
  } catch (error) {
    cancel(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  name: string,
  signal?: AbortSignal,
) {
  let chunk: ReadableStreamReadResult<Uint8Array>;
  try {
    chunk = await reader.read();
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `${name} broke off: ${String(cause)}. Try again.`;
    throw new ConvzooError("fetch-failed", message, { source: name, cause });
  }
  // A cancelled stream ends like a complete one.
  signal?.throwIfAborted();
  if (!chunk.done && Object.prototype.toString.call(chunk.value) !== "[object Uint8Array]") {
    throw new ConvzooError("bad-option", `${name} gives ${typeof chunk.value}s; it must give Uint8Arrays.`);
  }
  return chunk;
}

/** Gathers chunks: in place while they fit the stated length, so that a large file is in memory once, else in a list. */
export class Sink {
  loaded = 0;
  private readonly buffer: Uint8Array;
  private readonly overflow: (Uint8Array | undefined)[] = [];

  constructor(
    total: number | undefined,
    private readonly name: string,
  ) {
    this.buffer = this.allocate(total ?? 0);
  }

  add(chunk: Uint8Array): void {
    if (this.overflow.length === 0 && this.loaded + chunk.length <= this.buffer.length)
      this.buffer.set(chunk, this.loaded);
    else this.overflow.push(chunk);
    this.loaded += chunk.length;
  }

  finish(): Uint8Array {
    if (this.overflow.length === 0) return this.buffer.subarray(0, this.loaded);
    const whole = this.allocate(this.loaded);
    let offset = this.loaded - this.overflow.reduce((sum, chunk) => sum + chunk!.length, 0);
    whole.set(this.buffer.subarray(0, offset));
    for (let i = 0; i < this.overflow.length; i++) {
      const chunk = this.overflow[i]!;
      whole.set(chunk, offset);
      offset += chunk.length;
      // Lets each chunk go as soon as it is copied.
      this.overflow[i] = undefined;
    }
    return whole;
  }

  private allocate(length: number): Uint8Array {
    try {
      return new Uint8Array(length);
    } catch (cause) {
      const message = `${this.name} has ${length} bytes, more than this runtime can hold in one piece.`;
      throw new ConvzooError("too-large", message, { source: this.name, cause });
    }
  }
}
