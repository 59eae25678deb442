/** The cases that the core's native tests write: operators, random networks, each held to its own bound by the references. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { acquire, type Gpu } from "../../src/backend/webgpu/device.js";
import { GpuHost } from "../../src/backend/webgpu/host.js";
import { startPlanner } from "../../src/backend/webgpu/planner.js";
import type { Graph } from "../../src/graph.js";
import { weightKeys } from "../../src/state.js";
import { noGpu } from "../gpu.js";
import { root } from "./package.js";
import { kit, planning } from "./planner.js";

/** A part of numbers.bin: the first number's place, and how many. */
type Place = readonly [first: number, count: number];

interface Case {
  readonly name: string;
  readonly graph: Pick<Graph, "nodes" | "output">;
  readonly winograd: boolean;
  readonly input: readonly [number, number, number, number];
  readonly x: Place;
  readonly weights: readonly { readonly node: number; readonly weight: Place; readonly bias: Place | null }[];
  readonly outputs: readonly {
    readonly node: number;
    readonly shape: readonly number[];
    readonly numbers: Place;
    /** How far a number may be off. */
    readonly error: number;
  }[];
}

const folder = join(root, "build/test/gpu-cases");
const path = join(folder, "cases.json");
const cases: readonly Case[] = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : [];
const bytes = cases.length > 0 ? readFileSync(join(folder, "numbers.bin")) : new Uint8Array();
const floats = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const numbers = ([first, count]: Place) => floats.slice(first, first + count);

const why = cases.length > 0 ? noGpu : "no build/test/gpu-cases: npm test writes them";
beforeEach(({ skip }) => {
  if (why && process.env.CI === "true") throw new Error(why);
  skip(why !== undefined, why);
});

/** The weights by the keys that the nodes' paths make. */
function weightsOf({ graph, weights }: Case) {
  const all = new Map<string, Float32Array>();
  for (const { node, weight, bias } of weights) {
    const [first, ...others] = weightKeys(graph.nodes[node]!);
    const own = numbers(weight);
    const isSum = ["conv2d", "linear"].includes(graph.nodes[node]!.op);
    if (isSum) {
      all.set(first!, own);
      if (others[0]) all.set(others[0], numbers(bias!));
      continue;
    }
    // Several keys one behind the other.
    const keys = [first!, ...others];
    const each = own.length / keys.length;
    for (const [i, key] of keys.entries()) all.set(key, own.slice(i * each, (i + 1) * each));
  }
  return all;
}

describe("on the GPU", () => {
  const platform = why ? undefined : planning();
  let keep: Awaited<ReturnType<typeof acquire>>;
  beforeAll(async () => {
    // One device for all of them.
    if (platform) keep = await acquire(platform);
    return () => keep?.release();
  });

  async function run(one: Case, gpu: () => Promise<Gpu>) {
    const { winograd, input } = one;
    const graph: Graph = { ...one.graph, paths: {} };
    const stored = [...weightsOf(one)].map(([key, data]) => {
      const rows = /^n\d+\.weight$/.test(key) ? rowsOf(graph, key) : data.length;
      const tensor = { dtype: "f32" as const, shape: [rows, data.length / rows], data };
      return [key, { ...tensor, read: async () => tensor }] as const;
    });
    const host = await GpuHost.start({
      graph,
      input: [input[1], input[2], input[3]],
      options: { winograd },
      send: kit.send,
      core: () => startPlanner(kit, platform!),
      gpu,
      weights: async () => ({ weights: new Map(stored) as never, close: async () => {} }),
      wasm: () => Promise.reject(new Error("this is for GPUs")),
    });
    try {
      const outputs = one.outputs.map(({ node }) => node);
      const args = { input: { shape: input, data: numbers(one.x) }, outputs };
      const [, ...maps] = await host.call("run", args);
      for (const [i, { node, shape, numbers: place, error }] of one.outputs.entries()) {
        const map = maps[i]!;
        const where = `${graph.nodes[node]!.op} (node ${node})`;
        expect(map.shape, where).toEqual(shape);
        const wanted = numbers(place);
        const off = wanted.findIndex((value, k) => !(Math.abs(value - map.data[k]!) <= error));
        const found = off < 0 ? "" : `${map.data[off]} at ${off}, not ${wanted[off]} within ${error}`;
        expect(found, where).toBe("");
      }
    } finally {
      host.dispose();
    }
  }

  test.each(cases.map((one) => [one.name, one] as const))("%s", (_, one) =>
    run(one, () => acquire(platform!)),
  );

  // A processor in a GPU's place is given other tiles, and no poolings by subgroups.
  const vectors = cases.filter(({ graph, input }) => {
    return input[0] === 1 && graph.nodes.some((node) => node.op === "linear" && node.in_features > 64);
  });
  const reducing = cases.filter(({ name }) => ["movers", "large", "reductions"].includes(name));
  const chosen = [...reducing, ...vectors.slice(0, 3)];
  const seen = new Set<string>();
  test.each(chosen.map((one) => [one.name, one] as const))("%s, as on a GPU", async (_, one) => {
    const own = planning();
    const gpu = await acquire(own);
    expect(gpu.limits).toMatchObject({ subgroups: true, fallback: true });
    Object.assign(gpu, { limits: { ...gpu.limits, fallback: false } });
    const made: string[] = [];
    const { pipeline } = gpu;
    gpu.pipeline = (shader, ...rest) => {
      made.push(shader);
      return pipeline.call(gpu, shader, ...rest);
    };
    await run(one, () => acquire(own));
    gpu.release();
    const bySubgroups = made.filter((shader) => shader.endsWith("_subgroups"));
    // movers are narrow.
    if (one.name !== "movers") expect(bySubgroups).not.toEqual([]);
    for (const shader of bySubgroups) seen.add(shader);
  });

  test("those by subgroups were all among them", () => {
    const texts = [
      "adaptive_avg_pool2d",
      "adaptive_max_pool2d",
      "layer_norm2d",
      "linear",
      "log_softmax",
      "softmax",
    ];
    expect([...seen].sort()).toEqual(texts.map((name) => `${name}_subgroups`));
  });
});

/** Outputs of the node that a weight is of. */
function rowsOf({ nodes }: Graph, key: string): number {
  const node = nodes[Number(key.slice(1, key.indexOf(".")))]!;
  if (node.op === "conv2d") return node.out_channels;
  return node.op === "linear" ? node.out_features : (node as { channels: number }).channels;
}
