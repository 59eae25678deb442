import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { checkSize } from "./pixels.js";
import { inflate, unfilter } from "./png-data.js";
import { text } from "./sniff.js";

const GRAY = 0;
const RGB = 2;
const PALETTE = 3;
const GRAY_ALPHA = 4;
const RGBA = 6;

/** The samples a pixel and the allowed bits a sample of each colour type. */
const COLOR_TYPES: Readonly<Record<number, { channels: number; depths: readonly number[] }>> = {
  [GRAY]: { channels: 1, depths: [1, 2, 4, 8, 16] },
  [RGB]: { channels: 3, depths: [8, 16] },
  [PALETTE]: { channels: 1, depths: [1, 2, 4, 8] },
  [GRAY_ALPHA]: { channels: 2, depths: [8, 16] },
  [RGBA]: { channels: 4, depths: [8, 16] },
};

/** Part of the image: its first column and row, and the steps between its columns and rows. */
type Pass = readonly [x: number, y: number, dx: number, dy: number];

const WHOLE: readonly Pass[] = [[0, 0, 1, 1]];
const ADAM7: readonly Pass[] = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
];

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
  readonly channels: number;
  readonly passes: readonly Pass[];
}

/**
 * Decodes a PNG file (PNG specification, third edition) of any kind but 16-bit gray, of which Pillow's RGB keeps only
 * the lowest 256 levels. Of 16-bit colours the upper byte is kept, as Pillow does. Throws `bad-image`.
 */
export async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const { header, palette, data } = readChunks(bytes);
  const { width, height, channels, depth, passes } = header;
  const bits = channels * depth;
  const parts = passes
    .map(([x, y, dx, dy]) => ({
      x,
      y,
      dx,
      dy,
      w: Math.ceil((width - x) / dx),
      h: Math.ceil((height - y) / dy),
    }))
    .filter(({ w, h }) => w > 0 && h > 0)
    .map((part) => ({ ...part, rowBytes: Math.ceil((part.w * bits) / 8) }));
  const length = parts.reduce((sum, { h, rowBytes }) => sum + h * (rowBytes + 1), 0);
  const raw = await inflate(data, length);
  const rgb = new Uint8Array(width * height * 3);
  const write = rowWriter(header, palette);
  let at = 0;
  for (const { x, y, dx, dy, w, h, rowBytes } of parts) {
    const rows = unfilter(raw.subarray(at, at + h * (rowBytes + 1)), rowBytes, Math.ceil(bits / 8));
    for (const [i, row] of rows.entries()) write(row, w, rgb, ((y + i * dy) * width + x) * 3, dx * 3);
    at += h * (rowBytes + 1);
  }
  return { width, height, data: rgb };
}

function readChunks(bytes: Uint8Array): { header: Header; palette: Uint8Array; data: Uint8Array[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const next = at + 12 + length;
    if (next > bytes.length) break;
    const type = text(bytes, at + 4, 4);
    if (type === "IEND") {
      if (header === undefined || data.length === 0) throw damaged("it has no image");
      if (header.type === PALETTE && palette === undefined) throw damaged("it has no palette");
      return { header, palette: palette ?? new Uint8Array(0), data };
    }
    if (type === "IHDR" || type === "PLTE" || type === "IDAT") {
      if (crc32(bytes.subarray(at + 4, next - 4)) !== view.getUint32(next - 4)) {
        throw damaged(`the checksum of a part (${type}) is wrong`);
      }
      const content = bytes.subarray(at + 8, next - 4);
      if (type === "IHDR") header = readHeader(content);
      if (type === "PLTE") palette = content;
      if (type === "IDAT") data.push(content);
    }
    at = next;
  }
  throw new ConvzooError(
    "bad-image",
    "The PNG file is truncated: it ends before its image does. Fetch it again.",
  );
}

function readHeader(content: Uint8Array): Header {
  if (content.length !== 13) throw damaged("its header is not 13 bytes");
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, type, compression, filter, interlace] = content.subarray(8) as unknown as [
    number,
    number,
    ...number[],
  ];
  checkSize("The PNG file", width, height);
  const color = COLOR_TYPES[type];
  if (
    !color?.depths.includes(depth) ||
    compression !== 0 ||
    filter !== 0 ||
    (interlace !== 0 && interlace !== 1)
  ) {
    throw damaged("its header is not one that PNG knows");
  }
  if (type === GRAY && depth === 16) {
    throw new ConvzooError("bad-image", "The PNG file is gray with 16 bits a pixel; save it with 8.");
  }
  return { width, height, depth, type, channels: color.channels, passes: interlace === 1 ? ADAM7 : WHOLE };
}

/** Writes `w` pixels of an unfiltered row as RGB, from `to` on in steps of `step`. */
type RowWriter = (row: Uint8Array, w: number, rgb: Uint8Array, to: number, step: number) => void;

function rowWriter({ type, depth, channels }: Header, palette: Uint8Array): RowWriter {
  if (type === GRAY || type === PALETTE) return indexedWriter(depth, type === GRAY ? grays(depth) : palette);
  const sample = depth / 8; // The first byte of a 16-bit sample is its upper one.
  const [green, blue] = type === GRAY_ALPHA ? [0, 0] : [sample, 2 * sample];
  return (row, w, rgb, to, step) => {
    for (let x = 0, from = 0; x < w; x++, from += channels * sample, to += step) {
      rgb[to] = row[from] as number;
      rgb[to + 1] = row[from + green] as number;
      rgb[to + 2] = row[from + blue] as number;
    }
  };
}

/** Indices of 1 to 8 bits, the first in the highest bits, into a table of RGB; what lies beyond it is black. */
function indexedWriter(depth: number, table: Uint8Array): RowWriter {
  const colors = new Uint8Array(3 << 8);
  colors.set(table.subarray(0, colors.length));
  const mask = (1 << depth) - 1;
  return (row, w, rgb, to, step) => {
    for (let x = 0, bit = 0; x < w; x++, bit += depth, to += step) {
      const color = 3 * (((row[bit >> 3] as number) >> (8 - depth - (bit & 7))) & mask);
      rgb[to] = colors[color] as number;
      rgb[to + 1] = colors[color + 1] as number;
      rgb[to + 2] = colors[color + 2] as number;
    }
  };
}

function grays(depth: number): Uint8Array {
  const levels = 1 << depth;
  return Uint8Array.from({ length: 3 * levels }, (_, i) => (Math.floor(i / 3) * 255) / (levels - 1));
}

function damaged(why: string): ConvzooError {
  return new ConvzooError("bad-image", `The PNG file is damaged: ${why}. Fetch it again.`);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}
