/** Folding batch norms into the convolutions before them, so that rounding weights rounds what is computed with. */
import { type GraphNode, lower } from "../graph.js";
import type { Net } from "../layers.js";
import { weightKeys } from "../state.js";
import { toFloat32, type WeightTensor } from "../weights/dtype.js";

/**
 * The same checkpoint with each batch norm's factors multiplied into the convolution or linear layer that it alone follows.
 * All keys stay: the batch norm is left with its shift, a weight of 1 and statistics that do nothing. The network computes the
 * same but for rounding. Layers that run more than once, or that others read too, stay as they are.
 */
export function foldBatchNorms(
  net: Net,
  weights: ReadonlyMap<string, WeightTensor>,
): { readonly weights: Map<string, WeightTensor>; readonly folded: number } {
  const { nodes } = lower(net);
  const readers = new Map<number, number>();
  const runs = new Map<string, number>();
  for (const node of nodes) {
    for (const id of inputsOf(node)) readers.set(id, (readers.get(id) ?? 0) + 1);
    if (node.op !== "input") runs.set(node.path, (runs.get(node.path) ?? 0) + 1);
  }
  const all = new Map(weights);
  let folded = 0;
  for (const norm of nodes) {
    if (norm.op !== "batch_norm2d" || !norm.affine) continue;
    const [id] = inputsOf(norm);
    const sum = nodes[id!]!;
    if ((sum.op !== "conv2d" && sum.op !== "linear") || readers.get(id!) !== 1) continue;
    if (runs.get(norm.path) !== 1 || runs.get(sum.path) !== 1) continue;
    fold(all, weightKeys(sum), weightKeys(norm), norm.eps);
    folded++;
  }
  return { weights: all, folded };
}

const inputsOf = (node: GraphNode): readonly number[] => (node.op === "input" ? [] : node.inputs);

/** Computed in float64, and rounded to float32 once. */
function fold(
  weights: Map<string, WeightTensor>,
  [weightKey, biasKey]: readonly string[],
  [gammaKey, betaKey, meanKey, varianceKey]: readonly string[],
  eps: number,
): void {
  const [gamma, beta, mean, variance] = [gammaKey, betaKey, meanKey, varianceKey].map((key) =>
    toFloat32(weights.get(key!)!),
  ) as [Float32Array, Float32Array, Float32Array, Float32Array];
  const factors = Float64Array.from(gamma, (value, i) => value / Math.sqrt(variance[i]! + eps));
  const { shape } = weights.get(weightKey!)!;
  const weight = toFloat32(weights.get(weightKey!)!);
  const depth = weight.length / factors.length;
  const set = (key: string, shape: readonly number[], data: Float32Array) =>
    weights.set(key, { dtype: "f32", shape, data });
  set(
    weightKey!,
    shape,
    Float32Array.from(weight, (value, i) => value * factors[Math.floor(i / depth)]!),
  );
  if (biasKey !== undefined) {
    const bias = toFloat32(weights.get(biasKey)!);
    set(
      biasKey,
      [bias.length],
      Float32Array.from(bias, (value, i) => value * factors[i]!),
    );
  }
  const { length } = factors;
  set(
    betaKey!,
    [length],
    Float32Array.from(beta, (value, i) => value - mean[i]! * factors[i]!),
  );
  set(gammaKey!, [length], new Float32Array(length).fill(1));
  set(meanKey!, [length], new Float32Array(length));
  set(varianceKey!, [length], new Float32Array(length).fill(1 - eps));
}
