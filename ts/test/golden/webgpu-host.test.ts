/** A network on a GPU over time: devices that are lost, calls that end early. The core is a list of answers, the device real. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { CoreHost, Host, Place } from "../../src/backend/host.js";
import type { Args } from "../../src/backend/protocol.js";
import { send } from "../../src/backend/send.js";
import { acquire } from "../../src/backend/webgpu/device.js";
import { GpuHost, type Recipe } from "../../src/backend/webgpu/host.js";
import type { Trial } from "../../src/backend/webgpu/recording.js";
import type { Graph } from "../../src/graph.js";
import type { DeviceLost, LoadOptions } from "../../src/load.js";
import type { Platform } from "../../src/platform.js";
import type { Tensor } from "../../src/tensor.js";
import type { StoredWeights } from "../../src/weights/stored.js";
import { gpus, noGpu } from "../gpu.js";
import { input, network, recording, wanted, weights } from "./recordings.js";

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

/** Devices that were made, the last one behind. */
const devices: GPUDevice[] = [];
/** What makes an adapter's devices; a test may put another in its place. */
let request = async (adapter: GPUAdapter, options?: GPUDeviceDescriptor): Promise<GPUDevice> => {
  const device = await GPUAdapterRequest.call(adapter, options);
  devices.push(device);
  return device;
};
let GPUAdapterRequest: GPUAdapter["requestDevice"];

/** A platform of this file's own: its models share a device. */
async function newPlatform(): Promise<Platform> {
  const gpu = {
    requestAdapter: async () => {
      const adapter = (await gpus.requestAdapter())!;
      GPUAdapterRequest = Object.getPrototypeOf(adapter).requestDevice;
      return new Proxy(adapter, {
        get: (target, name) => {
          if (name === "requestDevice") return (options: GPUDeviceDescriptor) => request(target, options);
          return Reflect.get(target, name, target);
        },
      });
    },
  } as unknown as GPU;
  return { gpu: async () => gpu, cores: () => 1, noThreads: () => undefined } as unknown as Platform;
}

const graph: Graph = {
  nodes: [
    { op: "input", channels: 8 },
    { op: "prelu", channels: 4, inputs: [0], path: "layer0" },
  ],
  output: 1,
  paths: { layer0: 1 },
};

const stored: StoredWeights = new Map([
  ["layer0.weight", { dtype: "f32", shape: [4], read: async () => ({ data: Float32Array.from(weights) }) }],
]) as never;

/** Two ways to compute a layer, of which one does far more. */
const trial: Trial = {
  key: "layer0",
  buffers: network.buffers,
  candidates: [
    { name: "slow", recording: recording(4_000_000) },
    { name: "fast", recording: recording(64) },
  ],
};

/** A core of hand-written recordings: of the network, and of views, whose weights are the other buffer's. */
function fakeCore(): CoreHost & {
  readonly calls: string[];
  readonly tunings: unknown[];
  readonly ended: boolean;
} {
  const views: string[] = [];
  const core = {
    place: { device: "webgpu", core: "webgpu", threads: 1 } as Place,
    calls: [] as string[],
    tunings: [] as unknown[],
    ended: false,
    async call(call: string, args: unknown) {
      core.calls.push(call);
      await undefined;
      switch (call) {
        case "network":
          views.length = 0;
          core.tunings.push((args as Args<"network">).tuning);
          return { ...network, buffers: [...network.buffers] };
        case "load":
          return [
            { buffer: 0, offset: 0, bytes: new Uint8Array((args as Args<"load">).weight.slice().buffer) },
          ];
        case "view":
          return views.push((args as Args<"view">).graph) - 1;
        case "trials":
          return [trial];
        case "record": {
          const { shape, view } = args as Args<"record">;
          if (view !== undefined && views[view] === undefined) throw new Error("no such view");
          return recording(shape.reduce((a, b) => a * b, 1));
        }
        default:
          return call;
      }
    },
    dispose() {
      core.ended = true;
    },
  };
  return core as never;
}

/** What stands in for the CPU: the same numbers. */
function fakeWasm(): Host & { readonly views: string[]; ended: boolean } {
  const host = {
    place: { device: "wasm", core: "simd128", threads: 1 } as Place,
    views: [] as string[],
    ended: false,
    async call(call: string, args: never) {
      if (call === "view") return host.views.push((args as Args<"view">).graph) - 1;
      const given = (args as Args<"run">).input as Tensor;
      return [given, { shape: [1, given.data.length], data: wanted(given.data.length, given.data[0])[0]! }];
    },
    dispose() {
      host.ended = true;
    },
  };
  return host as never;
}

