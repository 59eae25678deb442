/** The golden files on the core's builds: errors, bits for each number of threads, taps. where.ts says which run where. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { Tensor } from "../../src/tensor.js";
import { fillInput, type Golden, readGolden, weightsOf, zooName } from "../recipe.js";
import { builds, convzoo } from "./package.js";
import { combinations, goldenNames, lacking } from "./where.js";

const { load, zoo } = convzoo;

/** Ours stay within this part of the largest magnitude. */
const LIMIT = 1e-5;

const goldens = readdirSync(new URL("../goldens/models", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length))
  .map((name) => ({ name, golden: readGolden(name) }));
type One = (typeof goldens)[number];

const cores = await builds();
const quick = Boolean(process.env.CONVZOO_QUICK);

/** The goldens by what they load and where they run, for weights are made once for all that share them. */
const groups = new Map<string, One[]>();
for (const one of goldens) {
  const { model, seed, options, norms } = one.golden;
  const where = combinations(one.name, cores, quick);
  const group = JSON.stringify([model, seed, options, norms, where]);
  if (where.length > 0) groups.set(group, [...(groups.get(group) ?? []), one]);
}

const build = (golden: Golden) => zoo[zooName(golden) as keyof typeof zoo].build(golden.options ?? {});

const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) if (!(Math.abs(value) <= most)) most = Math.abs(value);
  return most;
};

/** Where PyTorch's own float32 is worse than that, ours may be ten times as far off as PyTorch's. */
const limit = ({ torch_float32_max_abs_error, scale }: Golden): number => {
  const torch = torch_float32_max_abs_error / scale;
  return torch > LIMIT ? 10 * torch : LIMIT;
};

test("there are goldens, all that where.ts names among them, and builds to run them on", () => {
  expect(goldens.length).toBeGreaterThanOrEqual(70);
  expect(goldens.map(({ name }) => name)).toEqual(expect.arrayContaining([...goldenNames]));
  expect(cores.length).toBeGreaterThan(0);
});

for (const group of groups.values()) {
  const [{ name: first, golden: made }] = group as [One, ...One[]];
  describe(first, () => {
    const bits = new Map<string, string>();
    const why = lacking(first);
    let weights: Map<string, Tensor>;
    beforeAll(() => {
      if (!why) weights = weightsOf(made);
    });
    beforeEach(({ skip }) => skip(why !== undefined, why));
    afterAll(() => weights?.clear());

    describe.each(combinations(first, cores, quick))("%s, threads: %i", (core, threads) => {
      let model: Model;
      beforeAll(async () => {
        if (!why) model = await load(build(made), { weights, core, threads });
      });
      afterAll(() => model?.dispose());

      test("runs on what was asked for", () => {
        expect(model).toMatchObject({ core, threads, device: "wasm" });
      });

      test.each(group)("$name: the output", async ({ name, golden }) => {
        const input = fillInput(golden.input_shape, golden.input_seed);
        const output = await model.run(input);
        expect(output.shape).toEqual(golden.output_shape);
        const error = largest(golden.output.map((value, i) => value - output.data[i]!));
        expect(error).toBeLessThanOrEqual(limit(golden) * golden.scale);
        expect((await model.run(input)).data).toEqual(output.data);
        sameBits(`${name} ${core}`, output);
      });

      test.each(group)("$name: every tap, in one run", async ({ name, golden }) => {
        const paths = Object.keys(golden.taps);
        const taps = await model.run(fillInput(golden.input_shape, golden.input_seed), { outputs: paths });
        expect(Object.keys(taps)).toEqual(paths);
        for (const path of paths) {
          checkTap(golden, path, taps[path]!);
          sameBits(`${name} ${core} ${path}`, taps[path]!);
        }
      });
    });

    /** The bits that the first number of threads gave are the bits of every other. */
    function sameBits(key: string, { data }: Tensor): void {
      const now = createHash("sha256").update(data).digest("hex");
      expect(bits.get(key) ?? now, `${key}: bits depend on the number of threads`).toBe(now);
      bits.set(key, now);
    }
  });
}

describe("taps asked for one at a time", () => {
  const singly = goldens.filter(({ name }) => name.startsWith("squeezenet1_1_"));
  test.each(singly)("$name", async ({ golden }) => {
    using model = await load(build(golden), { weights: weightsOf(golden) });
    const input = fillInput(golden.input_shape, golden.input_seed);
    for (const path of Object.keys(golden.taps)) {
      const taps = await model.run(input, { outputs: [path] });
      expect(Object.keys(taps)).toEqual([path]);
      checkTap(golden, path, taps[path]!);
    }
  });
});

function checkTap(golden: Golden, path: string, { shape, data }: Tensor): void {
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
