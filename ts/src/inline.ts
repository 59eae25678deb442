/** Pages and sandboxes that can be given nothing but JavaScript: the public names. */

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
} from "./inline/connected.js";
export { summarize } from "./inline/summarize.js";
