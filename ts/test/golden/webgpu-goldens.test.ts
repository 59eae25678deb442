/**
 * The golden files on a GPU: of every family that has one of less than 1.5 billion multiply-adds the smallest, since
 * SwiftShader does a tenth of a billion a second. CONVZOO_GPU=all runs all of them, CONVZOO_GPU=least all of them on a device
 * with no more than every WebGPU has, CONVZOO_GPU=name,... some.
 */
import { readdirSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { Gpu } from "../../src/backend/webgpu/device.js";
import { LEAST } from "../../src/backend/webgpu/summary.js";
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

/** On a device with no more than every WebGPU has: the first linear layers of alexnet and vgg11 then lie in several buffers. */
const ON_LEAST: readonly string[] = [
  "alexnet",
  "ref_lenet5",
  "ref_resnet20_cifar",
  "mobilenet_v3_small",
  "vgg11",
];

const all = readdirSync(new URL("../goldens/models", import.meta.url))
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.slice(0, -".json".length));
const wanted = process.env.CONVZOO_GPU ?? SMALLEST.join(",");
const isAll = wanted === "all" || wanted === "least";
const names = isAll ? all : wanted.split(",");

async function leastDevice(): Promise<GPUDevice> {
  const { binding, buffer, workgroupMemory, invocations, workgroup, workgroups, storageBuffers } = LEAST;
  const [across, down, deep] = workgroup;
  const limits = {
    maxStorageBufferBindingSize: binding,
    maxBufferSize: buffer,
    maxComputeWorkgroupStorageSize: workgroupMemory,
    maxComputeInvocationsPerWorkgroup: invocations,
    maxComputeWorkgroupSizeX: across,
    maxComputeWorkgroupSizeY: down,
    maxComputeWorkgroupSizeZ: deep,
    maxComputeWorkgroupsPerDimension: workgroups,
    maxStorageBuffersPerShaderStage: storageBuffers,
  };
  const device = await (await gpus.requestAdapter())!.requestDevice({ requiredLimits: limits });
  expect(new Gpu(device, true).limits).toEqual({ ...LEAST, fallback: true });
  return device;
}

describe.each(names)("%s", (name) => {
  const golden = readGolden(name);

  test("on the GPU", async () => {
    const gpu = ON_LEAST.includes(name) || wanted === "least" ? await leastDevice() : undefined;
    using model = await load(build(golden), { weights: weightsOf(golden), device: "webgpu", gpu });
    expect(model).toMatchObject({ device: "webgpu", core: "webgpu" });
    const input = fillInput(golden.input_shape, golden.input_seed);
    const output = await model.run(input);
    expect(output.shape).toEqual(golden.output_shape);
    const error = largest(golden.output.map((value, i) => value - output.data[i]!));
    if (process.env.CONVZOO_GPU)
      console.log(`${name}: ${(error / golden.scale).toExponential(1)} of the largest`);
    expect(error).toBeLessThanOrEqual(limit(golden) * golden.scale);
    if (!TAPPED.includes(name) && !isAll) return;
    const paths = Object.keys(golden.taps);
    const taps = await model.run(input, { outputs: paths });
    for (const path of paths) checkTap(golden, path, taps[path]!);
    gpu?.destroy();
  });
});

test("vgg11 on the least device: weights of 392 MiB in parts", async () => {
  const golden = readGolden("vgg11");
  const gpu = await leastDevice();
  // Its first linear layer is as large for every input.
  const input = fillInput([1, 3, 64, 64], golden.input_seed);
  const weights = weightsOf(golden);
  const outputs: Float32Array[] = [];
  for (const where of [{ device: "webgpu", gpu }, { device: "wasm" }] as const) {
    using model = await load(build(golden), { weights, ...where });
    expect(model.device).toBe(where.device);
    outputs.push((await model.run(input)).data as Float32Array);
  }
  const [found, right] = outputs;
  const error = largest(right!.map((value, i) => value - found![i]!));
  expect(error).toBeLessThanOrEqual(1e-5 * largest(right!));
  gpu.destroy();
});
