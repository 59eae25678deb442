/** By which algorithms networks are computed: what `winograd`, `tune` and `profile` do. */
import { describe, expect, test } from "vitest";
import { lower } from "../../src/graph.js";
import type { Model } from "../../src/model.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { fillInput, readGolden, weightsOf, zooName } from "../recipe.js";
import { convzoo } from "./package.js";
import { refused } from "./refused.js";
import { EVERYWHERE } from "./where.js";

const { load, summarize } = convzoo;
const zoo: Readonly<Record<string, ZooEntry>> = convzoo.zoo;

/** A golden's network, with what it takes to run it, and how far an output is from PyTorch's in its scale. */
function made(name: string) {
  const golden = readGolden(name);
  const { output, scale } = golden;
  return {
    net: zoo[zooName(golden)]!.build(golden.options),
    weights: weightsOf(golden),
    input: fillInput(golden.input_shape, golden.input_seed),
    error: (data: Float32Array) => Math.max(...output.map((value, i) => Math.abs(value - data[i]!))) / scale,
    torch: golden.torch_float32_max_abs_error / scale,
  };
}

/** The algorithms of a model's convolutions, by path. */
async function algorithmsOf(model: Model, input: ReturnType<typeof made>["input"]) {
  const steps = await model.profile(input, { rounds: 1 });
  return new Map(steps.filter(({ op }) => op === "conv2d").map(({ path, algorithm }) => [path, algorithm]));
}

describe("the networks that run on every build", () => {
  test("take every operator of the zoo", () => {
    const operators = (names: readonly string[]) => {
      const nodes = names.flatMap((name) => lower(zoo[name]!.build()).nodes);
      return [...new Set(nodes.map((node) => (node.op === "activation" ? node.kind : node.op)))].sort();
    };
    expect(operators(EVERYWHERE.map((name) => zooName(readGolden(name))))).toEqual(
      operators(Object.keys(zoo)),
    );
  });

  test("take every algorithm", async () => {
    const found = new Set<string>();
    const few = ["ref_inception_resnet_v1_139x171_b2", "ref_mcdnn_cifar10", "squeezenet1_1"];
    for (const name of few.filter((name) => EVERYWHERE.includes(name))) {
      const { net, weights, input } = made(name);
      using model = await load(net, { weights });
      for (const { algorithm } of await model.profile(input, { rounds: 1 })) found.add(algorithm);
    }
    // Tiles of 4 x 6 are for larger maps than these have.
    const tiles = ["1 x 2", "2 x 1", "1 x 4", "4 x 1", "2 x 2", "4 x 4"];
    const wanted = [
      "direct",
      "grouped",
      ...tiles.flatMap((t) => [`winograd ${t}`, `winograd ${t}, products`]),
    ];
    expect([...found]).toEqual(expect.arrayContaining(wanted));
  });
});

describe("winograd: false", () => {
  test.each(["resnet18", "ref_inception_resnet_v1_139x171_b2"])("%s", async (name) => {
    const { net, weights, input, error, torch } = made(name);
    for (const winograd of [true, false]) {
      using model = await load(net, { weights, winograd });
      const algorithms = [...(await algorithmsOf(model, input)).values()];
      expect(algorithms.some((algorithm) => algorithm.startsWith("winograd"))).toBe(winograd);
      // Without transforms only the order of a sum is another than in PyTorch's own float32.
      const bound = winograd ? 1e-5 : 10 * torch;
      expect(error((await model.run(input)).data)).toBeLessThanOrEqual(bound);
    }
  });
});

