/** The bytes behind whatever a user holds: a path, a URL, memory, a file of a page, a response, a stream. */
import { ConvzooError } from "../errors.js";

/**
 * Where weights come from. A string is an http(s), data:, blob: or file: URL, or else a path (in browsers: a URL relative
 * to the page).
 */
export type WeightSource =
  | string
  | URL
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayBufferView
  | Blob
  | Response
  | ReadableStream<Uint8Array>;

/** How far loading is, in bytes; `total` only where it is known. */
export interface LoadProgress {
  readonly phase: "download";
  readonly loaded: number;
  readonly total?: number;
}

/** Reads files, where the runtime has them. */
export interface FilePlatform {
  /** A path, or a file URL as an object. Rejects as node:fs does (`code` "ENOENT" etc.) if the file cannot be read. */
  readonly read?: (pathOrFileUrl: string | URL, signal?: AbortSignal) => Promise<Uint8Array>;
}

export interface ReadOptions {
  /** Aborts reading: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly platform?: FilePlatform;
}

/**
 * Reads a source to its end. Memory is viewed, not copied; a stream whose length is known is read into one buffer.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `too-large`, `unsupported` (a path where there are no files),
 * `bad-option` (not a source at all); an aborted signal's reason
 */
export async function readSource(source: WeightSource, options: ReadOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  if (typeof source === "string" || isTagged<URL>(source, "URL")) {
    const isFile = isFileUrl(source) || (options.platform?.read && !isUrl(source));
    return isFile ? readFile(source, options) : download(source, options);
  }
  if (isTagged<Response>(source, "Response")) return readResponse(source, options);
  if (isTagged<ReadableStream<Uint8Array>>(source, "ReadableStream")) {
    return readStream(source, undefined, nameOf(source), options);
  }
  if (isTagged<Blob>(source, "Blob") || isTagged<Blob>(source, "File")) {
    return readStream(source.stream(), source.size, nameOf(source), options);
  }
  const bytes = viewBytes(source);
  options.onProgress?.({ phase: "download", loaded: bytes.length, total: bytes.length });
  return bytes;
}

/** What to call a source at the head of a message: its path or URL where it has one. */
export function nameOf(source: WeightSource): string {
  if (typeof source === "string" || isTagged<URL>(source, "URL")) return shorten(String(source));
  if (isTagged<File>(source, "File")) return source.name;
  if (isTagged<Response>(source, "Response")) return shorten(source.url) || "The Response";
  if (isTagged<ReadableStream>(source, "ReadableStream")) return "The stream";
  return isTagged<Blob>(source, "Blob") ? "The Blob" : "The buffer";
}

function isFileUrl(source: string | URL): boolean {
  return /^file:/i.test(String(source));
}

/** With a scheme; one letter is a drive of Windows. */
function isUrl(source: string | URL): boolean {
  return /^([a-z][a-z\d+.-]+:\/\/|data:|blob:)/i.test(String(source));
}

/** A data: URL can be megabytes long. */
function shorten(url: string): string {
  return url.length > 300 ? `${url.slice(0, 300)}...` : url;
}

/** By its tag rather than by instanceof: objects of other realms count, and no class needs to exist in this runtime. */
function isTagged<T>(value: unknown, tag: string): value is T {
  return Object.prototype.toString.call(value) === `[object ${tag}]`;
}

function viewBytes(source: unknown): Uint8Array {
  try {
    if (ArrayBuffer.isView(source))
      return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    if (
      isTagged<ArrayBuffer>(source, "ArrayBuffer") ||
      isTagged<SharedArrayBuffer>(source, "SharedArrayBuffer")
    ) {
      return new Uint8Array(source);
    }
  } catch (cause) {
    const message = "The buffer was transferred elsewhere and holds nothing any more; pass a copy of it.";
    throw new ConvzooError("bad-option", message, { cause });
  }
  const accepted = "a path, URL, ArrayBuffer, Uint8Array, Blob, Response or (web) ReadableStream";
  const given = source === null ? "null" : typeof source;
  throw new ConvzooError("bad-option", `Weights are read from ${accepted}, not from this value (${given}).`);
}

async function readFile(
  source: string | URL,
  { signal, onProgress, platform }: ReadOptions,
): Promise<Uint8Array> {
  const name = nameOf(source);
  if (!platform?.read) {
    const message = `${name} is a file, and this runtime cannot read files by path. Pass its bytes, a Blob or an http URL.`;
    throw new ConvzooError("unsupported", message, { source: name });
  }
  try {
    const bytes = await platform.read(isFileUrl(source) ? new URL(source) : source, signal);
    signal?.throwIfAborted();
    onProgress?.({ phase: "download", loaded: bytes.length, total: bytes.length });
    return bytes;
  } catch (cause) {
    signal?.throwIfAborted();
    const code = (cause as { code?: unknown } | null)?.code;
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new ConvzooError("not-found", `There is no file ${name}; check the path.`, {
        source: name,
        cause,
      });
    }
    const reason = code === "EISDIR" ? "it is a directory; name a file in it" : String(cause);
    throw new ConvzooError("fetch-failed", `${name} could not be read: ${reason}`, { source: name, cause });
  }
}

async function download(url: string | URL, options: ReadOptions): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { signal: options.signal });
  } catch (cause) {
    options.signal?.throwIfAborted();
    const advice =
      "Check the URL and the connection; in a browser, the server must allow this page's origin (CORS).";
    const message = `${nameOf(url)} could not be fetched: ${String(cause)}. ${advice}`;
    throw new ConvzooError("fetch-failed", message, { source: nameOf(url), cause });
  }
  return readResponse(response, options, nameOf(url));
}

async function readResponse(
  response: Response,
  options: ReadOptions,
  name = nameOf(response),
): Promise<Uint8Array> {
  if (!response.ok) {
    const gone = response.status === 404 || response.status === 410;
    const what = gone ? "does not exist; check the URL" : "could not be fetched";
    const message =
      `${name} ${what}: the server answered ${response.status} ${response.statusText}`.trimEnd();
    throw new ConvzooError(gone ? "not-found" : "fetch-failed", `${message}.`, { source: name });
  }
  if (!response.body) return new Uint8Array();
  // The length of a compressed body says nothing about what comes out of it.
  const stated = response.headers.has("content-encoding")
    ? 0
    : Number(response.headers.get("content-length"));
  return readStream(response.body, stated > 0 ? stated : undefined, name, options);
}

async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  name: string,
  { signal, onProgress }: ReadOptions,
): Promise<Uint8Array> {
  if (stream.locked) {
    throw new ConvzooError("fetch-failed", `${name} was read already; pass a fresh one.`, { source: name });
  }
  const reader = stream.getReader();
  const cancel = (reason: unknown) => void reader.cancel(reason).catch(() => undefined);
  const onAbort = () => cancel(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  const sink = new Sink(total, name);
  try {
    for (;;) {
      const { done, value } = await readChunk(reader, name, signal);
      if (done) return sink.finish();
      sink.add(value);
      onProgress?.({ phase: "download", loaded: sink.loaded, ...(total !== undefined && { total }) });
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
  if (!chunk.done && !isTagged<Uint8Array>(chunk.value, "Uint8Array")) {
    throw new ConvzooError("bad-option", `${name} gives ${typeof chunk.value}s; it must give Uint8Arrays.`);
  }
  return chunk;
}

/** Gathers chunks: in place while they fit the stated length, so that a large file is in memory once, else in a list. */
class Sink {
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
