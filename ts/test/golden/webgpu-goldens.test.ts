/**
 * The golden files on a GPU: of every family that has one of less than 1.5 billion multiply-adds the smallest, since
 * SwiftShader does a tenth of a billion a second. CONVZOO_GPU=all runs all of them, CONVZOO_GPU=name,... some.
 */
import { readdirSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { gpus, noGpu } from "../gpu.js";
import { fillInput, readGolden, weightsOf } from "../recipe.js";
import { build, checkTap, largest, limit } from "./golden.js";
import { convzoo } from "./package.js";

const { load } = convzoo;

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

const SMALLEST: readonly string[] = [
  "alexnet",
  "efficientnet_b0",
  "googlenet",
  "mnasnet1_0",
  "mobilenet_v2",
  "mobilenet_v3_small",
  "ref_amoebanet_a_mobile",
  "ref_densenet_40_12",
  "ref_highway10_mnist",
  "ref_inception_resnet_v1_facenet",
  "ref_lenet5",
  "ref_lenet5_b4",
  "ref_mcdnn_cifar10",
  "ref_nasnetamobile",
  "ref_nin_cifar10",
  "ref_preact_resnet164_cifar",
  "ref_resnet20_cifar",
  "regnet_y_400mf",
  "shufflenet_v2_x1_0",
  "squeezenet1_1",
  "squeezenet1_1_17x17_s8",
  "squeezenet1_1_97x131_b3_s2",
];

/** All layers of these are looked at too, which takes another run. */
const TAPPED: readonly string[] = [
  "mobilenet_v3_small",
  "ref_lenet5",
  "ref_mcdnn_cifar10",
  "ref_resnet20_cifar",
  "shufflenet_v2_x1_0",
  "squeezenet1_1_17x17_s8",
  "squeezenet1_1_97x131_b3_s2",
];

/** On a device with no more than every WebGPU has: alexnet's first linear layer then lies in two buffers. */
const LEAST: readonly string[] = ["alexnet", "ref_lenet5", "ref_resnet20_cifar", "mobilenet_v3_small"];

const all = readdirSync(new URL("../goldens/models", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));
const wanted = process.env.CONVZOO_GPU ?? SMALLEST.join(",");
const names = wanted === "all" ? all : wanted.split(",");

async function leastDevice(): Promise<GPUDevice> {
  const device = await (await gpus.requestAdapter())!.requestDevice();
  const { maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = device.limits;
  expect([maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize]).toEqual([2 ** 27, 2 ** 14]);
  return device;
}

describe.each(names)("%s", (name) => {
  const golden = readGolden(name);

  test("on the GPU", async () => {
    const gpu = LEAST.includes(name) ? await leastDevice() : undefined;
    using model = await load(build(golden), { weights: weightsOf(golden), device: "webgpu", gpu });
    expect(model).toMatchObject({ device: "webgpu", core: "webgpu" });
    const input = fillInput(golden.input_shape, golden.input_seed);
    const output = await model.run(input);
    expect(output.shape).toEqual(golden.output_shape);
    const error = largest(golden.output.map((value, i) => value - output.data[i]!));
    if (process.env.CONVZOO_GPU)
      console.log(`${name}: ${(error / golden.scale).toExponential(1)} of the largest`);
    expect(error).toBeLessThanOrEqual(limit(golden) * golden.scale);
    if (!TAPPED.includes(name) && wanted !== "all") return;
    const paths = Object.keys(golden.taps);
    const taps = await model.run(input, { outputs: paths });
    for (const path of paths) checkTap(golden, path, taps[path]!);
    gpu?.destroy();
  });
});
