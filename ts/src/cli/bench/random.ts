/** The weights and inputs that networks are timed with: the same numbers on every machine. */
import { stateShapes } from "../../state.js";
import type { Tensor } from "../../tensor.js";
import type { ZooEntry } from "../../zoo/row.js";

export interface RandomCase {
  readonly weights: ReadonlyMap<string, Tensor>;
  /** [1, C, H, W]. */
  readonly input: Tensor & { readonly data: Float32Array };
}

/** A network's weights, and an image of the size that it was made for. */
export function randomCase(entry: ZooEntry): RandomCase {
  const random = uniform(1);
  const weights = randomWeights(entry, random);
  const data = Float32Array.from({ length: product(entry.input) }, random);
  return { weights, input: { shape: [1, ...entry.input], data } };
}

/** Numbers from -1 to 1. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/**
 * Weights that keep the maps' magnitude through the layers, as Kaiming's initialisation does: numbers that are too small for
 * float32's normal range would be slow, and ones too large would end as infinity. Normalisations start as the identity.
 */
function randomWeights(entry: ZooEntry, random: () => number): Map<string, Tensor> {
  const tensor = (key: string, shape: readonly number[]): Tensor => {
    const data = new Float32Array(product(shape));
    const depth = data.length / shape[0]!;
    if (shape.length > 1 && depth > 1) {
      const limit = Math.sqrt(6 / depth);
      return { shape, data: data.map(() => limit * random()) };
    }
    return { shape, data: /(?:bias|mean)$/.test(key) ? data : data.fill(1) };
  };
  return new Map([...stateShapes(entry.build())].map(([key, { shape }]) => [key, tensor(key, shape)]));
}

const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
