/** Node, Deno, Bun: the public names. */

export * from "./index.js";
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
} from "./node/connected.js";
