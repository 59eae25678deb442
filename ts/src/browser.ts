/** Browsers: the public names. */
export {
  capabilities,
  decode,
  fromOnnx,
  imageWorker,
  init,
  load,
  loadWeights,
  preprocess,
  resize,
} from "./browser/connected.js";
export * from "./index.js";
