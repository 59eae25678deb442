/** What the executor does with recordings, by hand-written ones on a real device: numbers, buffers, errors, losses. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Gpu } from "../../src/backend/webgpu/device.js";
import { Lost } from "../../src/backend/webgpu/faults.js";
import type { Recording } from "../../src/backend/webgpu/recording.js";
import { Resident } from "../../src/backend/webgpu/resident.js";
import { gpus, noGpu } from "../gpu.js";
import { input, network, recording, wanted, weights } from "./recordings.js";

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Buffers that are alive, by counting. */
let alive = 0;
async function newGpu(): Promise<Gpu> {
  const adapter = (await gpus.requestAdapter())!;
  const device = await adapter.requestDevice({ requiredFeatures: ["timestamp-query"] });
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    alive++;
    const destroy = buffer.destroy.bind(buffer);
    let isAlive = true;
    buffer.destroy = () => {
      if (isAlive) alive--;
      isAlive = false;
      return destroy();
    };
    return buffer;
  };
  return new Gpu(device, false, adapter).retain();
}
async function resident(gpu: Gpu): Promise<Resident> {
  const made = new Resident(gpu);
  await made.begin(network);
  await made.take(
    [{ buffer: 0, offset: 0, bytes: new Uint8Array(Float32Array.from(weights).buffer) }],
    "layer0",
  );
  return made;
}

let gpu: Gpu;
let net: Resident;
beforeAll(async () => {
  if (noGpu) return;
  gpu = await newGpu();
  net = await resident(gpu);
});
afterAll(() => {
  net?.destroy();
  gpu?.release();
});

describe("runs", () => {
  test("a recording's outputs, in the order asked for", async () => {
    const prepared = await net.prepare("a", async () => recording(100));
    const [last, first] = await net.run(prepared, input(100));
    expect(last!.shape).toEqual([1, 100]);
    expect([last!.data, first!.data]).toEqual(wanted(100));
  });

  test("many at once, of sizes that make the banks grow under them", async () => {
    const sizes = [64, 4000, 10, 50_000, 65, 30_000];
    const runs = Array.from({ length: 30 }, async (_, i) => {
      const count = sizes[i % sizes.length]!;
      const prepared = await net.prepare(`n${count}`, async () => recording(count));
      const maps = await net.run(prepared, input(count, i));
      // Not by toEqual, which takes seconds for so many.
      const same = maps.map(({ data }, k) => bytes(data).equals(bytes(wanted(count, i)[k]!)));
      expect(same).toEqual([true, true]);
    });
    await Promise.all(runs);
  });

  test("on an input that is on the device", async () => {
    const buffer = gpu.device.createBuffer({ size: 16 + 400, usage: 4 | 8 });
    gpu.device.queue.writeBuffer(buffer, 16, input(100, 7).data);
    const prepared = await net.prepare("a", async () => recording(100));
    const maps = await net.run(prepared, { shape: [1, 100, 1, 1], buffer, offset: 16 });
    expect(maps.map(({ data }) => data)).toEqual(wanted(100, 7));
    buffer.destroy();
  });

  test("a recording is asked for once while it is kept, and eight are", async () => {
    let asked = 0;
    const record = async (count: number) => {
      asked++;
      return recording(count);
    };
    const prepare = (k: number) => net.prepare(`kept${k}`, () => record(8 + k));
    for (let k = 0; k < 8; k++) await prepare(k);
    for (let k = 0; k < 8; k++) await prepare(k);
    expect(asked).toBe(8);
    await prepare(8);
    await prepare(0);
    expect(asked).toBe(10);
  });

  test("each step's time", async () => {
    const prepared = await net.prepare("timed", async () => recording(200_000));
    const steps = await net.profile(prepared, input(200_000), 3);
    expect(steps.map(({ path, bytes }) => [path, bytes])).toEqual([
      ["layer0", 1_600_016],
      ["layer1", 1_600_016],
    ]);
    for (const { ms } of steps) expect(ms).toBeGreaterThan(0);
  });
});