async function start(
  platform: Platform,
  options: LoadOptions = {},
  change: Partial<Recipe> = {},
): Promise<{ host: GpuHost; core: ReturnType<typeof fakeCore>; wasm: ReturnType<typeof fakeWasm> }> {
  const [core, wasm] = [fakeCore(), fakeWasm()];
  const host = await GpuHost.start({
    graph,
    input: [8, 4, 4],
    options,
    send,
    core: async () => core,
    gpu: () => acquire(platform, options.gpu),
    weights: async () => ({ weights: stored, close: async () => {} }),
    wasm: async () => wasm,
    ...change,
  });
  return { host, core, wasm };
}

async function check(host: Host, count: number, from: number, view?: number): Promise<void> {
  const [given, map] = await host.call("run", { input: input(count, from), outputs: [1], view });
  expect(given!.data.length).toBe(count);
  expect(map!.data).toEqual(wanted(count, from)[0]);
}

/** That a call rejects so. */
async function refused(call: () => Promise<unknown>, code: string, words = /./): Promise<void> {
  await expect(call()).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
}

const last = () => devices.at(-1)!;

test("runs, in batches, views, and images by its core", async () => {
  const { host, core } = await start(await newPlatform());
  expect(host.place).toEqual({ device: "webgpu", core: "webgpu", threads: 1 });
  await check(host, 128, 3);
  const many = { shape: [35, 1, 1, 4], data: input(140).data };
  const [, map] = await host.call("run", { input: many, outputs: [1] });
  expect(map!.shape[0]).toBe(3);
  expect([...map!.data]).toEqual([...wanted(140)[0]!]);
  expect(await host.call("view", { graph: "{}" })).toBe(0);
  await check(host, 64, 5, 0);
  expect(await host.call("decode", {} as never)).toBe("decode");
  expect(core.calls.filter((call) => call === "load")).toHaveLength(1);
  const [held, maps, all] = await host.call("bytes", {});
  expect([held, maps > 0, all > held + maps]).toEqual([32, true, true]);
  host.dispose();
  expect(core.ended).toBe(true);
});

test("models share a device, which the last one destroys", async () => {
  const platform = await newPlatform();
  const before = devices.length;
  const two = [await start(platform), await start(platform)];
  expect(devices.length).toBe(before + 1);
  let isLost = false;
  void last().lost.then(() => (isLost = true));
  two[0]!.host.dispose();
  await check(two[1]!.host, 100, 1);
  expect(isLost).toBe(false);
  two[1]!.host.dispose();
  await last().lost;
  const again = await start(platform);
  expect(devices.length).toBe(before + 2);
  await check(again.host, 100, 1);
  again.host.dispose();
});

test("tune: the fastest is found once, and the network set again with it", async () => {
  const { host, core } = await start(await newPlatform(), { tune: true });
  const setUp = () => core.calls.filter((call) => ["network", "trials", "load"].includes(call));
  expect(setUp()).toEqual(["network", "trials", "network", "load"]);
  expect(core.tunings).toEqual([undefined, { layer0: "fast" }]);
  expect(host.tuning).toEqual({ layer0: "fast" });
  await check(host, 64, 5);
  last().destroy();
  await check(host, 64, 6);
  // Another device of this machine needs no other.
  expect(setUp()).toEqual(["network", "trials", "network", "load", "network", "load"]);
  expect(core.tunings[2]).toEqual({ layer0: "fast" });
  host.dispose();
  const given = await start(await newPlatform(), { tune: { layer0: "slow" } });
  expect(given.core.calls).not.toContain("trials");
  expect([given.core.tunings, given.host.tuning]).toEqual([[{ layer0: "slow" }], { layer0: "slow" }]);
  given.host.dispose();
});

