import { ConvzooError } from "../errors.js";

/** Deflate makes at most this many bytes of one. */
const MAX_RATIO = 1032;
/** Inflating is fed so much at a time, so that a bomb cannot make more than `MAX_RATIO` times as much before it is cut. */
const SLICE = 1 << 16;

/**
 * The first `length` bytes that zlib-compressed `parts` hold. Further ones are neither kept nor read.
 * Throws `bad-image` if there are fewer, or the data are damaged.
 */
export async function inflate(parts: readonly Uint8Array[], length: number): Promise<Uint8Array> {
  const compressed = parts.reduce((sum, part) => sum + part.length, 0);
  if (compressed * MAX_RATIO < length) throw tooShort();
  const slices = cut(parts);
  const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull(controller) {
      const { done, value } = slices.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
  });
  const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
  const out = new Uint8Array(length);
  let at = 0;
  try {
    while (at < length) {
      const { done, value } = await reader.read();
      if (done) throw tooShort();
      out.set(value.subarray(0, length - at), at);
      at += value.length;
    }
  } catch (cause) {
    if (cause instanceof ConvzooError) throw cause;
    throw new ConvzooError("bad-image", "The PNG file is damaged: its data do not inflate. Fetch it again.", {
      cause,
    });
  } finally {
    // What is left is not wanted, and whether it is sound does not matter.
    reader.cancel().catch(() => {});
  }
  return out;
}

function* cut(parts: readonly Uint8Array[]): Generator<Uint8Array<ArrayBuffer>, undefined> {
  for (const part of parts) {
    for (let at = 0; at < part.length; at += SLICE) yield part.slice(at, at + SLICE);
  }
}

/**
 * Undoes PNG's filters in place: `raw` holds rows of one filter byte and `rowBytes` data bytes, `bpp` bytes a pixel (at
 * least 1). Gives the rows without their filter bytes, as views. Throws `bad-image` for a filter that PNG does not know.
 */
export function unfilter(raw: Uint8Array, rowBytes: number, bpp: number): Uint8Array[] {
  const rows: Uint8Array[] = [];
  let above: Uint8Array = new Uint8Array(rowBytes);
  for (let at = 0; at < raw.length; at += rowBytes + 1) {
    const row = raw.subarray(at + 1, at + 1 + rowBytes);
    unfilterRow(raw[at] as number, row, above, bpp);
    rows.push(row);
    above = row;
  }
  return rows;
}

function unfilterRow(filter: number, row: Uint8Array, above: Uint8Array, bpp: number): void {
  const n = row.length;
  const at = (from: Uint8Array, i: number) => from[i] as number;
  switch (filter) {
    case 0:
      return;
    case 1:
      for (let i = bpp; i < n; i++) row[i] = at(row, i) + at(row, i - bpp);
      return;
    case 2:
      for (let i = 0; i < n; i++) row[i] = at(row, i) + at(above, i);
      return;
    case 3:
      for (let i = 0; i < n; i++)
        row[i] = at(row, i) + (((i < bpp ? 0 : at(row, i - bpp)) + at(above, i)) >> 1);
      return;
    case 4:
      for (let i = 0; i < n; i++) {
        const left = i < bpp ? 0 : at(row, i - bpp);
        const corner = i < bpp ? 0 : at(above, i - bpp);
        row[i] = at(row, i) + paeth(left, at(above, i), corner);
      }
      return;
    default:
      throw new ConvzooError(
        "bad-image",
        `The PNG file is damaged: there is no filter ${filter}. Fetch it again.`,
      );
  }
}

/** The neighbour nearest to left + up - corner; in a tie the first of these three. */
function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const toLeft = Math.abs(guess - left);
  const toUp = Math.abs(guess - up);
  const toCorner = Math.abs(guess - corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function tooShort(): ConvzooError {
  return new ConvzooError(
    "bad-image",
    "The PNG file is truncated: its data end before its image does. Fetch it again.",
  );
}
