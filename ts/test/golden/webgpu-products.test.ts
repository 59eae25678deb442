/**
 * The kernels that sum products, each with every tile and storage of weights: dispatches that the kernels' native tests write,
 * held to conv2d's reference. What runs a network takes but one of the tiles for a size. Where the device has no float16, it is
 * emulated.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { gpus, noGpu } from "../gpu.js";
import { emulated } from "./emulated.js";
import { root } from "./package.js";

/** A part of cases.bin: the first byte, and how many. */
type Place = readonly [first: number, bytes: number];

interface Case {
  readonly name: string;
  readonly buffers: readonly Place[];
  readonly dispatches: readonly {
    readonly shader: string;
    readonly constants: Readonly<Record<string, number>>;
    readonly params: readonly number[];
    /** Numbers of buffers; -1 is one of zeros. */
    readonly bindings: readonly number[];
    readonly grid: readonly [number, number, number];
  }[];
  /** Where the result lies, as `Layout` has it: n, c, h, w, offset, image, row, pixel. */
  readonly y: { readonly buffer: number; readonly layout: readonly number[] };
  /** In PyTorch's order, as f64. */
  readonly want: Place;
  readonly tolerance: number;
}

const folder = join(root, "build/test/gpu-products");
const path = join(folder, "cases.json");
const none = { shaders: {}, cases: [] };
const { shaders, cases }: { shaders: Readonly<Record<string, string>>; cases: readonly Case[] } = existsSync(
  path,
)
  ? JSON.parse(readFileSync(path, "utf8"))
  : none;
const all = cases.length > 0 ? readFileSync(join(folder, "cases.bin")) : Buffer.alloc(0);
/** A copy, whose address suits any numbers. */
const bytes = ([first, count]: Place) => new Uint8Array(all.subarray(first, first + count)).slice();

const why = cases.length > 0 ? noGpu : "no build/test/gpu-products: npm test writes them";
beforeEach(({ skip }) => {
  if (why && process.env.CI === "true") throw new Error(why);
  skip(why !== undefined, why);
});

/** The places of a result's numbers among its buffer's floats, in PyTorch's order; those of the channels that fill it up apart. */
function placesOf([n, c, h, w, offset, image, row, pixel]: readonly number[]) {
  const [own, fill]: [number[], number[]] = [[], []];
  for (let i = 0; i < n!; i++)
    for (let channel = 0; channel < Math.ceil(c! / 4) * 4; channel++)
      for (let y = 0; y < h!; y++)
        for (let x = 0; x < w!; x++)
          (channel < c! ? own : fill).push(offset! + i * image! + y * row! + x * pixel! + channel);
  return { own, fill };
}

/** `GPUBufferUsage`, which Node has not. */
const [MAP_READ, COPY_SRC, COPY_DST, UNIFORM, STORAGE] = [1, 4, 8, 64, 128] as const;

describe("products on the GPU", () => {
  let device: GPUDevice;
  const modules = new Map<string, GPUShaderModule>();
  beforeAll(async () => {
    if (why) return;
    const adapter = (await gpus.requestAdapter())!;
    const requiredFeatures = (["shader-f16"] as const).filter((feature) => adapter.features.has(feature));
    // Emulated, float16 takes twice as much of it.
    const { maxComputeWorkgroupStorageSize } = adapter.limits;
    const requiredLimits = { maxComputeWorkgroupStorageSize };
    device = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  });
  afterAll(() => device?.destroy());

  function filled(content: Uint8Array, usage: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(content.length / 4) * 4);
    const buffer = device.createBuffer({ size, usage: usage | COPY_DST });
    const whole = new Uint8Array(Math.ceil(content.length / 4) * 4);
    whole.set(content);
    device.queue.writeBuffer(buffer, 0, whole);
    return buffer;
  }

  async function run({ buffers: places, dispatches, y }: Case): Promise<Uint8Array> {
    device.pushErrorScope("validation");
    const buffers = places.map((place) => filled(bytes(place), STORAGE | COPY_SRC));
    const nothing = filled(new Uint8Array(16), STORAGE);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { shader, constants, params, bindings, grid } of dispatches) {
      const own = shaders[shader]!;
      const code = device.features.has("shader-f16") ? own : emulated(shader, own);
      const module = modules.get(shader) ?? device.createShaderModule({ code });
      modules.set(shader, module);
      const compute = { module, entryPoint: "main", constants };
      const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute });
      const uniform = filled(new Uint8Array(new Uint32Array(params).buffer), UNIFORM);
      const bound = [uniform, ...bindings.map((i) => buffers[i] ?? nothing)];
      const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
    const size = places[y.buffer]![1];
    const read = device.createBuffer({ size, usage: MAP_READ | COPY_DST });
    encoder.copyBufferToBuffer(buffers[y.buffer]!, 0, read, 0, size);
    device.queue.submit([encoder.finish()]);
    expect((await device.popErrorScope())?.message).toBeUndefined();
    await read.mapAsync(1);
    const result = new Uint8Array(read.getMappedRange()).slice();
    for (const buffer of [read, nothing, ...buffers]) buffer.destroy();
    return result;
  }

  test.each(cases.map((one) => [one.name, one] as const))("%s", async (_, one) => {
    const result = await run(one);
    const [got, bits] = [new Float32Array(result.buffer), new Uint32Array(result.buffer)];
    const before = new Uint32Array(bytes(one.buffers[one.y.buffer]!).buffer);
    const want = new Float64Array(bytes(one.want).buffer);
    const { own, fill } = placesOf(one.y.layout);
    const off = own.findIndex((place, i) => !(Math.abs(got[place]! - want[i]!) <= one.tolerance));
    expect(off < 0 ? "" : `${got[own[off]!]} at ${off}, not ${want[off]} within ${one.tolerance}`).toBe("");
    expect(fill.every((place) => Number.isFinite(got[place]))).toBe(true);
    // Nothing else was written.
    const written = new Set([...own, ...fill]);
    expect(bits.findIndex((word, i) => !written.has(i) && word !== before[i])).toBe(-1);
  });
});
