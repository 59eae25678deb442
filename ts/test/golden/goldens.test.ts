/** Every golden file on every build of the core that this Node runs: errors, bits for each number of threads, taps. */
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { Tensor } from "../../src/tensor.js";
import { fillInput, type Golden, readGolden, weightsOf, zooName } from "../recipe.js";
import { builds, convzoo } from "./package.js";

const { load, zoo } = convzoo;

/** Ours stay within this part of the largest magnitude. */
const LIMIT = 1e-5;

const goldens = readdirSync(new URL("../goldens/models", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length))
  .map((name) => ({ name, golden: readGolden(name) }));

/** The goldens by what they load, for weights are made once for all that share them. */
const networks = new Map<string, typeof goldens>();
for (const one of goldens) {
  const network = `${one.golden.model} of seed ${one.golden.seed}`;
  networks.set(network, [...(networks.get(network) ?? []), one]);
}

const cores = await builds();
const quick = Boolean(process.env.CONVZOO_QUICK);
const combinations = (quick ? cores.slice(-1) : cores).flatMap((core) =>
  (core.endsWith("-threads") ? [1, 2, 4] : [1]).map((threads) => [core, threads] as const),
);

const build = (golden: Golden) => zoo[zooName(golden) as keyof typeof zoo].build(golden.options ?? {});

const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) if (!(Math.abs(value) <= most)) most = Math.abs(value);
  return most;
};

test("there are goldens, and builds to run them on", () => {
  expect(goldens.length).toBeGreaterThanOrEqual(6);
  expect(cores).toContain("simd128");
  expect(cores).toContain("simd128-threads");
});

for (const [network, group] of networks) {
  describe(network, () => {
    const bits = new Map<string, string>();
    let weights: Map<string, Tensor>;
    beforeAll(() => {
      weights = weightsOf(group[0]!.golden);
    });
    afterAll(() => weights.clear());

    describe.each(combinations)("%s, threads: %i", (core, threads) => {
      let model: Model;
      beforeAll(async () => {
        model = await load(build(group[0]!.golden), { weights, core, threads });
      });
      afterAll(() => model.dispose());

      test("runs on what was asked for", () => {
        expect(model).toMatchObject({ core, threads, device: "wasm" });
      });

      test.each(group)("$name: the output", async ({ name, golden }) => {
        const input = fillInput(golden.input_shape, golden.input_seed);
        const output = await model.run(input);
        expect(output.shape).toEqual(golden.output_shape);
        const error = largest(golden.output.map((value, i) => value - output.data[i]!));
        expect(error).toBeLessThanOrEqual(LIMIT * golden.scale);
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
      const now = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
      expect(bits.get(key) ?? now, `${key}: bits depend on the number of threads`).toBe(now);
      bits.set(key, now);
    }
  });
}

describe("taps asked for one at a time", () => {
  const singly = goldens.filter(({ name }) => name.startsWith("squeezenet"));
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
  const limit = LIMIT * Math.max(largest(tap.values), Math.abs(tap.mean) + tap.std);
  const error = largest(tap.values.map((value, k) => value - data[tap.at[k]!]!));
  expect(error, `${path}: samples`).toBeLessThanOrEqual(limit);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const std = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length);
  expect(Math.abs(mean - tap.mean), `${path}: mean`).toBeLessThanOrEqual(limit);
  expect(Math.abs(std - tap.std), `${path}: standard deviation`).toBeLessThanOrEqual(limit);
}
