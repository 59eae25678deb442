/** A request's body, within all limits. */
import { orAborted } from "./deadline.js";
import type { Gate } from "./gate.js";
import { badRequest, ClientGone, Refusal } from "./refusal.js";

/** Bytes as they come: Node's stream or the web's. */
export type Source = AsyncIterable<Uint8Array>;

/** What a body is read under. */
export interface BodyLimits {
  /** Bytes of one, after decompression. */
  readonly most: number;
  /** Bytes of all. What one takes of it is given back by whoever is done with it. */
  readonly all: Gate;
  readonly signal: AbortSignal;
  /** What of a body lies where numbers of four bytes may lie: all after so many bytes. */
  readonly aligned?: number;
}

/** A body, and what to call when it is needed no more. */
export interface Body {
  readonly bytes: Uint8Array<ArrayBuffer>;
  release(): void;
}

/**
 * Reads a body, decompressing gzip and deflate as it comes, so that what is too large is never held. Throws refusals: 413, 415
 * for other encodings, 400 for damaged compression, 503 where all bodies together are too many, and the signal's reason.
 */
export async function readBody(source: Source | null, headers: Headers, limits: BodyLimits): Promise<Body> {
  const { most, all, signal, aligned = 0 } = limits;
  const encoding = (headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (!["identity", "gzip", "deflate"].includes(encoding)) {
    const message = `A body may be compressed by gzip or deflate, not by ${JSON.stringify(encoding.slice(0, 40))}.`;
    throw new Refusal(415, "unsupported-encoding", message, { "accept-encoding": "gzip, deflate" });
  }
  const tooLarge = () => new Refusal(413, "body-too-large", `A body has at most ${most} bytes here.`);
  if (Number(headers.get("content-length") ?? 0) > most) throw tooLarge();
  const pieces: Uint8Array[] = [];
  let [size, held] = [0, 0];
  const release = () => {
    all.leave(held);
    held = 0;
  };
  const read = async () => {
    const coded = limited(source ?? none(), most, tooLarge);
    for await (const piece of encoding === "identity" ? coded : inflated(coded, encoding)) {
      signal.throwIfAborted();
      if (size + piece.length > most) throw tooLarge();
      all.enter(piece.length);
      held += piece.length;
      size += piece.length;
      pieces.push(piece);
    }
  };
  try {
    await orAborted(read(), signal);
  } catch (error) {
    release();
    throw error instanceof Refusal ? error : unreadable(error, encoding);
  }
  return { bytes: joined(pieces, size, aligned), release };
}

async function* none(): Source {}

/** What comes, as long as it is not more than `most`. */
async function* limited(source: Source, most: number, refuse: () => Error): Source {
  let size = 0;
  for await (const piece of source) {
    size += piece.length;
    if (size > most) throw refuse();
    yield piece;
  }
}

/** Decompresses no more than what is asked for, a piece at a time. */
function inflated(source: Source, encoding: string): Source {
  const pieces = source[Symbol.asyncIterator]();
  const stream = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(new Uint8Array(value));
      } catch (error) {
        controller.error(error);
      }
    },
    cancel: () => void pieces.return?.(),
  });
  return stream.pipeThrough(new DecompressionStream(encoding as CompressionFormat));
}

function unreadable(error: unknown, encoding: string): Error {
  const { code, cause, name } = error as NodeJS.ErrnoException;
  if (cause instanceof Refusal) return cause;
  if (code === "ECONNRESET" || code === "ERR_STREAM_PREMATURE_CLOSE" || name === "AbortError")
    return new ClientGone();
  return encoding === "identity"
    ? new ClientGone()
    : badRequest(`The body is no ${encoding} that can be read.`);
}

function joined(pieces: readonly Uint8Array[], size: number, aligned: number): Uint8Array<ArrayBuffer> {
  const before = (4 - (aligned % 4)) % 4;
  const all = new Uint8Array(before + size).subarray(before);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
    drop(piece);
  }
  return all;
}

/**
 * Gives the memory of bytes back that nobody reads any more, where the runtime can: they are none then. V8 looks through its whole
 * heap for each few megabytes outside of it that have become garbage, which takes a seventh of a busy server's time.
 */
export function drop({ buffer, byteLength, byteOffset }: Uint8Array): void {
  // What lies beside them, but for what aligns them, may be another's.
  if (byteLength > 0 && byteOffset < 4 && byteOffset + byteLength === buffer.byteLength)
    (buffer as { transfer?(length: number): unknown }).transfer?.(0);
}

/** JSON of bytes that must be UTF-8. Throws a refusal. */
export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const why = error instanceof TypeError ? "is no UTF-8" : "is no JSON";
    throw badRequest(`What was sent as JSON ${why}.`);
  }
}
