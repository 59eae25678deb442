/** Pixels of what a browser can draw. */
import type { RawPixels } from "./pixels.js";

const DRAWABLE = [
  "ImageBitmap",
  "HTMLImageElement",
  "HTMLCanvasElement",
  "OffscreenCanvas",
  "HTMLVideoElement",
  "VideoFrame",
  "SVGImageElement",
];

/** The pixels of an ImageBitmap, image element, canvas, video or VideoFrame in its natural size; else undefined. */
export function drawnPixels(image: object): RawPixels | undefined {
  const tag = Object.prototype.toString.call(image).slice("[object ".length, -1);
  if (!DRAWABLE.includes(tag)) return undefined;
  const size = image as Partial<Record<"naturalWidth" | "videoWidth" | "displayWidth" | "width", number>> &
    Partial<Record<"naturalHeight" | "videoHeight" | "displayHeight" | "height", number>>;
  const width = size.naturalWidth ?? size.videoWidth ?? size.displayWidth ?? Number(size.width);
  const height = size.naturalHeight ?? size.videoHeight ?? size.displayHeight ?? Number(size.height);
  // Let the check of pixels say what is wrong with an image that has none.
  if (!(width > 0 && height > 0)) return { width, height, data: new Uint8Array() };
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
  context.drawImage(image as CanvasImageSource, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}
