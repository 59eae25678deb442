import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";

/** The largest width and height: what a JPEG can have. */
export const MAX_SIDE = 65_535;
/** The most pixels: Pillow's own limit against decompression bombs. */
export const MAX_PIXELS = 178_956_970;

/**
 * Throws `bad-image` unless an image of `width` x `height` pixels is within the limits. Decoders ask before they allocate.
 * `what` begins the message: "The PNG file".
 */
export function checkSize(what: string, width: number, height: number): void {
  if (!(isPositiveInteger(width) && isPositiveInteger(height))) {
    throw new ConvzooError(
      "bad-image",
      `${what} is ${width} x ${height} pixels; both must be whole and at least 1.`,
    );
  }
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    throw new ConvzooError(
      "bad-image",
      `${what} is ${width} x ${height} pixels; at most ${MAX_SIDE} a side and ${MAX_PIXELS} in all are decoded. ` +
        "Use a smaller version of it.",
    );
  }
}

/** RGB or RGBA bytes with their size: ImageData, or what a user assembles. */
export interface RawPixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * RGB pixels from RGB or RGBA bytes, told apart by their number: width x height x 3 or x 4. Alpha is dropped, as Pillow's
 * `convert("RGB")` does. RGB bytes are not copied: the result is a view of them.
 *
 * Throws `bad-image` for anything else, floats among it.
 */
export function toPixels(image: RawPixels): Pixels {
  if (typeof image !== "object" || image === null) {
    throw new ConvzooError("bad-image", "Raw pixels are an object { width, height, data }.");
  }
  const { width, height } = image;
  checkSize("The image", width, height);
  const data = bytesOf(image.data);
  const pixels = width * height;
  if (data.length === pixels * 3) return { width, height, data };
  if (data.length === pixels * 4) return { width, height, data: dropAlpha(data) };
  const gray = data.length === pixels ? " For a gray image, repeat each byte three times." : "";
  throw new ConvzooError(
    "bad-image",
    `An image of ${width} x ${height} pixels has ${pixels * 3} bytes as RGB or ${pixels * 4} as RGBA, ` +
      `but data has ${data.length}.${gray}`,
  );
}

/** The first three of every four bytes. */
export function dropAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
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
