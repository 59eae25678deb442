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
    return mostProbable(probabilities, scores, topk);
  });
}

/**
 * The `topk` most probable classes; of equals, that with the greater score, then the first. Objects for the few that are wanted: one
 * for each of a thousand classes is what a server's collector would be busy with.
 */
export function mostProbable(probabilities: Float64Array, scores: Float64Array, topk: number): Ranked[] {
  const order = new Uint32Array(scores.length).map((_, index) => index);
  order.sort((a, b) => first(probabilities[a]!, probabilities[b]!) || first(scores[a]!, scores[b]!) || a - b);
  return Array.from(order.subarray(0, topk), (index) => {
    return { index, score: scores[index]!, probability: probabilities[index]! };
  });
}

/** Which of two comes first: the greater. */
const first = (a: number, b: number): number => (a > b ? -1 : a < b ? 1 : 0);

/** In float64; of one row, its own values. */
function mean(rows: readonly ArrayLike<number>[]): Float64Array {
  const sums = new Float64Array(rows[0]!.length);
  for (const row of rows) for (let i = 0; i < sums.length; i++) sums[i]! += row[i]!;
  for (let i = 0; i < sums.length; i++) sums[i]! /= rows.length;
  return sums;
}

/** In float64. */
export function softmax(scores: ArrayLike<number>): Float64Array {
  const powers = new Float64Array(scores.length);
  let [max, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < powers.length; i++) max = Math.max(max, scores[i]!);
  for (let i = 0; i < powers.length; i++) sum += powers[i] = Math.exp(scores[i]! - max);
  for (let i = 0; i < powers.length; i++) powers[i]! /= sum;
  return powers;
}

/** Whether a node gives probabilities: a softmax, or the mean of some (an ensemble). */
export function areProbabilities({ nodes }: Pick<Graph, "nodes">, id: number): boolean {
  const node = nodes[id]!;
  if (node.op === "add" || node.op === "affine")
    return node.inputs.every((i) => areProbabilities({ nodes }, i));
  return node.op === "softmax";
}
