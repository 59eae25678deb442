/** The picture, and the frame that everything over it shares. */
import type { Pixels } from "convzoo";
import { byId, context2d } from "./dom.js";
import { picture } from "./state.js";

const canvas = byId<HTMLCanvasElement>("picture");
const frame = byId("frame");
/** Read back for each frame of a camera, hence kept where that is fast. */
const context = context2d(canvas, { willReadFrequently: true });

/** Makes room for a picture of this size: the frame has its shape, inside a stage that never changes. */
export function resizeTo(width: number, height: number): void {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    frame.style.setProperty("--width", String(width));
    frame.style.setProperty("--height", String(height));
  }
  // Digits of 28 pixels are to be seen as pixels.
  frame.classList.toggle("coarse", Math.max(width, height) < 128);
}

export function showBitmap(bitmap: ImageBitmap, name: string): void {
  resizeTo(bitmap.width, bitmap.height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  describe(name);
}

/** RGB pixels, as the network sees them. */
export function showPixels({ width, height, data }: Pixels, name: string): void {
  resizeTo(width, height);
  const image = context.createImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4) {
    image.data[to] = data[from] as number;
    image.data[to + 1] = data[from + 1] as number;
    image.data[to + 2] = data[from + 2] as number;
    image.data[to + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  describe(name);
}

/** Draws a moment of a video, and gives it back when `wanted`. */
export function showVideo(video: HTMLVideoElement, wanted: boolean): ImageData | undefined {
  const { videoWidth, videoHeight } = video;
  resizeTo(videoWidth, videoHeight);
  context.drawImage(video, 0, 0);
  return wanted ? context.getImageData(0, 0, videoWidth, videoHeight) : undefined;
}

export function describe(name: string): void {
  canvas.setAttribute("aria-label", `The picture: ${name}`);
}

picture.on((now) => now?.live && describe("what the camera sees"));
