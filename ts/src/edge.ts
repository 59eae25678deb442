/** Edge workers: the public names. */
export {
  capabilities,
  decode,
  fromOnnx,
  init,
  load,
  loadWeights,
  preprocess,
  resize,
} from "./edge/connected.js";
export { summarize } from "./edge/summarize.js";
export * from "./index.js";
