/** Whether a GPU is trusted: the known answers, kernels that are wrong, and what "auto" then does. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Host } from "../../src/backend/host.js";
import { acquire } from "../../src/backend/webgpu/device.js";
import { loadOnGpu } from "../../src/backend/webgpu/index.js";
import { startPlanner } from "../../src/backend/webgpu/planner.js";
import answers from "../../src/backend/webgpu/probe/answers.json" with { type: "json" };
import { answerOf, probe } from "../../src/backend/webgpu/probe/index.js";
import { GRAPH, INPUT, SIDES, weightsOf } from "../../src/backend/webgpu/probe/network.js";
import { LEAST } from "../../src/backend/webgpu/summary.js";
import { distrust } from "../../src/backend/webgpu/trust.js";
import type { Graph } from "../../src/graph.js";
import type { Platform } from "../../src/platform.js";
import { weightKeys } from "../../src/state.js";
import { gpus, noGpu } from "../gpu.js";
import { interpret } from "../interpret.js";
import { type Change, kit, planning } from "./planner.js";

test("the answers are those of the network's meaning in float64", () => {
  const maps = interpret(GRAPH, INPUT, weightsOf(weightKeys));
  expect(maps.length).toBe(answers.length);
  for (const [id, map] of maps.entries()) {
    const [weighed, magnitude] = answerOf(map);
    expect(weighed).toBeCloseTo(answers[id]![0]!, 2);
    expect(Math.abs(magnitude / answers[id]![1]! - 1)).toBeLessThan(1e-5);
  }
});

describe("on a GPU", () => {
  beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

  const ask = (platform: Platform) => probe(kit, platform, () => acquire(platform));

  // A program on the CPU, as in these tests, has other algorithms chosen for it than a GPU.
  test.each([
    ["this one", {}],
    ["a GPU", { fallback: false }],
    ["a GPU without subgroups", { fallback: false, subgroups: false }],
    // Winograd's algorithms have fewer products, but not in float16: here the definition's take less time.
    ["a GPU that multiplies in float16", { fallback: false, f16: true }],
    ["the least GPU", LEAST],
  ])("the network takes every shader that there is: %s", async (_, own) => {
    const platform = planning();
    const core = await startPlanner(kit, platform);
    const gpu = await acquire(platform);
    const graph = JSON.stringify({ nodes: GRAPH.nodes, output: GRAPH.output });
    const limits = { ...gpu.limits, f16: false, ...own };
    const network = await core.call("network", { graph, size: SIDES, winograd: true, height: 4, limits });
    const args = { shape: [1, 3, ...SIDES], outputs: [GRAPH.output] };
    const { pipelines } = await core.call("record", args);
    const used = new Set(pipelines.map(({ shader }) => shader));
    // Sums by subgroups are for devices that have them, those of poolings for none that is a program.
    const ofPoolings = limits.fallback ? /^adaptive.*_subgroups$/ : undefined;
    const others = limits.subgroups ? ofPoolings : /_subgroups$/;
    const otherProducts = limits.f16 ? /^(conv2d|winograd_.*)$/ : /_f16$/;
    const all = Object.keys(network!.shaders).filter(
      (name) => !others?.test(name) && !otherProducts.test(name),
    );
    expect(all.length).toBeGreaterThan(23);
    expect(all.filter((name) => !used.has(name))).toEqual([]);
    core.dispose();
    gpu.release();
  });

  test("a right one passes", async () => {
    expect(await ask(planning())).toBeUndefined();
  });

  const broken = (shader: string, from: string, to: string): Change => {
    return (name, text) => {
      if (name !== shader) return text;
      expect(text).toContain(from);
      return text.replace(from, to);
    };
  };

  test.each([
    ["max_pool2d", "max(", "min("],
    ["local_response_norm", "vec4(params.k)", "vec4(1.01 * params.k)"],
    ["channel_shuffle", "each + channel", "each + 0u * channel"],
  ])("%s that is wrong is named", async (shader, from, to) => {
    expect(await ask(planning(broken(shader, from, to)))).toMatch(new RegExp(`kernel ${shader}`));
  });

  /** The GPU under another name. */
  const hardware = (): GPU => {
    const info = { description: "A GPU", isFallbackAdapter: false };
    const requestAdapter = async () => {
      const adapter = (await gpus.requestAdapter())!;
      return new Proxy(adapter, {
        get: (target, name) => {
          const value = name === "info" ? info : Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    };
    return { requestAdapter } as unknown as GPU;
  };

  test("a program on the CPU is not trusted, nor is none", async () => {
    expect(await distrust(kit, planning())).toMatch(/program on the CPU \(.*SwiftShader/);
    expect(await distrust(kit, { ...planning(), gpu: async () => undefined })).toMatch(/no WebGPU/);
    const nothing = { requestAdapter: async () => null } as unknown as GPU;
    expect(await distrust(kit, planning(undefined, nothing))).toMatch(/no adapter/);
  });

  test("auto takes one that is right for what is worth it, and the CPU for all else", async () => {
    const cpu = { place: { device: "wasm" } } as Host;
    const nodes: Graph["nodes"] = [
      { op: "input", channels: 64 },
      {
        ...{ op: "conv2d", inputs: [0], path: "conv", in_channels: 64, out_channels: 64, kernel: [1, 1] },
        ...{ stride: [1, 1], padding: [0, 0, 0, 0], same: false, dilation: [1, 1], groups: 1, bias: false },
      },
    ];
    const data = new Float32Array(64 * 64);
    const weight = { dtype: "f32", shape: [64, 64, 1, 1], read: async () => ({ data }) };
    const open = async () => ({
      weights: new Map([["conv.weight", weight]]) as never,
      close: async () => {},
    });
    const devices = async (platform: Platform, side: number, device?: "auto" | "webgpu") => {
      const host = await loadOnGpu(kit, platform, {
        graph: { nodes, output: 1, paths: {} },
        input: [64, side, side],
        options: { device },
        opening: open(),
        open,
        wasm: async () => cpu,
      });
      if (host !== cpu) host.dispose();
      return host.place.device;
    };
    const right = planning(undefined, hardware());
    expect(await distrust(kit, right)).toBeUndefined();
    expect(await devices(right, 34)).toBe("wasm");
    expect(await devices(right, 360)).toBe("webgpu");
    const wrong = planning(broken("max_pool2d", "max(", "min("), hardware());
    expect(await distrust(kit, wrong)).toMatch(/^A GPU: the GPU computes the kernel max_pool2d/);
    expect(await devices(wrong, 360)).toBe("wasm");
    expect(await devices(planning(), 360)).toBe("wasm");
    expect(await devices(planning(), 34, "webgpu")).toBe("webgpu");
  });
});
