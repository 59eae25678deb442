/** From a network's outputs to its most probable classes. Loaded when first needed. */
import { show } from "./check.js";
import { ConvzooError } from "./errors.js";
import type { Graph } from "./graph.js";
import type { Classification, RankOptions } from "./model.js";
import type { Tensor } from "./tensor.js";

/** A class without its name. */
export type Ranked = Omit<Classification, "label">;

/** Throws `bad-option`. */
export function checkRanking({ topk = 5, average = "probabilities" }: RankOptions): void {
  if (!Number.isInteger(topk) || topk < 1) {
    throw new ConvzooError("bad-option", `topk is a whole number of at least 1, not ${String(topk)}.`);
  }
  if (average !== "probabilities" && average !== "scores") {
    const message = `average is "probabilities" or "scores", not ${JSON.stringify(average)}.`;
    throw new ConvzooError("bad-option", message);
  }
}

/**
 * The classes of each image, the most probable first, from rows of scores, of which `crops` after one another belong to one image.
 * `areProbabilities` says that the scores are some already. Throws `bad-option`, `bad-shape`.
 */
export function rank(
  output: Tensor,
  options: RankOptions & { readonly crops: number; readonly areProbabilities: boolean },
): Ranked[][] {
  checkRanking(options);
  const { topk = 5, average = "probabilities", crops, areProbabilities } = options;
  const { shape, data } = (output ?? {}) as Partial<Tensor>;
  const [rows, classes, ...sides] = Array.isArray(shape) ? (shape as readonly number[]) : [];
  if (!rows || !classes || !data || sides.some((side) => side !== 1) || rows * classes !== data.length) {
    const message = `Classes are ranked by scores [N, classes], not [${String(shape ?? show(output))}].`;
    throw new ConvzooError("bad-shape", `${message} A network that gives a map is for \`run\`.`);
  }
  if (!Number.isInteger(crops) || crops < 1 || rows % crops !== 0) {
    const message = `crops is how many of the ${rows} rows belong to one image, not ${String(crops)}.`;
    throw new ConvzooError("bad-option", message);
  }
  return Array.from({ length: rows / crops }, (_, image) => {
    const views = Array.from({ length: crops }, (_, view) => {
      const row = image * crops + view;
      return data.subarray(row * classes, (row + 1) * classes);
    });
    const scores = mean(views);
    const probabilities = areProbabilities
      ? scores
      : average === "scores"
        ? softmax(scores)
        : mean(views.map(softmax));
    return Array.from(scores, (score, index) => ({ index, score, probability: probabilities[index]! }))
      .sort(mostProbableFirst)
      .slice(0, topk);
  });
}

/** In float64; of one row, its own values. */
function mean(rows: readonly ArrayLike<number>[]): Float64Array {
  return Float64Array.from(rows[0]!, (_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);
}

/** In float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const powers = Float64Array.from(scores);
  const max = powers.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  for (const [i, score] of powers.entries()) powers[i] = Math.exp(score - max);
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

export function mostProbableFirst(a: Ranked, b: Ranked): number {
  return b.probability - a.probability || b.score - a.score || a.index - b.index;
}

/** Whether a node gives probabilities: a softmax, or the mean of some (an ensemble). */
export function areProbabilities({ nodes }: Pick<Graph, "nodes">, id: number): boolean {
  const node = nodes[id]!;
  if (node.op === "add" || node.op === "affine")
    return node.inputs.every((i) => areProbabilities({ nodes }, i));
  return node.op === "softmax";
}
