/** The core's resize, as both the engine and the caller's thread call it. */
import type * as glue from "../../../build/core/single/core.js";
import { channelsOf } from "../image/pixels.js";
import type { ResizeTarget } from "../image/preprocess.js";
import type { Pixels } from "../tensor.js";

/** Pillow's bytes; the arguments have been checked. */
export function resizeBy(resize: typeof glue.resize, pixels: Pixels, to: ResizeTarget): Pixels {
  const { data, width, height } = pixels;
  const part = to.part ?? { left: 0, top: 0, width: to.width, height: to.height };
  const box = [part.left, part.top, part.width, part.height] as const;
  return {
    width: part.width,
    height: part.height,
    data: resize(data, width, height, channelsOf(pixels), to.width, to.height, ...box, to.filter),
  };
}
