/** Edge workers: no workers, no threads, no files; the core runs in place, of a module that the caller passes. */
import { inPlace } from "../backend/in-place.js";
import { connect } from "../connect.js";

export const { init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities, gpuSteps } =
  /* @__PURE__ */ connect({
    cores: () => 1,
    noThreads: () => "edge workers have no threads",
    inPlace,
  });
