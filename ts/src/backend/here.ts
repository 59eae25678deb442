/** Resizing in the caller's own thread. Loaded when first needed. */
import { initSync, resize } from "../../../build/core/single/core.js";
import { type ResizeTarget, resizePixels } from "../image/preprocess.js";
import type { Pixels } from "../tensor.js";
import { resizeBy } from "./resize.js";

/** The core, once a thread. */
export function resizer(module: WebAssembly.Module) {
  initSync({ module });
  return (pixels: Pixels, target: ResizeTarget): Promise<Pixels> =>
    resizePixels(pixels, target, (...args) => resizeBy(resize, ...args));
}
