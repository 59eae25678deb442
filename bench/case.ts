/** The files of a model, one for each engine: the golden recipe's weights and input, and PyTorch's answer to them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { fold, type Weights } from "../ts/src/cli/bench/fold.js";
import { toOnnx } from "../ts/src/cli/bench/onnx.js";
import { toTfjs } from "../ts/src/cli/bench/tfjs.js";
import { lower } from "../ts/src/graph.js";
import { shapesOf } from "../ts/src/shape.js";
import { stateShapes } from "../ts/src/state.js";
import { type ZooName, zoo } from "../ts/src/zoo/index.js";
import { fill, fillInput, readGolden } from "../ts/test/recipe.js";
import { toTflite } from "./tflite.js";

export interface Case {
  readonly folder: URL;
  /** [1, C, H, W]. */
  readonly input: readonly number[];
  /** The largest difference of an output from PyTorch's in float64, as a share of its largest number. */
  difference(output: readonly number[]): number;
}

/** Writes `files` ("model.onnx" and so on) for a model that has a golden file, at the size of that. */
export function makeCase(model: ZooName, files: ReadonlySet<string>): Case {
  const golden = readGolden(model);
  const net = zoo[model].build();
  const weights: Weights = new Map(
    [...stateShapes(net)].map(([key, { shape }]) => [key, fill(key, shape, golden.seed, golden.norms)]),
  );
  const input = golden.input_shape;
  const graph = lower(net);
  const steps = fold(graph, shapesOf(graph, input.slice(1)), weights);
  const folder = new URL(`../build/bench/${model}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const pixels = fillInput(input, golden.input_seed).data as Float32Array;
  writeFileSync(new URL("input.bin", folder), pixels);
  const writers: Record<string, () => Uint8Array> = {
    "model.safetensors": () => toSafetensors(weights),
    "model.onnx": () => toOnnx(graph, weights, input),
    "model.tflite": () => toTflite(steps),
    "model.tfjs": () => toTfjs(steps),
  };
  for (const [name, write] of Object.entries(writers))
    if (files.has(name)) writeFileSync(new URL(name, folder), write());
  const difference = (output: readonly number[]): number =>
    Math.max(...golden.output.map((value, i) => Math.abs(value - (output[i] ?? Number.NaN)))) / golden.scale;
  return { folder, input, difference };
}

/** The weights as a .safetensors file. */
function toSafetensors(weights: Weights): Uint8Array {
  let at = 0;
  const entries = [...weights].map(([key, { shape, data }]) => {
    const data_offsets = [at, at + data.byteLength];
    at += data.byteLength;
    return [key, { dtype: "F32", shape, data_offsets }];
  });
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = new BigUint64Array([BigInt(header.length)]);
  const parts = [length, header, ...[...weights.values()].map(({ data }) => data)];
  return Buffer.concat(
    parts.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  );
}
