/** Node, Deno, Bun: the public names. */

export * from "./index.js";
export {
  capabilities,
  decode,
  fromOnnx,
  init,
  load,
  loadWeights,
  preprocess,
  resize,
} from "./node/connected.js";
export { summarize } from "./node/summarize.js";
