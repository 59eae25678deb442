/** The golden files on the core's builds: errors, bits for each number of threads, taps. where.ts says which run where. */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { Tensor } from "../../src/tensor.js";
import { fillInput, readGolden, weightsOf } from "../recipe.js";
import { build, checkTap, largest, limit } from "./golden.js";
import { builds, convzoo } from "./package.js";
import { combinations, goldenNames, lacking } from "./where.js";

const { load } = convzoo;

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
