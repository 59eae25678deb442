import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";

/** The largest width and height: what a JPEG can have. */
export const MAX_SIDE = 65_535;
/** The most pixels: Pillow's own limit against decompression bombs. */
export const MAX_PIXELS = 178_956_970;

/** How images are decoded that a network is to see. */
export const FOR_NETWORKS = { mode: "RGB", maxPixels: MAX_PIXELS, orientation: false } as const;

/** What a pixel's bytes mean, by Pillow's names: gray, colours, colours with alpha. */
export type Mode = "L" | "RGB" | "RGBA";

/** What a runtime's own decoder is told; its pixels are its own affair. */
export interface NativeDecoding {
  readonly maxPixels: number;
  /** Whether to turn the image upright, as its EXIF data say. */
  readonly orientation: boolean;
  /** Whether to convert its colours to sRGB, as its profile says. */
  readonly colorProfile: "ignore" | "convert";
}

/** Bytes a pixel. */
export const CHANNELS: Readonly<Record<Mode, number>> = { L: 1, RGB: 3, RGBA: 4 };

/**
 * Throws `bad-image` unless an image of `width` x `height` pixels is within the limits. Decoders ask before they allocate.
 * `what` begins the message: "The PNG file".
 */
export function checkSize(what: string, width: number, height: number, maxPixels = MAX_PIXELS): void {
  if (!(isPositiveInteger(width) && isPositiveInteger(height))) {
    throw new ConvzooError(
      "bad-image",
      `${what} is ${width} x ${height} pixels; both must be whole and at least 1.`,
    );
  }
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > maxPixels) {
    throw new ConvzooError(
      "bad-image",
      `${what} is ${width} x ${height} pixels; at most ${MAX_SIDE} a side and ${maxPixels} in all are decoded. ` +
        "Use a smaller version of it.",
    );
  }
}

/** Gray, RGB or RGBA bytes with their size: ImageData, or what a user assembles. */
export interface RawPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Checks pixels, whose mode is told by their number of bytes, without a copy. Throws `bad-image`, for floats too. */
export function checkPixels(image: RawPixels, maxPixels?: number): Pixels {
  if (typeof image !== "object" || image === null) {
    throw new ConvzooError("bad-image", "Raw pixels are an object { width, height, data }.");
  }
  const { width, height } = image;
  checkSize("The image", width, height, maxPixels);
  const data = bytesOf(image.data);
  const area = width * height;
  if ([1, 3, 4].includes(data.length / area)) return { width, height, data };
  throw new ConvzooError(
    "bad-image",
    `An image of ${width} x ${height} pixels has ${area * 3} bytes as RGB, ${area * 4} as RGBA or ${area} as gray, ` +
      `but data has ${data.length}.`,
  );
}

/**
 * Pixels in this mode, RGB by default, as Pillow's `convert` gives them: alpha is dropped and not composited, gray is the
 * luma of ITU-R 601-2. What is in this mode already is not copied: the result is a view of it. Throws `bad-image`.
 */
export function toPixels(image: RawPixels, mode: Mode = "RGB", maxPixels?: number): Pixels {
  const { width, height, data } = checkPixels(image, maxPixels);
  return { width, height, data: inMode(data, channelsOf({ width, height, data }), mode) };
}

/** The bytes a pixel of checked pixels. */
export function channelsOf({ width, height, data }: RawPixels): number {
  return data.length / (width * height);
}

/** Bytes of `channels` a pixel in this mode; themselves if they are. */
function inMode(data: Uint8Array, channels: number, mode: Mode): Uint8Array {
  const wanted = CHANNELS[mode];
  if (channels === wanted) return data;
  if (channels === 4) return fromRgba(data, mode);
  const out = new Uint8Array((data.length / channels) * wanted);
  // Of gray, all colours are the same byte.
  const [green, blue] = channels === 1 ? [0, 0] : [1, 2];
  for (let from = 0, to = 0; from < data.length; from += channels, to += wanted) {
    const [r, g, b] = [data[from] as number, data[from + green] as number, data[from + blue] as number];
    if (wanted === 1) out[to] = luma(r, g, b);
    else {
      out[to] = r;
      out[to + 1] = g;
      out[to + 2] = b;
      if (wanted === 4) out[to + 3] = 255;
    }
  }
  return out;
}

/** A copy of RGBA bytes in a mode. */
export function fromRgba(rgba: Uint8Array | Uint8ClampedArray, mode: Mode): Uint8Array {
  if (mode === "RGBA") return new Uint8Array(rgba);
  if (mode === "RGB") return dropAlpha(rgba);
  return Uint8Array.from({ length: rgba.length / 4 }, (_, i) =>
    luma(rgba[4 * i] as number, rgba[4 * i + 1] as number, rgba[4 * i + 2] as number),
  );
}

/** The first three of every four bytes; four pixels at a time, where they lie so, as three words of little-endian bytes. */
export function dropAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const pixels = rgba.length / 4;
  const rgb = new Uint8Array(pixels * 3);
  const fours = rgba.byteOffset % 4 === 0 ? pixels >> 2 : 0;
  const words = new Uint32Array(rgba.buffer, fours === 0 ? 0 : rgba.byteOffset, 4 * fours);
  const out = new Uint32Array(rgb.buffer, 0, 3 * fours);
  for (let from = 0, to = 0; to < out.length; from += 4, to += 3) {
    // Not taken apart from arrays, which V8 makes twice as slow.
    const a = words[from] as number;
    const b = words[from + 1] as number;
    const c = words[from + 2] as number;
    const d = words[from + 3] as number;
    out[to] = (a & 0xffffff) | (b << 24);
    out[to + 1] = ((b >>> 8) & 0xffff) | (c << 16);
    out[to + 2] = ((c >>> 16) & 0xff) | (d << 8);
  }
  for (let i = 4 * fours; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = rgba[4 * i + c] as number;
  }
  return rgb;
}

/** ITU-R 601-2's, in 16-bit fixed point as Pillow has it. */
export function luma(r: number, g: number, b: number): number {
  return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
}

function bytesOf(data: unknown): Uint8Array {
  // By tag, not by instanceof: the array may come from another realm, such as an iframe.
  const tag = Object.prototype.toString.call(data).slice(8, -1);
  if (ArrayBuffer.isView(data) && (tag === "Uint8Array" || tag === "Uint8ClampedArray")) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  const advice = /^Float\d+Array$/.test(tag)
    ? " Multiply floats from 0 to 1 by 255 and round them, or give `run` a tensor in the place of an image."
    : " Uint8ClampedArray.from(...) makes bytes of an array of numbers from 0 to 255.";
  throw new ConvzooError("bad-image", `data must be a Uint8Array or Uint8ClampedArray, not ${tag}.${advice}`);
}

function isPositiveInteger(n: unknown): n is number {
  return Number.isInteger(n) && (n as number) > 0;
}
