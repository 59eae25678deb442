/** The models of scripts/make_onnx_cases.py, each with what onnxruntime makes of its input. */
import { readFileSync } from "node:fs";
import { fillInput } from "./recipe.js";

export interface OnnxCase {
  readonly name: string;
  /** The input's; the output's is `output_shape`. */
  readonly shape: readonly number[];
  readonly seed: number;
  readonly output_shape: readonly number[];
  readonly output: readonly number[];
  /** The node that must be refused; then there is no output. */
  readonly refuses?: string;
}

const folder = new URL("./goldens/onnx/", import.meta.url);

export const onnxCases: readonly OnnxCase[] = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"));

export const computedCases = onnxCases.filter(({ refuses }) => refuses === undefined);
export const refusedCases = onnxCases.filter(({ refuses }) => refuses !== undefined);

/** The case's file. */
export const onnxBytes = (name: string): Uint8Array => readFileSync(new URL(`${name}.onnx`, folder));

export const inputOf = ({ shape, seed }: OnnxCase) => fillInput(shape, seed);

/** How far an output is from onnxruntime's, in the largest magnitude of that. */
export function errorOf({ output }: OnnxCase, data: ArrayLike<number>): number {
  const scale = Math.max(...output.map(Math.abs));
  return Math.max(...output.map((value, i) => Math.abs(value - (data[i] ?? Number.NaN)))) / scale;
}
