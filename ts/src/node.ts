/**
 * Node, Deno, Bun: the public names.
 *
 * @module convzoo
 */

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
