/** The embedded LeNet-5 on the digits that it was never shown, through this package. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { convzoo, root } from "./package.js";

const folder = join(root, "../shared/real/mnist");
const side = 28;

/** Where among ten scores the highest is. */
const best = (scores: Float32Array): number => scores.indexOf(Math.max(...scores));

test("at least 99 % of 3,000 test digits", async ({ skip }) => {
  skip(!existsSync(folder), "../shared/real is absent");
  // A digit a row; the last batch's labels are the last of the list.
  const { width, height, data } = await convzoo.decode(join(folder, "mnist_batch_20.png"));
  expect([width, height]).toEqual([side * side, 3000]);
  const text = readFileSync(join(folder, "mnist_labels.js"), "utf8");
  const labels = (text.match(/\d+/g) ?? []).map(Number).slice(60_000, 63_000);
  const { mean, std } = convzoo.zoo.lenet5.weights.mnist.preprocess;
  const input = Float32Array.from(
    { length: height * width },
    (_, i) => (data[3 * i]! / 255 - mean[0]) / std[0],
  );
  using model = await convzoo.load("lenet5");
  const scores = await model.run({ shape: [height, 1, side, side], data: input });
  expect(scores.shape).toEqual([3000, 10]);
  const right = labels.filter((label, i) => best(scores.data.subarray(10 * i, 10 * i + 10)) === label).length;
  expect(right / labels.length).toBeGreaterThanOrEqual(0.99);
  console.log(`LeNet-5: ${right} of ${labels.length} test digits`);
});
