/** The bytes behind whatever a user holds: a path, a URL, memory, a file of a page, a response, a stream. */
import { ConvzooError } from "../errors.js";
import { type Bytes, inMemory } from "./bytes.js";
import type { DownloadOptions } from "./download.js";
import { readStream } from "./stream.js";

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

/** A file that stays open, to be read here and there. */
export interface OpenFile {
  readonly size: number;
  /** The bytes from `begin` up to `end`, in memory of their own; fewer where the file ends before. */
  read(begin: number, end: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Reads files, where the runtime has them. Both reject as node:fs does (`code` "ENOENT" etc.) if that cannot be. */
export interface FilePlatform {
  /** A path, or a file URL as an object. */
  readonly read?: (pathOrFileUrl: string | URL, signal?: AbortSignal) => Promise<Uint8Array>;
  readonly open?: (pathOrFileUrl: string | URL) => Promise<OpenFile>;
}

export interface ReadOptions extends DownloadOptions {
  readonly platform?: FilePlatform;
  /** Hears how far the reading of a file or Blob is that is read here and there. */
  readonly onRead?: DownloadOptions["onProgress"];
}

/** Bytes that may hold something open until `close`. */
export interface Opened {
  readonly bytes: Bytes;
  close(): Promise<void>;
}

/**
 * Reads a source to its end. Memory is viewed, not copied; a stream whose length is known is read into one buffer.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `too-large`, `unsupported` (a path where there are no files),
 * `bad-option` (not a source at all); an aborted signal's reason
 */
export async function readSource(source: WeightSource, options: ReadOptions = {}): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  if (isPlace(source)) {
    return isFile(source, options.platform) ? readFile(source, options) : fetchWhole(source, options);
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

/**
 * A source to read here and there: a file is held open, a Blob is sliced, memory is viewed; what comes over a network is
 * read to its end first, a URL with retries. Rejects as {@link readSource} does.
 */
export async function openSource(source: WeightSource, options: ReadOptions = {}): Promise<Opened> {
  const { signal, platform, onRead } = options;
  signal?.throwIfAborted();
  const name = nameOf(source);
  if (isPlace(source) && isFile(source, platform) && platform?.open) {
    return openFile(source, platform.open, options);
  }
  if (isPlace(source) && !isFile(source, platform) && /^https?:/i.test(String(source))) {
    const { downloadToMemory } = await import("./download.js");
    return inPlace(inMemory(await downloadToMemory(source, options), name));
  }
  if (isTagged<Blob>(source, "Blob") || isTagged<Blob>(source, "File")) {
    const read = async (begin: number, end: number) =>
      new Uint8Array(await guarded(name, signal, () => source.slice(begin, end).arrayBuffer()));
    return inPlace(counted({ name, size: source.size, fresh: true, read }, onRead));
  }
  return inPlace(inMemory(await readSource(source, options), name));
}

const inPlace = (bytes: Bytes): Opened => ({ bytes, close: async () => {} });

async function openFile(
  source: string | URL,
  open: NonNullable<FilePlatform["open"]>,
  { signal, onRead }: ReadOptions,
): Promise<Opened> {
  const name = nameOf(source);
  const file = await guarded(name, undefined, () => open(isFileUrl(source) ? new URL(source) : source));
  if (signal?.aborted) {
    await file.close();
    throw signal.reason;
  }
  const read = async (begin: number, end: number) => {
    const bytes = await guarded(name, signal, () => file.read(begin, end));
    if (bytes.length === end - begin) return bytes;
    const message = `${name} became shorter while it was read; load it again once it is written.`;
    throw new ConvzooError("fetch-failed", message, { source: name });
  };
  return { bytes: counted({ name, size: file.size, fresh: true, read }, onRead), close: () => file.close() };
}

/** The same bytes, and how far into them was read is told. */
function counted(bytes: Bytes, onRead: ReadOptions["onRead"]): Bytes {
  if (!onRead) return bytes;
  const { size } = bytes;
  let loaded = 0;
  const read = async (begin: number, end: number) => {
    const part = await bytes.read(begin, end);
    loaded = Math.max(loaded, end);
    onRead({ phase: "download", loaded, total: size });
    return part;
  };
  return { ...bytes, read };
}

/** The place that registered files come from instead of their own. Throws `bad-option` where it is no URL. */
export function checkBase(base: string): string {
  if (typeof base === "string" && /^https?:\/\/[^/]/i.test(base)) return base;
  const message = `weightsBase (or CONVZOO_WEIGHTS_BASE) is an http or https URL of a folder, not ${JSON.stringify(base)}.`;
  throw new ConvzooError("bad-option", message);
}

/** What to call a source at the head of a message: its path or URL where it has one. */
export function nameOf(source: WeightSource): string {
  if (typeof source === "string" || isTagged<URL>(source, "URL")) return shorten(String(source));
  if (isTagged<File>(source, "File")) return source.name;
  if (isTagged<Response>(source, "Response")) return shorten(source.url) || "The Response";
  if (isTagged<ReadableStream>(source, "ReadableStream")) return "The stream";
  return isTagged<Blob>(source, "Blob") ? "The Blob" : "The buffer";
}

/** A path or a URL. */
export function isPlace(source: unknown): source is string | URL {
  return typeof source === "string" || isTagged<URL>(source, "URL");
}

/** A file URL, or where there are files what is no URL. */
function isFile(source: string | URL, platform?: FilePlatform): boolean {
  return isFileUrl(source) || (platform?.read !== undefined && !isUrl(source));
}

export function isFileUrl(source: string | URL): boolean {
  return /^file:/i.test(String(source));
}

/** With a scheme; one letter is a drive of Windows. */
export function isUrl(source: string | URL): boolean {
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
  const read = platform?.read;
  if (!read) {
    const message = `${name} is a file, and this runtime cannot read files by path. Pass its bytes, a Blob or an http URL.`;
    throw new ConvzooError("unsupported", message, { source: name });
  }
  const bytes = await guarded(name, signal, () => read(isFileUrl(source) ? new URL(source) : source, signal));
  onProgress?.({ phase: "download", loaded: bytes.length, total: bytes.length });
  return bytes;
}

/** What `work` gives; what it rejects with, a fault of a file, is told as a ConvzooError. */
async function guarded<T>(name: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    signal?.throwIfAborted();
    return result;
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

async function fetchWhole(url: string | URL, options: ReadOptions): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, { signal: options.signal });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw unreachable(nameOf(url), cause);
  }
  return readResponse(response, options, nameOf(url));
}

/** The error of a request that got no answer. */
export function unreachable(name: string, cause: unknown): ConvzooError {
  const advice =
    "Check the URL and the connection; in a browser, the server must allow this page's origin (CORS).";
  const message = `${name} could not be fetched: ${String(cause)}. ${advice}`;
  return new ConvzooError("fetch-failed", message, { source: name, cause });
}

/** The error of an answer that is none of the file. */
export function refusal(response: Response, name: string): ConvzooError {
  const gone = response.status === 404 || response.status === 410;
  const what = gone ? "does not exist; check the URL" : "could not be fetched";
  const message = `${name} ${what}: the server answered ${response.status} ${response.statusText}`.trimEnd();
  return new ConvzooError(gone ? "not-found" : "fetch-failed", `${message}.`, { source: name });
}

async function readResponse(
  response: Response,
  options: ReadOptions,
  name = nameOf(response),
): Promise<Uint8Array> {
  if (!response.ok) throw refusal(response, name);
  if (!response.body) return new Uint8Array();
  return readStream(response.body, statedLength(response), name, options);
}

/** How long a body is, where its headers say so. That of a compressed one says nothing about what comes out of it. */
export function statedLength({ headers }: Response): number | undefined {
  const stated = headers.has("content-encoding") ? 0 : Number(headers.get("content-length"));
  return stated > 0 ? stated : undefined;
}
