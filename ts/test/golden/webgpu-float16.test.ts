/**
 * Networks whose products are computed in float16, which is emulated where the device has none: how far that takes them from
 * PyTorch's float64, and who is refused.
 */
import { beforeEach, describe, expect, test } from "vitest";
import { acquire, type Gpu } from "../../src/backend/webgpu/device.js";
import { GpuHost } from "../../src/backend/webgpu/host.js";
import { startPlanner } from "../../src/backend/webgpu/planner.js";
import { probe } from "../../src/backend/webgpu/probe/index.js";
import type { LoadOptions } from "../../src/load.js";
import type { Platform } from "../../src/platform.js";
import { gpus, noGpu } from "../gpu.js";
import { fillInput, readGolden, weightsOf } from "../recipe.js";
import { emulated } from "./emulated.js";
import { build, largest } from "./golden.js";
import { convzoo } from "./package.js";
import { type Change, kit, planning } from "./planner.js";
import { refused } from "./refused.js";

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

const hasFloat16 = (await gpus.requestAdapter())?.features.has("shader-f16");

/** A platform with a device that has float16, if need be emulated. */
async function narrow(change: Change = (_, text) => text): Promise<{ platform: Platform; gpu: Gpu }> {
  const own: Change = hasFloat16 ? change : (name, text) => change(name, emulated(name, text));
  const platform = planning(own);
  const gpu = await acquire(platform);
  expect(gpu.limits.f16).toBe(hasFloat16);
  Object.assign(gpu, { limits: { ...gpu.limits, f16: true } });
  return { platform, gpu };
}

/** The output of a golden's network, and the shaders that made it. */
async function run(name: string, options: LoadOptions) {
  const golden = readGolden(name);
  const { platform, gpu } = await narrow();
  const made = new Set<string>();
  const { pipeline } = gpu;
  gpu.pipeline = (shader, ...rest) => {
    made.add(shader);
    return pipeline.call(gpu, shader, ...rest);
  };
  const weights = [...weightsOf(golden)].map(([key, { shape, data }]) => {
    const tensor = { dtype: "f32" as const, shape, data };
    return [key, { ...tensor, read: async () => tensor }] as const;
  });
  const graph = kit.lower(build(golden));
  const host = await GpuHost.start({
    graph,
    input: golden.input_shape.slice(1) as [number, number, number],
    options,
    send: kit.send,
    core: () => startPlanner(kit, platform),
    gpu: () => acquire(platform),
    weights: async () => ({ weights: new Map(weights) as never, close: async () => {} }),
    wasm: () => Promise.reject(new Error("this is for GPUs")),
  });
  try {
    const input = fillInput(golden.input_shape, golden.input_seed);
    const [, output] = await host.call("run", { input, outputs: [graph.output] });
    const error = largest(golden.output.map((value, i) => value - output!.data[i]!)) / golden.scale;
    const layers = graph.nodes.filter(({ op }) => op === "conv2d" || op === "linear").length;
    return { made, error, layers };
  } finally {
    host.dispose();
    gpu.release();
  }
}

// Squeeze-excite, depthwise, concats, scales before a convolution; several images.
test.each([
  "ref_lenet5",
  "ref_resnet20_cifar",
  "ref_densenet_40_12",
  "mobilenet_v3_small",
  "squeezenet1_1_97x131_b3_s2",
])("%s", async (name) => {
  const { made, error, layers } = await run(name, { arithmetic: "float16", winograd: false });
  console.log(`${name}: ${error.toExponential(1)} of the largest`);
  expect(made).toContain("conv2d_f16");
  expect(made).not.toContain("conv2d");
  // It was not computed in float32; and a layer rounds its inputs and its weights by 2^-11 of themselves.
  expect(error).toBeGreaterThan(1e-5);
  expect(error).toBeLessThan(layers * 2 ** -10);
});

test("float32 is the same as on a device without", async () => {
  const { made, error } = await run("ref_resnet20_cifar", {});
  expect(made).not.toContain("conv2d_f16");
  expect(error).toBeLessThan(1e-5);
});

describe("the probe", () => {
  test("right ones pass, a wrong one is named", async () => {
    const { platform, gpu } = await narrow();
    expect(await probe(kit, platform, () => acquire(platform), "float16")).toBeUndefined();
    gpu.release();
    const wrong = await narrow((name, text) => {
      if (name !== "conv2d_f16") return text;
      expect(text).toContain("narrowed(numbers);");
      return text.replace("narrowed(numbers);", "narrowed(0.75 * numbers);");
    });
    const found = await probe(kit, wrong.platform, () => acquire(wrong.platform), "float16");
    expect(found).toMatch(/computes the kernel conv2d \(/);
    wrong.gpu.release();
  });
});

describe("where there is none", () => {
  const { load } = convzoo;

  test("refused, with what to do", async () => {
    const options = { device: "webgpu", arithmetic: "float16" } as const;
    if (!hasFloat16) await refused(() => load("lenet5", options), "unsupported", /leave arithmetic out/);
    const gpu = await (await gpus.requestAdapter())!.requestDevice();
    await refused(() => load("lenet5", { ...options, gpu }), "unsupported", /requiredFeatures/);
    gpu.destroy();
  });
});
