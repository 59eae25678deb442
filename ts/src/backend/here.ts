/** Resizing in the caller's own thread. Loaded when first needed. */
import { initSync, resize } from "../../../build/core/single/core.js";
import { ConvzooError } from "../errors.js";
import { type ResizeTarget, resizePixels } from "../image/preprocess.js";
import type { Pixels } from "../tensor.js";
import { resizeBy } from "./resize.js";

/** The core, once a thread; gives undefined from the call on in which it fails. */
export function resizer(module: WebAssembly.Module) {
  initSync({ module });
  let failed = false;
  return async (pixels: Pixels, target: ResizeTarget): Promise<Pixels | undefined> => {
    if (failed) return undefined;
    try {
      return await resizePixels(pixels, target, (...args) => resizeBy(resize, ...args));
    } catch (error) {
      if (error instanceof ConvzooError) throw error;
      failed = true;
      return undefined;
    }
  };
}