describe("a device that is lost", () => {
  test("at random moments of 200 runs: every run gives its numbers", async () => {
    const events: DeviceLost[] = [];
    const { host } = await start(await newPlatform(), { onDeviceLost: (event) => events.push(event) });
    await host.call("view", { graph: "{}" });
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    for (let i = 0; i < 200; i += 4) {
      const runs = [0, 1, 2, 3].map((k) => check(host, 100 + 500 * k, i + k, k === 3 ? 0 : undefined));
      const wait = Math.floor(random() * 6);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait - 1));
      if (random() < 0.6 && host.place.device === "webgpu") last().destroy();
      await Promise.all(runs);
    }
    expect(events.length).toBeGreaterThan(15);
    expect(new Set(events.map(({ reason }) => reason))).toEqual(new Set(["destroyed"]));
    expect(host.place.device).toBe("webgpu");
    host.dispose();
  });

  test("where there is no other: the CPU, with the views", async () => {
    const events: DeviceLost[] = [];
    const { host, core, wasm } = await start(await newPlatform(), { onDeviceLost: (e) => events.push(e) });
    await host.call("view", { graph: "a" });
    const given = request;
    request = async () => Promise.reject(new Error("no more devices"));
    try {
      last().destroy();
      await check(host, 100, 9);
      expect(host.place).toMatchObject({ device: "wasm", core: "simd128" });
      expect(events).toMatchObject([{ reason: "destroyed", device: "wasm" }]);
      expect([wasm.views, core.ended]).toEqual([["a"], true]);
      await check(host, 100, 10);
    } finally {
      request = given;
    }
    host.dispose();
    await vi.waitUntil(() => wasm.ended);
  });

  test("again and again, as by a run that kills it: the CPU", async () => {
    const { host } = await start(await newPlatform());
    for (let i = 0; i < 3; i++) {
      const device = last();
      device.destroy();
      await device.lost;
      await host.call("view", { graph: "a" });
    }
    await vi.waitUntil(() => host.place.device === "wasm");
    await check(host, 100, 9);
    host.dispose();
  });

  test("recover: false, or a device of the caller's own: calls are told", async () => {
    const events: DeviceLost[] = [];
    const onDeviceLost = (event: DeviceLost) => events.push(event);
    const first = await start(await newPlatform(), { recover: false, onDeviceLost });
    last().destroy();
    await refused(() => check(first.host, 100, 9), "device-lost", /destroyed/);
    first.host.dispose();

    const adapter = (await gpus.requestAdapter())!;
    const own = await adapter.requestDevice();
    const second = await start(await newPlatform(), { gpu: own, onDeviceLost });
    const buffer = own.createBuffer({ size: 400, usage: 4 | 8 });
    own.queue.writeBuffer(buffer, 0, input(100, 4).data);
    const onIt = { input: { shape: [1, 100, 1, 1], buffer, offset: 0 }, outputs: [1] };
    const [map] = await second.host.call("run", onIt);
    expect(map!.data).toEqual(wanted(100, 4)[0]);
    second.host.dispose();
    // It is the caller's: there still.
    const third = await start(await newPlatform(), { gpu: own, onDeviceLost });
    await check(third.host, 100, 9);
    own.destroy();
    await refused(() => third.host.call("run", onIt), "device-lost");
    third.host.dispose();
    await refused(async () => start(await newPlatform(), { gpu: own }), "device-lost");
    expect(events.map(({ device }) => device)).toEqual([undefined, undefined]);
  });

  test("while the network is loaded, and where its weights cannot be read again", async () => {
    const platform = await newPlatform();
    let opened = 0;
    const open = async () => {
      if (opened++ === 0) last().destroy();
      return { weights: stored, close: async () => {} };
    };
    const late = async () => {
      await vi.waitUntil(() => devices.length > before);
      return open();
    };
    const before = devices.length;
    const { host } = await start(platform, {}, { weights: late });
    await check(host, 100, 9);
    expect(opened).toBe(2);
    host.dispose();

    const once = async (again: boolean) => {
      if (again) throw new Error("the stream was read");
      return { weights: stored, close: async () => {} };
    };
    const wasm = () => once(true) as never;
    const stream = await start(platform, {}, { weights: once, wasm });
    last().destroy();
    await refused(() => check(stream.host, 100, 9), "device-lost");
    stream.host.dispose();
  });
});

describe("calls that end early", () => {
  test("aborted before, while it waits, and while it runs", async () => {
    const { host } = await start(await newPlatform());
    const reason = new Error("enough");
    const run = (signal: AbortSignal) => host.call("run", { input: input(100), outputs: [1] }, { signal });
    await expect(run(AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const runs = Array.from({ length: 6 }, () => run(controller.signal));
    const kept = check(host, 100, 2);
    controller.abort(reason);
    for (const result of await Promise.allSettled(runs)) expect(result).toMatchObject({ reason });
    await kept;
    await check(host, 5000, 1);
    host.dispose();
  });

  test("disposed of: what is under way, what comes later, and what is being loaded", async () => {
    const { host } = await start(await newPlatform());
    const runs = Array.from({ length: 6 }, () => check(host, 100, 2));
    host.dispose();
    host.dispose();
    for (const result of await Promise.allSettled(runs))
      expect(result).toMatchObject({ reason: { code: "disposed" } });
    await refused(() => check(host, 100, 2), "disposed");
    await refused(() => host.call("bytes", {}), "disposed");
  });

  test("no device, and one that is none", async () => {
    const given = request;
    request = async () => Promise.reject(new Error("no more devices"));
    try {
      await refused(async () => start(await newPlatform()), "unsupported", /no more devices/);
    } finally {
      request = given;
    }
    await refused(async () => start(await newPlatform(), { gpu: {} as never }), "bad-option");
    const none = { ...(await newPlatform()), gpu: async () => undefined };
    await refused(() => start(none), "unsupported", /webgpu installed/);
  });
});
