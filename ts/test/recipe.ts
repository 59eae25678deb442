/**
 * The golden recipe (goldens/recipe.py): weights and inputs made from the names of their keys, so that no
 * file holds them.
 */
import { readFileSync } from "node:fs";
import type { Tensor } from "../src/tensor.js";

/** Mean and variance of what a batch norm read, by the layer's path. */
export type Norms = Readonly<Record<string, readonly [number, number]>>;

/** What a golden file holds; its values are PyTorch's in float64. */
export interface Golden {
  /** The name, with "timm/" or "ref/" before it where it is not torchvision's. */
  readonly model: string;
  readonly seed: number;
  readonly input_seed: number;
  readonly input_shape: readonly number[];
  readonly params: number;
  readonly output_shape: readonly number[];
  readonly output: readonly number[];
  /** The largest magnitude of `output`. */
  readonly scale: number;
  readonly torch_float32_max_abs_error: number;
  readonly norms: Norms;
  readonly taps: Readonly<Record<string, Tap>>;
  readonly keys: Readonly<Record<string, readonly number[]>>;
  /** Options of the builder. */
  readonly options?: Readonly<Record<string, number>>;
  /** Keys that are a PReLU's slope. */
  readonly prelu?: readonly string[];
}

/** Samples of an intermediate output: `values[k]`, rounded to float32, stands at the flat index `at[k]`. */
export interface Tap {
  readonly shape: readonly number[];
  readonly at: readonly number[];
  readonly values: readonly number[];
}

/** The golden file of this name in goldens/models. */
export function readGolden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`./goldens/models/${name}.json`, import.meta.url), "utf8"));
}

/** The name in the zoo of a golden's model. */
export const zooName = (golden: Golden): string => golden.model.replace(/^(timm|ref)\//, "");

/** All weights of a golden's network, by key. */
export function weightsOf(golden: Golden): Map<string, Tensor> {
  const slopes = new Set(golden.prelu);
  const entries = Object.entries(golden.keys);
  return new Map(
    entries.map(([key, shape]) => [key, fill(key, shape, golden.seed, golden.norms, slopes.has(key))]),
  );
}

/** The input: uniform, of unit variance. */
export function fillInput(shape: readonly number[], seed: number): Tensor {
  return { shape, data: uniform("input", seed, product(shape), [Math.sqrt(3), 0, 1, 0]) };
}

/** The tensor of this key. A batch norm's statistics come from `norms`; `slope` says that it is a PReLU's. */
export function fill(
  key: string,
  shape: readonly number[],
  seed: number,
  norms: Norms = {},
  slope = false,
): Tensor {
  return { shape, data: uniform(key, seed, product(shape), formula(key, shape, norms, slope)) };
}

/**
 * a, b, c and d of (u * a + b) * c + d. Numbers and no function: a call for each of the goldens' billions of weights took six
 * times as long.
 */
type Formula = readonly [a: number, b: number, c: number, d: number];

function formula(key: string, shape: readonly number[], norms: Norms, slope: boolean): Formula {
  const dot = key.lastIndexOf(".");
  const leaf = key.slice(dot + 1);
  if (leaf === "running_mean" || leaf === "running_var") {
    const statistics = norms[key.slice(0, dot)];
    if (statistics === undefined) throw new Error(`the golden file has no norm for ${key}`);
    const [mean, variance] = statistics;
    return leaf === "running_mean" ? [0.1, 0, Math.sqrt(variance), mean] : [0.1, 1, variance, 0];
  }
  if (shape.length >= 2) return [Math.sqrt(6 / product(shape.slice(1))), 0, 1, 0];
  if (leaf === "bias") return [0.1, 0, 1, 0];
  return [0.1, slope ? 0.25 : 1, 1, 0];
}

/**
 * n values of a formula of u in [-1, 1): MurmurHash3's finaliser over a counter that starts at the key's
 * FNV-1a hash.
 */
function uniform(key: string, seed: number, n: number, [a, b, c, d]: Formula): Float32Array {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(key)) hash = Math.imul(hash ^ byte, 0x01000193);
  let counter = (hash + Math.imul(seed, 0x9e3779b9)) | 0;
  const out = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let mixed = counter;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
    out[i] = (((mixed >>> 8) * 2 ** -23 - 1) * a + b) * c + d;
    counter = (counter + 0x85ebca77) | 0;
  }
  return out;
}

const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
