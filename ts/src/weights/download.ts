/** Downloads that survive faults: retried with pauses, and gone on with where they broke off. */
import { ConvzooError } from "../errors.js";
import { nameOf, refusal, statedLength, unreachable } from "./source.js";
import { eachChunk, Sink, type StreamOptions } from "./stream.js";

/** Where a download is put. */
export interface Target {
  /** Bytes written since `begin`. */
  readonly size: number;
  /** Forgets what was written; `total` bytes are expected, where that is known. */
  begin(total?: number): void | Promise<void>;
  write(chunk: Uint8Array): void | Promise<void>;
}

export interface DownloadOptions extends StreamOptions {
  /** The pause before the first retry in milliseconds; each further one is twice as long. 500 unless given. */
  readonly pause?: number;
  /** Milliseconds without a byte after which a connection counts as dead. 30,000 unless given. */
  readonly silence?: number;
}

/** Retries in a row that bring nothing; where no server ever answered, one is enough to say so without delay. */
const RETRIES = 4;
const RETRIES_WITHOUT_ANSWER = 1;
/** The longest pause that a server may ask for, in milliseconds. */
const LONGEST_PAUSE = 60_000;

/** A fault that may pass, and how long the server asked to wait for that. */
class Passing {
  constructor(
    readonly error: ConvzooError,
    readonly wait = 0,
  ) {}
}

/** What a server says of the file. */
interface Known {
  /** Strong ones only: a weak tag is the same for files that mean the same. */
  readonly etag: string | null;
  readonly modified: string | null;
  readonly total: number | undefined;
  /** Whether the rest of it can be asked for, and be known to be of the same file. */
  readonly resumable: boolean;
}

/** A download into memory. Rejects as {@link download} does. */
export async function downloadToMemory(url: string | URL, options: DownloadOptions): Promise<Uint8Array> {
  let sink = new Sink(0, nameOf(url));
  const target = {
    get size() {
      return sink.loaded;
    },
    begin: (total?: number) => {
      sink = new Sink(total, nameOf(url));
    },
    write: (chunk: Uint8Array) => sink.add(chunk),
  };
  await download(url, target, options);
  return sink.finish();
}

/**
 * Reads a URL into `target`. What breaks off, stalls, or is answered by 408, 429 or 5xx is tried again, from where it broke
 * off if the server says that the file is still the same, else from the start.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `too-large`; an aborted signal's reason, at once
 */
export async function download(url: string | URL, target: Target, options: DownloadOptions): Promise<void> {
  const { signal, pause = 500 } = options;
  let known: Known | undefined;
  let answered = false;
  // The furthest that an attempt came: only what goes beyond it is progress.
  let furthest = 0;
  for (let failures = 0; ; failures++) {
    signal?.throwIfAborted();
    try {
      const response = await request(url, known, target.size, options);
      answered = true;
      try {
        known = await startOf(response.answer, known, target, nameOf(url));
        await readBody(response, known.total, target, nameOf(url), options);
      } finally {
        response.release();
      }
      return;
    } catch (fault) {
      signal?.throwIfAborted();
      if (!(fault instanceof Passing)) throw fault;
      if (target.size > furthest) failures = 0;
      furthest = Math.max(furthest, target.size);
      if (failures >= (answered ? RETRIES : RETRIES_WITHOUT_ANSWER)) throw fault.error;
      // Not all at the same moment, should a server have failed many at once.
      const own = pause * 2 ** failures * (0.5 + Math.random() / 2);
      await sleep(Math.min(Math.max(own, fault.wait), LONGEST_PAUSE), signal);
    }
  }
}

/** An answer whose connection is cut when it is silent for too long. */
interface Answered {
  readonly answer: Response;
  /** Cuts the connection where it is not at its end yet. */
  readonly cut: AbortSignal;
  heard(): void;
  release(): void;
}

async function request(
  url: string | URL,
  known: Known | undefined,
  size: number,
  { signal, silence = 30_000 }: DownloadOptions,
): Promise<Answered> {
  const name = nameOf(url);
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    const reason = new Error(`nothing came for ${silence / 1000} s`);
    timer = setTimeout(() => controller.abort(reason), silence);
  };
  const release = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    controller.abort();
  };
  heard();
  const headers: Record<string, string> = {};
  if (known?.resumable && size > 0) {
    headers.range = `bytes=${size}-`;
    if (known.etag) headers["if-range"] = known.etag;
  }
  try {
    const answer = await fetch(url, { headers, signal: controller.signal });
    return { answer, cut: controller.signal, heard, release };
  } catch (cause) {
    release();
    throw new Passing(unreachable(name, cause));
  }
}

/** Readies the target for the answer's body. Throws where the answer is not the file, or not the rest that was asked for. */
async function startOf(
  answer: Response,
  known: Known | undefined,
  target: Target,
  name: string,
): Promise<Known> {
  const { status, headers } = answer;
  const tag = headers.get("etag");
  const etag = tag?.startsWith("W/") ? null : tag;
  const modified = headers.get("last-modified");
  if (status === 206 && known?.resumable) {
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
    const isRest = Number(from) === target.size && (known.total ?? Number(total)) === Number(total);
    if (isRest && etag === known.etag && modified === known.modified)
      return { ...known, total: Number(total) };
  }
  if (status === 206 || status === 416) {
    await target.begin();
    const message = `${name} changed while it was downloaded, or its server mistook which part was asked for. Try again.`;
    throw new Passing(new ConvzooError("fetch-failed", message, { source: name }));
  }
  if (!answer.ok) {
    const error = refusal(answer, name);
    if (status !== 408 && status !== 429 && status < 500) throw error;
    throw new Passing(error, 1000 * (Number(headers.get("retry-after")) || 0));
  }
  const total = statedLength(answer);
  await target.begin(total);
  // The parts of a compressed body are none of the file's.
  const resumable = Boolean(etag || modified) && !headers.has("content-encoding");
  return { etag, modified, total, resumable };
}

async function readBody(
  { answer, cut, heard }: Answered,
  total: number | undefined,
  target: Target,
  name: string,
  { signal, onProgress }: DownloadOptions,
): Promise<void> {
  // What goes wrong on this side is no fault of the connection.
  let own: { readonly error: unknown } | undefined;
  const use = async (chunk: Uint8Array) => {
    heard();
    try {
      await target.write(chunk);
      onProgress?.({ phase: "download", loaded: target.size, ...(total !== undefined && { total }) });
    } catch (error) {
      own = { error };
      throw error;
    }
  };
  try {
    if (answer.body) await eachChunk(answer.body, name, cut, use);
  } catch (cause) {
    signal?.throwIfAborted();
    if (own) throw own.error;
    const message = `${name} broke off at byte ${target.size}: ${causeOf(cause)}. Check the connection and try again.`;
    throw new Passing(new ConvzooError("fetch-failed", message, { source: name, cause }));
  }
  if (total === undefined || target.size === total) return;
  const message = `${name} ended after ${target.size} of its ${total} bytes. Try again.`;
  throw new Passing(new ConvzooError("fetch-failed", message, { source: name }));
}

/** What was wrong, without the words that eachChunk puts around it. */
function causeOf(error: unknown): string {
  const cause = error instanceof ConvzooError ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

/** Rejects with the signal's reason as soon as it is aborted. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort);
  });
}
