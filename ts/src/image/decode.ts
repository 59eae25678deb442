import { ConvzooError } from "../errors.js";
import type { CodecName } from "../platform.js";
import type { Pixels } from "../tensor.js";
import { decodeBmp } from "./bmp.js";
import { decodeJpeg } from "./jpeg.js";
import { decodePng } from "./png.js";
import { looksLike, sniff } from "./sniff.js";
import { decodeWebp } from "./webp.js";

/** The codecs that are WebAssembly; a platform knows where their files are. Compiled once, they serve every decode. */
export interface Codecs {
  wasm(name: CodecName): Promise<WebAssembly.Module>;
}

/**
 * Decodes a JPEG, PNG, WebP or BMP file, told apart by content, to the RGB bytes that Pillow's `convert("RGB")` gives:
 * alpha is dropped and not composited, palettes and grays are expanded; no EXIF turn, no colour profile.
 *
 * Throws `bad-image` for anything else, a damaged or truncated file, sides above 65,535 or more than 178,956,970 pixels
 * (both read from the header, before decoding); `too-large` where the memory does not suffice.
 */
export async function decodeBytes(bytes: Uint8Array, codecs: Codecs): Promise<Pixels> {
  const format = sniff(bytes);
  if (format === undefined) {
    throw new ConvzooError(
      "bad-image",
      `The image is ${looksLike(bytes)}; give a JPEG, PNG, WebP or BMP file.`,
    );
  }
  try {
    switch (format) {
      case "jpeg":
        return await decodeJpeg(bytes, () => codecs.wasm("mozjpeg_dec"));
      case "png":
        return await decodePng(bytes, () => codecs.wasm("squoosh_png"));
      case "webp":
        return await decodeWebp(bytes, () => codecs.wasm("webp_dec"));
      case "bmp":
        return decodeBmp(bytes);
    }
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
