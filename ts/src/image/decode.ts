import { ConvzooError } from "../errors.js";
import type { CodecName } from "../platform.js";
import type { Pixels } from "../tensor.js";
import { decodeBmp } from "./bmp.js";
import type { Wanted } from "./codec.js";
import { decodeGif } from "./gif.js";
import { decodeJpeg } from "./jpeg.js";
import { looksLike } from "./looks-like.js";
import { decodePng } from "./png.js";
import { type ImageFormat, sniff } from "./sniff.js";
import { upright } from "./turn.js";
import { decodeWebp } from "./webp.js";

/** The codecs that are WebAssembly; a platform knows where their files are. Compiled once, they serve every decode. */
export interface Codecs {
  wasm(name: CodecName): Promise<WebAssembly.Module>;
}

/**
 * Decodes a JPEG, PNG, WebP, GIF or BMP file, told apart by content, to the bytes that Pillow's `convert(mode)` gives: for RGB
 * and L alpha is dropped and not composited, palettes and grays are expanded; no colour profile. Of an animation, the first
 * frame.
 *
 * Throws `bad-image` for anything else, a damaged or truncated file, sides above 65,535 or more than `maxPixels` pixels
 * (both read from the header, before decoding); `too-large` where the memory does not suffice.
 */
export async function decodeBytes(bytes: Uint8Array, codecs: Codecs, wanted: Wanted): Promise<Pixels> {
  const format = sniff(bytes);
  if (format === undefined) {
    throw new ConvzooError(
      "bad-image",
      `The image is ${looksLike(bytes)}; give a JPEG, PNG, WebP, GIF or BMP file.`,
    );
  }
  try {
    const { pixels, turn } = await decodeFormat(format, bytes, codecs, wanted);
    return upright(pixels, turn);
  } catch (cause) {
    // An allocation that fails is a RangeError in every engine, and the decoders check before they read.
    if (!(cause instanceof RangeError)) throw cause;
    throw new ConvzooError(
      "too-large",
      "The image needs more memory to decode than there is; use a smaller one.",
      {
        cause,
      },
    );
  }
}

/** The pixels, and the EXIF orientation if it is wanted. */
async function decodeFormat(
  format: ImageFormat,
  bytes: Uint8Array,
  codecs: Codecs,
  wanted: Wanted,
): Promise<{ pixels: Pixels; turn: number }> {
  switch (format) {
    case "jpeg":
      return decodeJpeg(bytes, wanted, () => codecs.wasm("mozjpeg_dec"));
    case "png":
      return decodePng(bytes, wanted, () => codecs.wasm("squoosh_png"));
    case "webp":
      return decodeWebp(bytes, wanted, () => codecs.wasm("webp_dec"));
    case "gif":
      return { pixels: decodeGif(bytes, wanted), turn: 1 };
    case "bmp":
      return { pixels: decodeBmp(bytes, wanted), turn: 1 };
  }
}