describe("profile", () => {
  test.each(["resnet18", "mobilenet_v3_small"])("%s: its layers, its products, its time", async (name) => {
    const { net, weights, input } = made(name);
    using model = await load(net, { weights, threads: 1 });
    const run = async () => {
      const start = performance.now();
      await model.run(input);
      return performance.now() - start;
    };
    // Runs and profiles in turn, and the least of each, so that what others do on this machine hardly counts; more of them where
    // no run had the machine for itself yet, which a step has sooner.
    let whole = await run();
    let steps = await model.profile(input, { rounds: 1 });
    const sum = () => steps.reduce((sum, { ms }) => sum + ms, 0);
    for (let i = 0; i < 10 || (i < 100 && sum() < whole / 2); i++) {
      whole = Math.min(whole, await run());
      const more = await model.profile(input, { rounds: 1 });
      steps = steps.map((step, k) => ({ ...step, ms: Math.min(step.ms, more[k]!.ms) }));
    }

    const { rows } = summarize(net, input.shape.slice(1) as [number, number, number]);
    const sums = rows.filter(({ macs }) => macs > 0);
    const macs = (path: string) =>
      steps.filter((step) => step.path === path).reduce((sum, step) => sum + step.macs, 0);
    for (const { path, macs: wanted } of sums) expect(macs(path), path).toBe(wanted);
    expect(steps.map(({ path }) => path)).toEqual(expect.arrayContaining(sums.map(({ path }) => path)));

    for (const step of steps) {
      expect(step.ms, step.path).toBeGreaterThanOrEqual(0);
      expect(step.bytes, step.path).toBeGreaterThan(0);
      expect(step.shape[0]).toBe(1);
    }
    const parts = sum();
    expect(parts).toBeGreaterThan(whole / 2);
    expect(parts).toBeLessThan(whole * 1.5);
  });

  test("rounds that there cannot be", async () => {
    const { net, weights, input } = made("ref_lenet5");
    using model = await load(net, { weights });
    for (const rounds of [0, -1, 1.5, "2"]) {
      await refused(() => model.profile(input, { rounds: rounds as never }), "bad-option", /rounds/);
    }
    expect((await model.run(input)).shape).toEqual([1, 10]);
  });
});

describe("tune", () => {
  const { net, weights, input, error } = made("resnet18");

  test("gives plain data, which another load takes", async () => {
    using tuned = await load(net, { weights, tune: true });
    const { tuning } = tuned;
    const kept = JSON.parse(JSON.stringify(tuning));
    expect(kept).toEqual(tuning);
    expect(Object.keys(kept).length).toBeGreaterThan(2);
    const algorithms = await algorithmsOf(tuned, input);
    const output = await tuned.run(input);
    expect(error(output.data)).toBeLessThanOrEqual(1e-5);

    using again = await load(net, { weights, tune: kept });
    expect(again.tuning).toEqual(kept);
    expect(await algorithmsOf(again, input)).toEqual(algorithms);
    expect((await again.run(input)).data).toEqual(output.data);
  });

  test("what a tuning says is what is used", async () => {
    using plain = await load(net, { weights });
    expect(plain.tuning).toBeUndefined();
    using tuned = await load(net, { weights, tune: true });
    const direct = Object.fromEntries(Object.keys(tuned.tuning!).map((key) => [key, "direct"]));
    using model = await load(net, { weights, tune: direct });
    expect(new Set((await algorithmsOf(model, input)).values())).toEqual(new Set(["direct"]));
    using without = await load(net, { weights, winograd: false });
    expect((await model.run(input)).data).toEqual((await without.run(input)).data);
  });

  test.each([
    ["an algorithm that there is not", (key: string) => ({ [key]: "fast" })],
    ["no name of an algorithm", (key: string) => ({ [key]: 4 })],
    ["a list", () => [1]],
    ["a word", () => "yes"],
    ["a number", () => 5],
    ["null", () => null],
  ])("refuses %s", async (_, nonsense) => {
    const { net, weights } = made("ref_lenet5");
    using tuned = await load(net, { weights, tune: true });
    const [key] = Object.keys(tuned.tuning!) as [string];
    await refused(() => load(net, { weights, tune: nonsense(key) as never }), "bad-option", /tun/);
  });
});
