/** Loading weights: bytes from anywhere, told apart by content, as a map from checkpoint key to tensor. */
import { ConvzooError } from "../errors.js";
import { inMemory } from "./bytes.js";
import type { WeightTensor } from "./dtype.js";
import { tellFormat } from "./format.js";
import { parseSafetensors, type Weights } from "./safetensors.js";
import { nameOf, type ReadOptions, readSource, type WeightSource } from "./source.js";

export { type Dtype, toFloat32, type WeightTensor } from "./dtype.js";
export { type GivenTensor, type GivenWeights, resolveWeights } from "./resolve.js";
export type { Weights } from "./safetensors.js";
export type { FilePlatform, LoadProgress, WeightSource } from "./source.js";

/** Options of {@link loadWeights}. */
export interface LoadWeightsOptions extends ReadOptions {
  /**
   * Of a PyTorch checkpoint that holds several sets of weights, the one to take: its keys with dots between them, such as
   * "ema" or "model.ema".
   */
  readonly select?: string;
}

/**
 * Reads a checkpoint, known by its content whatever its name: .safetensors; PyTorch's .pth and .pt, of which nothing is ever
 * run; NumPy's .npz and .npy.
 *
 * The tensors are views of the file's bytes: a buffer passed in must not change as long as the weights are in use.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `unknown-format`, `bad-weights`, `unsafe-pickle`, `too-large`,
 * `unsupported`, `bad-option`; an aborted signal's reason
 */
export async function loadWeights(source: WeightSource, options: LoadWeightsOptions = {}): Promise<Weights> {
  const bytes = await readSource(source, options);
  const name = nameOf(source);
  const format = tellFormat(bytes, name);
  const { select } = options;
  if (select !== undefined && format !== "pytorch") {
    const message = `select chooses in a PyTorch checkpoint, but ${name} is a ${format} file. Leave it out.`;
    throw new ConvzooError("bad-option", message, { source: name });
  }
  if (format === "safetensors") return parseSafetensors(bytes, name);
  const stored =
    format === "pytorch"
      ? await (await import("./pytorch/index.js")).readPytorch(inMemory(bytes, name), { select })
      : await (await import("./numpy.js")).readNumpy(inMemory(bytes, name));
  const weights = new Map<string, WeightTensor>();
  for (const [key, tensor] of stored) weights.set(key, await tensor.read());
  return Object.assign(weights, { metadata: new Map<string, string>() });
}
