/** What `tune` does on a GPU: every way of computing a layer gives its numbers, and what was found can be kept. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { acquire, type Gpu } from "../../src/backend/webgpu/device.js";
import { startPlanner } from "../../src/backend/webgpu/planner.js";
import type { Trial } from "../../src/backend/webgpu/recording.js";
import { type LoadOptions, load as loadBy } from "../../src/load.js";
import type { Platform } from "../../src/platform.js";
import { gpus, noGpu } from "../gpu.js";
import { fillInput, readGolden, weightsOf } from "../recipe.js";
import { build, largest, limit } from "./golden.js";
import { convzoo } from "./package.js";
import { kit, planning } from "./planner.js";
import { refused } from "./refused.js";

const { load, stateShapes, zoo } = convzoo;

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

/** A golden's network, with what it takes to run it and a check of what it gives. */
function made(name: string) {
  const golden = readGolden(name);
  const check = ({ data }: { readonly data: ArrayLike<number> }) => {
    const error = largest(golden.output.map((value, i) => value - data[i]!));
    expect(error).toBeLessThanOrEqual(limit(golden) * golden.scale);
  };
  const input = fillInput(golden.input_shape, golden.input_seed);
  return { net: build(golden), weights: weightsOf(golden), input, check };
}

const device = "webgpu";
/** The algorithms of a model's layers, by path. */
async function algorithmsOf(
  model: Awaited<ReturnType<typeof load>>,
  input: ReturnType<typeof made>["input"],
) {
  const steps = await model.profile(input, { rounds: 1 });
  return steps.map(({ path, algorithm }) => [path, algorithm]);
}

describe("a small network of 3 x 3 convolutions", () => {
  const one = made("ref_resnet20_cifar");
  const { net, weights, input, check } = one;
  let trials: readonly Trial[];
  let gpu: Gpu;
  beforeAll(async () => {
    if (noGpu) return;
    const platform = planning();
    gpu = await acquire(platform);
    const core = await startPlanner(kit, platform);
    const { nodes, output } = kit.lower(net);
    const graph = JSON.stringify({ nodes, output });
    const { limits } = gpu;
    await core.call("network", { graph, size: [32, 32], winograd: true, height: 4, limits });
    trials = await core.call("trials", {});
    core.dispose();
  });
  afterAll(() => gpu?.release());

  test("tune: true gives plain data, which another load takes", async () => {
    using tuned = await load(net, { weights, device, tune: true });
    const { tuning } = tuned;
    expect(tuned.device).toBe("webgpu");
    const kept = JSON.parse(JSON.stringify(tuning));
    expect(kept).toEqual(tuning);
    expect(Object.keys(kept).sort()).toEqual(trials.map(({ key }) => key).sort());
    for (const { key, candidates } of trials) expect(candidates.map(({ name }) => name)).toContain(kept[key]);
    const output = await tuned.run(input);
    check(output);
    using again = await load(net, { weights, device, tune: kept });
    expect(again.tuning).toEqual(kept);
    expect(await algorithmsOf(again, input)).toEqual(await algorithmsOf(tuned, input));
    expect((await again.run(input)).data).toEqual(output.data);
  });

  test.each([0, 1, 2, 3])("candidate %i of each layer gives the network's numbers", async (turn) => {
    const named = trials.map(({ key, candidates }) => [key, candidates[turn % candidates.length]!.name]);
    using model = await load(net, { weights, device, tune: Object.fromEntries(named) });
    check(await model.run(input));
    const chosen = new Set(named.map(([, name]) => name!.split(",")[0]));
    const found = new Set((await algorithmsOf(model, input)).map(([, algorithm]) => algorithm));
    // Linear layers and all that are no sums have none.
    found.delete("");
    expect(found).toEqual(chosen.add("direct"));
    // Several images are other products.
    const two = { shape: [2, ...input.shape.slice(1)], data: new Float32Array(2 * input.data.length) };
    two.data.set(input.data);
    check(await model.run(two));
  });

  test("winograd: false measures no transform, and takes none from a tuning", async () => {
    using tuned = await load(net, { weights, device, winograd: false, tune: true });
    for (const name of Object.values(tuned.tuning!)) expect(name).toMatch(/^direct, /);
    const names = trials.map(({ key, candidates }) => [key, candidates.at(-1)!.name]);
    expect(names.some(([, name]) => name!.startsWith("winograd"))).toBe(true);
    using given = await load(net, { weights, device, winograd: false, tune: Object.fromEntries(names) });
    const algorithms = (await algorithmsOf(given, input)).map(([, algorithm]) => algorithm!);
    expect(algorithms.filter((algorithm) => algorithm.startsWith("winograd"))).toEqual([]);
    check(await given.run(input));
  });

  test("narrow weights have a tuning of their own", async () => {
    using tuned = await load(net, { weights, device, precision: "float16", tune: true });
    const keys = Object.keys(tuned.tuning!);
    expect(keys.length).toBe(trials.length);
    for (const key of keys) expect(key).toMatch(/^webgpu: .*, float16$/);
  });

  test("it ends where its signal says so", async () => {
    const reason = new Error("enough");
    const stop = new AbortController();
    const loading = load(net, { weights, device, tune: true, signal: stop.signal });
    setTimeout(() => stop.abort(reason), 200);
    await expect(loading).rejects.toBe(reason);
  });
});

