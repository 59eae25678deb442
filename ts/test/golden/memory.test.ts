/** Memory that does not grow, and networks for which there is none. */
import { describe, expect, test } from "vitest";
import type { Net } from "../../src/layers.js";
import { convzoo, noise } from "./package.js";

const { alexnet, densenet121, flatten, linear, load, mobilenet_v3_large, net, resnet18, stateShapes } =
  convzoo;

/** Weights whose values do not matter here; those of the same size are one array. */
function zeros(network: Net) {
  const arrays = new Map<number, Float32Array>();
  const tensors = [...stateShapes(network)].map(([key, { shape }]) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const data = arrays.get(length) ?? new Float32Array(length);
    arrays.set(length, data);
    return [key, { shape, data }] as const;
  });
  return new Map(tensors);
}

/** By how many bytes the process grows while `work` is done `times` times. */
async function growth(times: number, work: (i: number) => Promise<unknown>): Promise<number> {
  // The heaps of all threads first grow to what they need.
  for (let i = 0; i < times / 4; i++) await work(i);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < times; i++) await work(i);
  return process.memoryUsage.rss() - before;
}

describe("many runs of one model", () => {
  test.each([
    { name: "squeezenet1_1", times: 1000, side: 64 },
    { name: "resnet18", times: 100, side: 224 },
  ] as const)("$times of $name", async ({ name, times, side }) => {
    const weights = name === "resnet18" ? zeros(resnet18()) : undefined;
    using model = await load(name, { weights, threads: 2 });
    const input = noise([1, 3, side, side]);
    await model.run(input);
    const held = await model.memory();
    const grown = await growth(times, () => model.run(input));
    expect(await model.memory()).toEqual(held);
    // Had each run left its input behind on one of the two sides, this were all of them.
    expect(grown).toBeLessThan((times * input.data.byteLength) / 2);
  });

  test("of changing sizes, with plans made anew each time", async () => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const inputs = Array.from({ length: 20 }, (_, i) => noise([1, 3, 40 + 8 * i, 64]));
    for (const input of inputs) await model.run(input);
    const held = await model.memory();
    const grown = await growth(400, (i) => model.run(inputs[i % inputs.length]!));
    expect(await model.memory()).toEqual(held);
    const bytes = inputs.reduce((sum, { data }) => sum + data.byteLength, 0) / inputs.length;
    expect(grown).toBeLessThan((400 * bytes) / 2);
  });
});

test("200 models, one after another", async () => {
  const grown = await growth(200, async () => {
    using model = await load("lenet5", { threads: 2 });
    await model.run(noise([1, 1, 28, 28]));
  });
  // Two threads of JavaScript each, of which one that stayed would hold some megabytes.
  expect(grown).toBeLessThan(200 * 2 ** 19);
});

describe("the core's memory is its weights, its maps and little else", () => {
  const built = { alexnet, densenet121, mobilenet_v3_large, resnet18 };
  const cases = Object.entries(built).flatMap(([name, build]) =>
    ([undefined, "float16", "int8"] as const).map((precision) => [name, precision, build()] as const),
  );
  test.each(cases)("%s, precision: %s", async (_, precision, network) => {
    using model = await load(network, { weights: zeros(network), precision, threads: 2 });
    await model.run(noise([1, 3, 224, 224]));
    const { weights, maps, total } = await model.memory();
    expect(total - weights - maps).toBeGreaterThan(0);
    expect(total - weights - maps).toBeLessThan(24 * 2 ** 20);
  });
});

describe("networks larger than a memory", () => {
  const sides = 8192;

  test("are refused before anything is allocated, in words that say how much they need", async () => {
    // 20 x 256 MiB, though their weights are one array here.
    const layers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`fc${i}`, linear(sides, sides)]));
    const huge = net("Huge", layers, [flatten(), ...Object.keys(layers)], { inChannels: sides });
    const weights = zeros(huge);
    const before = process.memoryUsage.rss();
    const error = await load(huge, { weights }).catch((error) => error);
    expect(error).toMatchObject({ name: "ConvzooError", code: "too-large" });
    expect(error.message).toMatch(/needs? 512\d MiB/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(600 * 2 ** 20);
  });
});
