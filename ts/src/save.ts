/** Writing weights: the public function, which loads what does the work when it is first asked. */
import type { GivenWeights, SaveOptions } from "./weights/index.js";

/**
 * Writes weights as a .safetensors file. Without `dtype` every tensor is written as it is; with it, floating-point numbers are
 * rounded to nearest, ties to even, and integers stay as they are. What float32 and the half formats hold comes back bit for
 * bit from a type that holds it.
 *
 * @throws {ConvzooError} `bad-weights` with `key`: a number that the type cannot hold, or an array that is no tensor's;
 * `weight-shape`, `bad-option`, `too-large`
 */
export async function saveWeights(weights: GivenWeights, options: SaveOptions = {}): Promise<Uint8Array> {
  return (await import("./weights/save.js")).save(weights, options);
}
