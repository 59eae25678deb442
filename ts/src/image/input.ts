/** Whatever a user holds as an image, made ready for the core's side. */
import type { ImageMessage } from "../backend/protocol.js";
import { ConvzooError } from "../errors.js";
import type { CodecName, Platform } from "../platform.js";
import { nameOf, readSource, type WeightSource } from "../weights/source.js";
import { type Mode, type RawPixels, toPixels } from "./pixels.js";
import { type ImageFormat, sniff } from "./sniff.js";

/**
 * An image: pixels (`{ width, height, data }` with RGB, RGBA or gray bytes; ImageData), something that a page can draw
 * (ImageBitmap, HTMLImageElement, canvas, VideoFrame), or encoded JPEG, PNG, WebP, GIF or BMP as a Blob, bytes, a URL or (where
 * there are files) a path.
 */
export type ImageSource = RawPixels | CanvasImageSource | WeightSource;

/** What decodes a format; GIF and BMP need no module. */
const CODEC_OF: Readonly<Record<ImageFormat, CodecName | undefined>> = {
  jpeg: "mozjpeg_dec",
  png: "squoosh_png",
  webp: "webp_dec",
  gif: undefined,
  bmp: undefined,
};

/**
 * `decoder` gives a codec's module by name, if it is to be sent along; `mode` is what pixels that are passed become. Throws
 * `bad-image`, `not-found`, `fetch-failed`, `unsupported`.
 */
export async function imageMessage(
  image: ImageSource,
  platform: Platform,
  decoder: (name: CodecName) => Promise<WebAssembly.Module | undefined>,
  signal?: AbortSignal,
  mode?: Mode,
): Promise<{ message: ImageMessage; source: string }> {
  const drawn = typeof image === "object" && image !== null ? platform.pixels?.(image) : undefined;
  if (drawn) return { message: { pixels: toPixels(drawn, mode) }, source: "the image" };
  if (isPixels(image)) return { message: { pixels: toPixels(image, mode) }, source: "the pixels" };
  const given = image as WeightSource;
  let bytes: Uint8Array;
  try {
    bytes = await readSource(given, { platform, signal });
  } catch (error) {
    if (!(error instanceof ConvzooError) || error.code !== "bad-option") throw error;
    const accepted = "a path, URL, Blob, bytes, ImageData, ImageBitmap, canvas or { width, height, data }";
    throw new ConvzooError("bad-image", `An image is ${accepted}, not this value (${describe(image)}).`);
  }
  const format = sniff(bytes);
  const name = format === undefined ? undefined : CODEC_OF[format];
  const codec = name === undefined ? undefined : await decoder(name);
  const decoders = platform.decoders?.().href ?? "";
  return { message: { bytes, codec, decoders }, source: nameOf(given) };
}

/** For a call's rejection: puts the image's name before what the core's side, which does not know it, says of its bytes. */
export function naming(source: string) {
  return (error: unknown): never => {
    if (!(error instanceof ConvzooError) || error.code !== "bad-image") throw error;
    throw new ConvzooError("bad-image", `${source}: ${error.message}`, { source, cause: error });
  };
}

function isPixels(image: unknown): image is RawPixels {
  return (
    typeof image === "object" && image !== null && "width" in image && "height" in image && "data" in image
  );
}

function describe(value: unknown): string {
  return value === null ? "null" : Object.prototype.toString.call(value).slice("[object ".length, -1);
}
