/** Networks made convolutional: PyTorch's score maps on larger inputs, and its logits at the native size. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Net } from "../../src/layers.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { fill, fillInput, type Norms, readGolden, weightsOf, zooName } from "../recipe.js";
import { builds, convzoo } from "./package.js";
import { denseCombinations, denseNames, natively } from "./where.js";

const { convolutionize, load, stateShapes } = convzoo;
const zoo: Readonly<Record<string, ZooEntry>> = convzoo.zoo;

/** What make_dense_goldens.py writes; `output[k]` is the map of class `channels[k]`. */
interface DenseGolden {
  readonly model: string;
  readonly mode: "linear" | "window" | "cell" | "fine";
  readonly seed: number;
  readonly input_seed: number;
  readonly native: readonly [number, number, number];
  readonly input_shape: readonly number[];
  readonly output_shape: readonly number[];
  readonly scale: number;
  readonly norms: Norms;
  readonly channels: readonly number[];
  readonly output: readonly (readonly number[])[];
  readonly channel_mean_first_50: readonly number[];
}

const folder = new URL("../goldens/dense/", import.meta.url);
const goldens = readdirSync(folder).map((file) => {
  const golden: DenseGolden = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  return { name: file.replace(".json", ""), golden, zooName: golden.model.replace("ref/", "") };
});

const cores = await builds();
const quick = Boolean(process.env.CONVZOO_QUICK);

/** The weights of the network as the zoo builds it, which load into what is made of it. */
const weightsFor = (net: Net, { seed, norms }: DenseGolden) =>
  new Map([...stateShapes(net)].map(([key, { shape }]) => [key, fill(key, shape, seed, norms)]));

const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) if (!(Math.abs(value) <= most)) most = Math.abs(value);
  return most;
};

test("there are score maps, all that where.ts names among them", () => {
  expect(goldens.length).toBeGreaterThanOrEqual(13);
  expect(goldens.map(({ name }) => name)).toEqual(expect.arrayContaining([...denseNames]));
});

const running = goldens.filter(({ name }) => denseCombinations(name, cores, quick).length > 0);
describe.each(running)("$name", ({ name, golden, zooName }) => {
  const net = zoo[zooName]!.build();
  const pooling = golden.mode === "cell" ? "cell" : "window";
  const dense = convolutionize(net, golden.native, { pooling, fine: golden.mode === "fine" });

  test.each(denseCombinations(name, cores, quick))("%s, threads: %i", async (core, threads) => {
    using model = await load(dense, { weights: weightsFor(net, golden), core, threads });
    const { shape, data } = await model.run(fillInput(golden.input_shape, golden.input_seed));
    expect(shape).toEqual(golden.output_shape);
    const cells = shape[2]! * shape[3]!;
    const map = (channel: number) => data.subarray(channel * cells, (channel + 1) * cells);
    const errors = golden.channels.flatMap((channel, k) => {
      const found = map(channel);
      return golden.output[k]!.map((value, i) => value - found[i]!);
    });
    expect(largest(errors)).toBeLessThanOrEqual(1e-5 * golden.scale);
    const means = golden.channel_mean_first_50.map((mean, channel) => {
      return mean - map(channel).reduce((sum, value) => sum + value, 0) / cells;
    });
    expect(largest(means)).toBeLessThanOrEqual(1e-5 * golden.scale);
  });
});

describe.each(natively(quick))("%s at its native size", (name) => {
  test("gives PyTorch's logits as a map of one cell", async () => {
    const golden = readGolden(name);
    const entry = zoo[zooName(golden)]!;
    expect(golden.input_shape.slice(1)).toEqual(entry.input);
    const dense = convolutionize(entry.build(golden.options ?? {}), entry.input);
    using model = await load(dense, { weights: weightsOf(golden) });
    const { shape, data } = await model.run(fillInput(golden.input_shape, golden.input_seed));
    expect(shape).toEqual([...golden.output_shape, 1, 1]);
    const error = largest(golden.output.map((value, i) => value - data[i]!));
    const torch = golden.torch_float32_max_abs_error / golden.scale;
    expect(error).toBeLessThanOrEqual((torch > 1e-5 ? 10 * torch : 1e-5) * golden.scale);
  });
});

test("a checkpoint that comes with the package loads into what is made of its network", async () => {
  using model = await load(convolutionize(convzoo.squeezenet1_1(), [3, 224, 224]));
  using plain = await load("squeezenet1_1");
  const input = fillInput([1, 3, 224, 224], 3);
  const [dense, logits] = [await model.run(input), await plain.run(input)];
  expect(dense.shape).toEqual([1, 1000, 1, 1]);
  const error = largest(logits.data.map((value, i) => value - dense.data[i]!));
  expect(error).toBeLessThanOrEqual(1e-5 * largest(logits.data));
});
