/** The order of classes, also where probabilities are equal and where scores are not finite. */
import { expect, test } from "vitest";
import { rank } from "../../src/classify.js";
import { below, generator } from "../../src/random.js";

const options = { topk: 12, crops: 1, areProbabilities: false };
const indices = (scores: readonly number[], more: object = {}) =>
  rank({ shape: [1, scores.length], data: Float32Array.from(scores) }, { ...options, ...more }).map((one) =>
    one.map(({ index }) => index),
  )[0];

test("of equal probability come by their scores, then as they stand", () => {
  expect(indices([1, 3, 1, 3, 2])).toEqual([1, 3, 4, 0, 2]);
  // Too small to have a probability, but not equal.
  expect(indices([-2000, 0, -1000, -3000, -1000])).toEqual([1, 2, 4, 0, 3]);
  expect(indices([Number.NEGATIVE_INFINITY, 5, Number.NEGATIVE_INFINITY, 7])).toEqual([3, 1, 0, 2]);
  expect(indices([0.25, 0.5, 0.25], { areProbabilities: true, topk: 2 })).toEqual([1, 0]);
});

test("each has its own score and probability, and these sum to 1", () => {
  const random = generator(7);
  for (let round = 0; round < 50; round++) {
    const [rows, classes] = [1 + below(3, random), 1 + below(40, random)];
    // Few values, so that many are equal.
    const data = Float32Array.from({ length: rows * classes }, () => below(8, random) - 4);
    const given = { topk: 1 + below(50, random), crops: 1, areProbabilities: false };
    const ranked = rank({ shape: [rows, classes], data }, given);
    expect(ranked).toHaveLength(rows);
    for (const [row, top] of ranked.entries()) {
      const scores = [...data.slice(row * classes, (row + 1) * classes)];
      const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
      const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
      expect(top.map(({ index, score }) => [index, score])).toEqual(
        order.slice(0, given.topk).map((index) => [index, scores[index]]),
      );
      for (const { score, probability } of top) expect(probability).toBeCloseTo(Math.exp(score) / sum, 14);
    }
  }
});