test("the time of some steps, by the device's clock or by that of whole submissions", async () => {
  const plain = await (await gpus.requestAdapter())!.requestDevice();
  for (const of of [gpu, new Gpu(plain, true)]) {
    const own = await resident(of);
    const time = async (count: number) => {
      const prepared = await own.prepare(`time${count}`, async () => recording(count));
      const times: number[] = [];
      for (let i = 0; i < 5; i++) times.push(await own.time(prepared, [1], 3));
      return Math.min(...times);
    };
    const [small, large] = [await time(50_000), await time(1_600_000)];
    expect(small).toBeGreaterThan(0);
    expect(large).toBeGreaterThan(4 * small);
    own.destroy();
  }
  plain.destroy();
});

test("every buffer is destroyed", async () => {
  const before = alive;
  const other = await resident(gpu);
  for (const count of [10, 1000, 100, 100_000]) {
    const prepared = await other.prepare(String(count), async () => recording(count));
    await Promise.all([1, 2, 3].map((k) => other.run(prepared, input(count, k))));
  }
  const small = await other.prepare("10", async () => recording(10));
  await other.profile(small, input(10), 2);
  await other.time(small, [0, 1], 3);
  const [held, maps, all] = other.bytes();
  expect([held, maps]).toEqual([32, 3 * 400_000]);
  expect(all).toBeGreaterThan(held + maps);
  expect(alive).toBeGreaterThan(before + 5);
  other.destroy();
  expect(alive).toBe(before);
});

describe("what the device refuses is named", () => {
  const refused = async (change: Partial<Recording>) => {
    const prepared = await net.prepare(JSON.stringify(change), async () => recording(64, change));
    return net.run(prepared, input(64));
  };

  test("a shader that is none", async () => {
    const { pipelines: sound } = recording(64);
    const pipelines = [sound[0]!, { shader: "broken", constants: {} }];
    await expect(refused({ pipelines })).rejects.toMatchObject({ code: "device-failed", node: "layer1" });
  });

  test("a constant that there is not", async () => {
    const pipelines = [{ shader: "affine", constants: { FACTOR: 2, OTHER: 1 } }];
    const message = expect.stringMatching(/shader affine.*OTHER/s);
    await expect(refused({ pipelines })).rejects.toMatchObject({
      code: "device-failed",
      node: "layer0",
      message,
    });
  });

  test("a step that reads what it writes", async () => {
    const { steps } = recording(64);
    const [first, second] = steps;
    const bindings = second!.bindings.with(1, { bank: 2, offset: 0, size: 256 });
    const change = { steps: [first!, { ...second!, bindings }] };
    await expect(refused(change)).rejects.toMatchObject({ code: "device-failed", node: "layer1" });
    const prepared = await net.prepare("a", async () => recording(100));
    expect((await net.run(prepared, input(100)))[0]!.data).toEqual(wanted(100)[0]);
  });

  test("too many workgroups", async () => {
    const { steps } = recording(64);
    const change = { steps: [{ ...steps[0]!, grid: [70_000, 1, 1] as const }, steps[1]!] };
    await expect(refused(change)).rejects.toMatchObject({ code: "device-failed", node: "layer0" });
  });

  test("banks beyond the device's limits", async () => {
    const banks = [256, 256, 2 ** 40];
    await expect(refused({ banks })).rejects.toMatchObject({ code: "device-failed" });
    const prepared = await net.prepare("a", async () => recording(100));
    expect((await net.run(prepared, input(100)))[0]!.data).toEqual(wanted(100)[0]);
  });
});

test("a device that is destroyed: what is under way and what comes later is told so", async () => {
  const other = await newGpu();
  const lost = await resident(other);
  const prepared = await lost.prepare("a", async () => recording(50_000));
  const runs = Array.from({ length: 6 }, () => lost.run(prepared, input(50_000)));
  other.device.destroy();
  const results = await Promise.allSettled(runs);
  for (const result of results)
    if (result.status === "rejected") expect(result.reason).toBeInstanceOf(Lost);
    else expect(result.value[0]!.data).toEqual(wanted(50_000)[0]);
  expect(results.some(({ status }) => status === "rejected")).toBe(true);
  await expect(lost.run(prepared, input(50_000))).rejects.toBeInstanceOf(Lost);
  await expect(lost.prepare("b", async () => recording(10))).rejects.toBeInstanceOf(Lost);
  lost.destroy();
});
