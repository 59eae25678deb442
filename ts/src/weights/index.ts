/** Loading weights: bytes from anywhere, told apart by content, as a map from checkpoint key to tensor. */
import { checkFormat } from "./format.js";
import { parseSafetensors, type Weights } from "./safetensors.js";
import { nameOf, type ReadOptions, readSource, type WeightSource } from "./source.js";

export { type Dtype, toFloat32, type WeightTensor } from "./dtype.js";
export { type GivenTensor, type GivenWeights, resolveWeights } from "./resolve.js";
export type { Weights } from "./safetensors.js";
export type { FilePlatform, LoadProgress, WeightSource } from "./source.js";

/** Options of {@link loadWeights}. */
export type LoadWeightsOptions = ReadOptions;

/**
 * Reads a checkpoint: a .safetensors file, known by its content whatever its name.
 *
 * The tensors are views of the file's bytes: a buffer passed in must not change as long as the weights are in use.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `unknown-format`, `bad-weights`, `too-large`, `unsupported`,
 * `bad-option`; an aborted signal's reason
 */
export async function loadWeights(source: WeightSource, options: LoadWeightsOptions = {}): Promise<Weights> {
  const bytes = await readSource(source, options);
  const name = nameOf(source);
  checkFormat(bytes, name);
  return parseSafetensors(bytes, name);
}