describe("lenet5", () => {
  const { net, weights, input, check } = made("ref_lenet5");

  test("a device without clocks is timed by what it has done", async () => {
    const gpu = await (await gpus.requestAdapter())!.requestDevice();
    expect(gpu.features.has("timestamp-query")).toBe(false);
    using tuned = await load(net, { weights, gpu, tune: true });
    expect(Object.keys(tuned.tuning!).length).toBeGreaterThan(2);
    check(await tuned.run(input));
    gpu.destroy();
  });

  test("one tuning serves the CPU and the GPU: each knows its own", async () => {
    using cpu = await load(net, { weights, device: "wasm", tune: true });
    using gpu = await load(net, { weights, device, tune: true });
    const both = { ...cpu.tuning, ...gpu.tuning };
    expect(Object.keys(both).length).toBe(Object.keys(cpu.tuning!).length + Object.keys(gpu.tuning!).length);
    for (const [where, tuned] of [
      ["wasm", cpu],
      ["webgpu", gpu],
    ] as const) {
      using model = await load(net, { weights, device: where, tune: both });
      expect(model.device).toBe(where);
      expect((await model.run(input)).data).toEqual((await tuned.run(input)).data);
    }
    using plain = await load(net, { weights, device });
    using foreign = await load(net, { weights, device, tune: cpu.tuning! });
    expect((await foreign.run(input)).data).toEqual((await plain.run(input)).data);
  });

  test.each([
    ["an algorithm that there is not", (key: string) => ({ [key]: "fast" })],
    ["an algorithm of the CPU's", (key: string) => ({ [key]: "direct" })],
    ["no name of an algorithm", (key: string) => ({ [key]: 4 })],
    ["a list", () => [1]],
  ])("refuses %s", async (_, nonsense) => {
    using tuned = await load(net, { weights, device, tune: true });
    const [key] = Object.keys(tuned.tuning!) as [string];
    await refused(() => load(net, { weights, device, tune: nonsense(key) as never }), "bad-option", /tun/);
  });

  test("auto asks for a GPU with tune as without, but not for what is the CPU's", async () => {
    const resnet = zoo.resnet18.build();
    const zeros = [...stateShapes(resnet)].map(([key, { shape }]) => {
      return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }] as const;
    });
    const asks = async (options: LoadOptions) => {
      let asked = 0;
      // It has no GPU, and no core either: what matters here is what it is asked for.
      const platform = { gpu: async () => void asked++ } as unknown as Platform;
      await expect(loadBy(platform, resnet, { weights: new Map(zeros), ...options })).rejects.toThrow();
      return asked;
    };
    expect(await asks({})).toBe(1);
    expect(await asks({ tune: true })).toBe(1);
    expect(await asks({ tune: {} })).toBe(1);
    expect(await asks({ core: "simd128", tune: true })).toBe(0);
  });

  test("auto tunes where it computes: here on the CPU", async () => {
    using model = await load(net, { weights, tune: true });
    expect(model.device).toBe("wasm");
    for (const key of Object.keys(model.tuning!)) expect(key).not.toMatch(/webgpu/);
    check(await model.run(input));
  });
});
