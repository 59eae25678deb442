import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  keep,
  linear,
  module,
  net,
  relu,
  sequential,
  sigmoid,
  take,
} from "../../src/layers.js";
import { formatSummary, summarize } from "../../src/summarize.js";
import { findEntry, zoo } from "../../src/zoo/index.js";
import { lenet5 } from "../../src/zoo/lenet.js";

test("lenet5, row by row", () => {
  const { rows, params, macs } = summarize(lenet5(), [1, 28, 28]);
  expect(rows.map(({ path, op, output, params, macs }) => [path, op, output, params, macs])).toEqual([
    ["features.0", "conv2d", [6, 24, 24], 6 * 25 + 6, 24 * 24 * 6 * 25],
    ["features.1", "relu", [6, 24, 24], 0, 0],
    ["features.2", "max_pool2d", [6, 12, 12], 0, 0],
    ["features.3", "conv2d", [16, 8, 8], 16 * 6 * 25 + 16, 8 * 8 * 16 * 6 * 25],
    ["features.4", "relu", [16, 8, 8], 0, 0],
    ["features.5", "max_pool2d", [16, 4, 4], 0, 0],
    ["classifier.0", "linear", [120], 256 * 120 + 120, 256 * 120],
    ["classifier.1", "relu", [120], 0, 0],
    ["classifier.2", "linear", [84], 120 * 84 + 84, 120 * 84],
    ["classifier.3", "relu", [84], 0, 0],
    ["classifier.4", "linear", [10], 84 * 10 + 10, 84 * 10],
  ]);
  expect({ params, macs }).toEqual({ params: 44_426, macs: 281_640 });
});

test("groups divide the work, dropout is a row, layers that never run count as parameters only", () => {
  const body = sequential(conv2d(4, 8, 3, { groups: 2, bias: false }), dropout(), flatten());
  const made = net("N", { body, aux: linear(5, 7) }, ["body"], { inChannels: 4 });
  const { rows, params, macs } = summarize(made, [4, 5, 6]);
  expect(rows).toEqual([
    {
      path: "body.0",
      op: "conv2d",
      output: [8, 3, 4],
      params: 8 * 2 * 9,
      macs: 8 * 3 * 4 * 2 * 9,
      bytes: 384,
    },
    { path: "body.1", op: "dropout", output: [8, 3, 4], params: 0, macs: 0, bytes: 384 },
    { path: "body.2", op: "flatten", output: [96], params: 0, macs: 0, bytes: 384 },
  ]);
  expect(params).toBe(8 * 2 * 9 + 5 * 7 + 7);
  expect(macs).toBe(8 * 3 * 4 * 2 * 9);
});

test("a layer that runs twice has its work counted twice and its parameters once", () => {
  const twice = module("Twice", { conv: conv2d(2, 2, 1), act: relu() }, ["conv", "act", "conv"]);
  const { rows, params, macs } = summarize(net("N", { twice }, ["twice"], { inChannels: 2 }), [2, 3, 3]);
  expect(rows.map(({ path, params, macs }) => [path, params, macs])).toEqual([
    ["twice.conv", 6, 36],
    ["twice.act", 0, 0],
    ["twice.conv", 0, 36],
  ]);
  expect({ params, macs }).toEqual({ params: 6, macs: 72 });
});

test("a batch norm's statistics are no parameters, a linear layer works at every pixel", () => {
  const body = sequential(batchNorm2d(2), linear(2, 5, { perPixel: true }), sigmoid());
  const made = net("N", { body }, ["body"], { inChannels: 2 });
  const { rows, params, macs, bytes } = summarize(made, [2, 3, 4]);
  expect(rows).toEqual([
    { path: "body.0", op: "batch_norm2d", output: [2, 3, 4], params: 4, macs: 0, bytes: 96 },
    { path: "body.1", op: "linear", output: [5, 3, 4], params: 15, macs: 5 * 3 * 4 * 2, bytes: 240 },
    { path: "body.2", op: "sigmoid", output: [5, 3, 4], params: 0, macs: 0, bytes: 240 },
  ]);
  expect({ params, macs, bytes }).toEqual({ params: 19, macs: 120, bytes: 96 + 240 + 240 });
});

test("an auxiliary head counts as parameters only, and need not fit", () => {
  const aux = sequential(flatten(), linear(36, 5));
  const steps = [keep("x"), "aux", take("x"), "conv"];
  const made = net("N", { conv: conv2d(1, 2, 1), aux }, steps, { inChannels: 1 });
  for (const input of [
    [1, 6, 6],
    [1, 4, 4],
  ]) {
    const { rows, params, macs } = summarize(made, input);
    expect(rows.map(({ path }) => path)).toEqual(["conv"]);
    expect({ params, macs }).toEqual({ params: 4 + 36 * 5 + 5, macs: rows[0]?.macs });
  }
});

test("rows come in forward order also where the names are numbers of the root", () => {
  const made = net("N", { 0: relu(), 1: dropout(), 2: flatten() }, ["1", "0", "2"], { inChannels: 1 });
  expect(summarize(made, [1, 2, 2]).rows.map(({ path }) => path)).toEqual(["1", "0", "2"]);
});

const published: Record<string, [params: number, gflops: number, crop: number]> = JSON.parse(
  readFileSync(new URL("../goldens/published.json", import.meta.url), "utf8"),
);

test("the zoo has every convolutional network of torchvision", () => {
  expect(Object.keys(published).length).toBeGreaterThan(65);
  expect(Object.keys(published).filter((name) => !(name in zoo))).toEqual([]);
});

test.each(Object.entries(published))(
  "%s counts what torchvision published",
  (name, [count, gflops, crop]) => {
    // Its GoogLeNet is counted without auxiliary classifiers.
    const build =
      name === "googlenet" ? () => zoo.googlenet.build({ auxLogits: false }) : findEntry(name).build;
    const { params, macs } = summarize(build(), [3, crop, crop]);
    expect(params).toBe(count);
    // Published with three decimals.
    expect(Math.abs(macs / 1e9 - gflops)).toBeLessThanOrEqual(0.01 * gflops + 0.0005);
  },
);

test("the table lines up and ends with the totals", () => {
  const made = net("N", { conv: conv2d(1, 100, 3), act: relu() }, ["conv", "act"], { inChannels: 1 });
  expect(formatSummary(summarize(made, [1, 12, 12]))).toBe(
    [
      "layer  op      output         params    macs",
      "--------------------------------------------",
      "conv   conv2d  100 x 10 x 10   1,000  90,000",
      "act    relu    100 x 10 x 10       -       -",
      "--------------------------------------------",
      "total                          1,000  90,000",
    ].join("\n"),
  );
});
