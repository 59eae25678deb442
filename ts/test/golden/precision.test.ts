/** Weights kept as float16 and int8: what that does to results, and what it does not. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Precision } from "../../src/load.js";
import type { Tensor } from "../../src/tensor.js";
import { toFloat32, type WeightTensor } from "../../src/weights/dtype.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { toHalves, toSteps } from "../half.js";
import { fillInput, readGolden, weightsOf, zooName } from "../recipe.js";
import { convzoo } from "./package.js";
import { refused } from "./refused.js";

const { load } = convzoo;
const zoo: Readonly<Record<string, ZooEntry>> = convzoo.zoo;

type Weights = ReadonlyMap<string, Tensor | WeightTensor>;

function made(name: string) {
  const golden = readGolden(name);
  return {
    net: zoo[zooName(golden)]!.build(golden.options),
    weights: weightsOf(golden),
    input: fillInput(golden.input_shape, golden.input_seed),
  };
}

/** The weights with those of convolutions and linear layers replaced. */
const changed = (weights: Weights, change: (weight: Tensor) => Tensor | WeightTensor): Weights =>
  new Map(
    [...weights].map(([key, weight]) => [key, weight.shape.length > 1 ? change(weight as Tensor) : weight]),
  );

const half = ({ shape, data }: Tensor): WeightTensor => ({ dtype: "f16", shape, data: toHalves(data) });
const widened = (weight: Tensor): Tensor => ({ shape: weight.shape, data: toFloat32(half(weight)) });
const stepped = ({ shape, data }: Tensor): Tensor => ({ shape, data: toSteps(data, shape[0]!) });

/** The output of a network with these weights, and the bytes that the core keeps of them. */
async function run(
  { net, input }: ReturnType<typeof made>,
  options: NonNullable<Parameters<typeof load>[1]> & { readonly weights: Weights },
) {
  using model = await load(net, options);
  return { data: (await model.run(input)).data, bytes: (await model.memory()).weights };
}

// Networks without narrow groups, whose weights stay as they are.
describe.each(["ref_googlenet_lrn", "ref_lenet5_b4", "resnet18"])("%s", (name) => {
  const one = made(name);

  test.each([
    ["float16", widened, 1.9],
    ["int8", stepped, 3.5],
  ] as const)("%s: rounded weights, and else the same bits", async (precision, round, times) => {
    const wide = await run(one, { weights: changed(one.weights, round), winograd: false });
    for (const threads of [1, 2]) {
      const narrow = await run(one, { weights: one.weights, precision, threads });
      expect(narrow.data).toEqual(wide.data);
      expect(wide.bytes / narrow.bytes).toBeGreaterThan(times);
    }
  });

  test("a checkpoint in float16: the same bits, whatever it is kept as", async () => {
    const weights = changed(one.weights, half);
    const wide = await run(one, { weights, precision: "float32" });
    // Without a precision, linear layers stay in float16.
    const own = await run(one, { weights });
    expect(own.data).toEqual(wide.data);
    expect(own.bytes).toBeLessThan(wide.bytes);
    const direct = await run(one, { weights, winograd: false });
    expect((await run(one, { weights, precision: "float16" })).data).toEqual(direct.data);
  });
});

test("PyTorch's numbers for weights that were rounded to float16", async () => {
  const one = made("resnet18");
  const golden = JSON.parse(readFileSync(new URL("../goldens/half/resnet18.json", import.meta.url), "utf8"));
  const { data } = await run(one, { weights: one.weights, precision: "float16" });
  const error = Math.max(...golden.output.map((value: number, i: number) => Math.abs(value - data[i]!)));
  expect(error).toBeLessThanOrEqual(1e-5 * golden.scale);
});

test("tuning finds nothing to choose, and one of float32 is taken", async () => {
  const one = made("resnet18");
  const { weights } = one;
  using tuned = await load(one.net, { weights, precision: "float16", tune: true });
  expect(tuned.tuning).toEqual({});
  using wide = await load(one.net, { weights, tune: true });
  const own = await run(one, { weights, precision: "float16", tune: wide.tuning! });
  expect(own.data).toEqual((await tuned.run(one.input)).data);
});

describe("what there cannot be", () => {
  test("a precision that is none", async () => {
    const { net, weights } = made("ref_lenet5");
    for (const precision of ["float64", "f16", "", null, 16]) {
      const options = { weights, precision: precision as Precision };
      await refused(() => load(net, options), "bad-option", /precision must be "float32"/);
    }
  });

  test("a weight beyond float16", async () => {
    const { net, weights, input } = made("ref_lenet5");
    const key = [...weights.keys()].find((key) => weights.get(key)!.shape.length === 4)!;
    weights.get(key)!.data[3] = 70000;
    const layer = key.replace(/\.weight$/, "");
    const error = await refused(
      () => load(net, { weights, precision: "float16" }),
      "bad-weights",
      "70000",
      "65504",
    );
    expect(error.node).toBe(layer);
    using model = await load(net, { weights, precision: "int8" });
    expect((await model.run(input)).data.every(Number.isFinite)).toBe(true);
  });
});
