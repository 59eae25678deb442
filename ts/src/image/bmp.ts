import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { viewOf } from "./bytes.js";
import type { Wanted } from "./codec.js";
import { checkSize, toPixels } from "./pixels.js";

// Ours, as no npm library does all of this: bmp-ts 1.0.9 and bmp-js 0.1.0 need Node's Buffer, read no OS/2 headers and give
// other bytes than Pillow for 16 bits a pixel; fast-bmp 4.0.1 has no palettes, no 4 or 16 bits, and no rows from the top.

/** Sizes of the header that follows the 14 bytes of the file's: OS/2 1 and 2, and Windows's from 3 to 5. */
const HEADER_SIZES = [12, 40, 52, 56, 64, 108, 124];
const UNCOMPRESSED = 0;
const BITFIELDS = 3;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly topDown: boolean;
  readonly bits: number;
  /** Where the pixels are. */
  readonly start: number;
  /** Of red, green and blue, for 16 and 32 bits a pixel. */
  readonly masks: readonly [number, number, number];
  /** Of alpha, for 32 bits a pixel; 0 where there is none. */
  readonly alpha: number;
  readonly palette: { readonly start: number; readonly colors: number; readonly entryBytes: number };
}

/**
 * Decodes an uncompressed BMP file: palettes of 1, 4 and 8 bits, 16 and 32 bits with any masks, 24 bits; rows bottom-up
 * or top-down. A fourth byte is alpha where the header has a mask for it. Throws `bad-image`.
 */
export function decodeBmp(bytes: Uint8Array, { mode, maxPixels }: Omit<Wanted, "orientation">): Pixels {
  const view = viewOf(bytes);
  const header = readHeader(view, maxPixels);
  const { width, height, bits, start } = header;
  const stride = Math.ceil((width * bits) / 32) * 4;
  // The last row's padding may be missing.
  if (start + stride * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) throw truncated();
  const rgb = new Uint8Array(width * height * 3);
  const write = rowWriter(header, view);
  const rowAt = (y: number) => start + (header.topDown ? y : height - 1 - y) * stride;
  for (let y = 0; y < height; y++) write(rowAt(y), rgb.subarray(y * width * 3, (y + 1) * width * 3));
  const pixels = toPixels({ width, height, data: rgb }, mode, maxPixels);
  if (mode !== "RGBA" || header.alpha === 0) return pixels;
  const alpha = byMask(header.alpha);
  for (let i = 0; i < width * height; i++) {
    const at = rowAt(Math.floor(i / width)) + (i % width) * 4;
    pixels.data[4 * i + 3] = alpha(view.getUint32(at, true));
  }
  return pixels;
}

function readHeader(view: DataView, maxPixels: number): Header {
  if (view.byteLength < 26) throw truncated();
  const size = view.getUint32(14, true);
  if (!HEADER_SIZES.includes(size)) throw damaged(`its header claims to have ${size} bytes`);
  const end = 14 + size;
  if (view.byteLength < end) throw truncated();
  const old = size === 12;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const signedHeight = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const height = Math.abs(signedHeight);
  checkSize("The BMP file", width, height, maxPixels);
  const bits = view.getUint16(old ? 24 : 28, true);
  const compression = old ? UNCOMPRESSED : view.getUint32(30, true);
  const masked = compression === BITFIELDS && (bits === 16 || bits === 32);
  if (compression !== UNCOMPRESSED && !masked) {
    throw new ConvzooError(
      "bad-image",
      `The BMP file is compressed (kind ${compression}); save it without compression.`,
    );
  }
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw damaged(`it claims to have ${bits} bits a pixel`);
  if (masked && view.byteLength < 66) throw truncated();
  return {
    width,
    height,
    topDown: signedHeight < 0,
    bits,
    start: view.getUint32(10, true),
    masks: masked
      ? [view.getUint32(54, true), view.getUint32(58, true), view.getUint32(62, true)]
      : bits === 16
        ? [0x7c00, 0x3e0, 0x1f]
        : [0xff0000, 0xff00, 0xff],
    alpha: masked && bits === 32 && size >= 56 ? view.getUint32(66, true) : 0,
    palette: {
      start: end,
      colors: (old ? 0 : view.getUint32(46, true)) || 1 << bits,
      entryBytes: old ? 3 : 4,
    },
  };
}

/** Writes the row that starts at `from` in the file as RGB. */
type RowWriter = (from: number, rgb: Uint8Array) => void;

function rowWriter({ bits, masks, palette }: Header, view: DataView): RowWriter {
  if (bits <= 8) return indexedWriter(bits, readPalette(view, palette), view);
  if (bits === 24) {
    return (from, rgb) => {
      for (let to = 0; to < rgb.length; to += 3) {
        rgb[to] = view.getUint8(from + to + 2);
        rgb[to + 1] = view.getUint8(from + to + 1);
        rgb[to + 2] = view.getUint8(from + to);
      }
    };
  }
  const [red, green, blue] = [byMask(masks[0]), byMask(masks[1]), byMask(masks[2])];
  const step = bits / 8;
  return (from, rgb) => {
    for (let to = 0, at = from; to < rgb.length; to += 3, at += step) {
      const pixel = bits === 16 ? view.getUint16(at, true) : view.getUint32(at, true);
      rgb[to] = red(pixel);
      rgb[to + 1] = green(pixel);
      rgb[to + 2] = blue(pixel);
    }
  };
}

/** The bits under the mask, from 0 to 255, rounded down as Pillow does; 0 without a mask. */
function byMask(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0;
  const shift = 31 - Math.clz32(mask & -mask);
  const max = mask >>> shift;
  return (pixel) => Math.floor((((pixel & mask) >>> shift) * 255) / max);
}

/** Indices of 1, 4 or 8 bits, the first in the highest bits. */
function indexedWriter(bits: number, colors: Uint8Array, view: DataView): RowWriter {
  const mask = (1 << bits) - 1;
  return (from, rgb) => {
    for (let to = 0, bit = 0; to < rgb.length; to += 3, bit += bits) {
      const color = 3 * ((view.getUint8(from + (bit >> 3)) >> (8 - bits - (bit & 7))) & mask);
      rgb[to] = colors[color] as number;
      rgb[to + 1] = colors[color + 1] as number;
      rgb[to + 2] = colors[color + 2] as number;
    }
  };
}

/** 256 colours as RGB; those that the file does not define are black. */
function readPalette(view: DataView, { start, colors, entryBytes }: Header["palette"]): Uint8Array {
  const table = new Uint8Array(256 * 3);
  for (let i = 0; i < Math.min(colors, 256) && start + i * entryBytes + 3 <= view.byteLength; i++) {
    for (let c = 0; c < 3; c++) table[3 * i + c] = view.getUint8(start + i * entryBytes + 2 - c);
  }
  return table;
}

function truncated(): ConvzooError {
  return new ConvzooError(
    "bad-image",
    "The BMP file is truncated: it ends before its image does. Fetch it again.",
  );
}

function damaged(why: string): ConvzooError {
  return new ConvzooError("bad-image", `The BMP file is damaged: ${why}. Fetch it again.`);
}
