/** How results are held to golden files. */
import { expect } from "vitest";
import type { Net } from "../../src/layers.js";
import type { Tensor } from "../../src/tensor.js";
import { type Golden, zooName } from "../recipe.js";
import { convzoo } from "./package.js";

const { zoo } = convzoo;

/** Ours stay within this part of the largest magnitude. */
const LIMIT = 1e-5;

/** The network of a golden. */
export const build = (golden: Golden): Net =>
  zoo[zooName(golden) as keyof typeof zoo].build(golden.options ?? {});

export const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) if (!(Math.abs(value) <= most)) most = Math.abs(value);
  return most;
};

/** Where PyTorch's own float32 is worse than that, ours may be ten times as far off as PyTorch's. */
export const limit = ({ torch_float32_max_abs_error, scale }: Golden): number => {
  const torch = torch_float32_max_abs_error / scale;
  return torch > LIMIT ? 10 * torch : LIMIT;
};

/** Holds an output to a golden's samples, mean and deviation of it. */
export function checkTap(golden: Golden, path: string, { shape, data }: Tensor): void {
  const tap = golden.taps[path]! as Golden["taps"][string] & { readonly mean: number; readonly std: number };
  expect(shape, path).toEqual(tap.shape);
  const allowed = limit(golden) * Math.max(largest(tap.values), Math.abs(tap.mean) + tap.std);
  const error = largest(tap.values.map((value, k) => value - data[tap.at[k]!]!));
  expect(error, `${path}: samples`).toBeLessThanOrEqual(allowed);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  expect(Math.abs(mean - tap.mean), `${path}: mean`).toBeLessThanOrEqual(allowed);
  expect(Math.abs(std - tap.std), `${path}: standard deviation`).toBeLessThanOrEqual(allowed);
}
