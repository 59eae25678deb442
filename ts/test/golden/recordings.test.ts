/** What the networks of the zoo ask of a GPU, by their recordings: dispatches, bytes, memory. No GPU is needed for it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { GpuCore, initSync } from "../../../build/core/webgpu/core.js";
import { lower } from "../../src/graph.js";
import type { ZooEntry } from "../../src/zoo/row.js";
import { convzoo, root } from "./package.js";

const zoo: Readonly<Record<string, ZooEntry>> = convzoo.zoo;

/** The least that WebGPU allows. */
const LIMITS = {
  binding: 128 << 20,
  buffer: 256 << 20,
  workgroupMemory: 16 << 10,
  invocations: 256,
  workgroup: [256, 256, 64],
  workgroups: 65535,
  storageBuffers: 8,
  subgroups: false,
  f16: false,
  fallback: false,
};

initSync({ module: readFileSync(join(root, "build/core/wasm/webgpu.wasm")) });

/** Its first layer reads one channel, which fills a quarter of a vec4, and has most of its few weights. */
const ONE_CHANNEL = ["highway10_mnist_fc"];

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

/** A recording's figures, for one image of the size that the network was made for. */
function figures(name: string, winograd: boolean) {
  const { build, input } = zoo[name]!;
  const [channels, rows, columns] = input;
  const graph = JSON.stringify({ nodes: lower(build()).nodes, output: lower(build()).output });
  const core = new GpuCore(graph, rows, columns, winograd, JSON.stringify(LIMITS));
  const recording = JSON.parse(core.record(1, channels, rows, columns, new Uint32Array()));
  const buffers = [...core.buffers()];
  core.free();
  const { steps, banks, alive, least } = recording;
  return {
    dispatches: steps.length as number,
    pipelines: recording.pipelines.length as number,
    moved: sum(steps.map((step: { reads: number; writes: number }) => step.reads + step.writes)),
    least: least as number,
    memory: sum(banks),
    alive: alive as number,
    largest: Math.max(...buffers, ...banks),
  };
}

describe("a run on a GPU", () => {
  const names = Object.keys(zoo);
  const direct = new Map(names.map((name) => [name, figures(name, false)]));
  const transformed = new Map(names.map((name) => [name, figures(name, true)]));

  test("is a dispatch for each fused layer", () => {
    expect(direct.get("resnet50")!.dispatches).toBeLessThanOrEqual(60);
    expect(direct.get("efficientnet_b0")!.dispatches).toBeLessThanOrEqual(90);
  });

  test("moves little more than it must", () => {
    const far = [...direct].filter(([, { moved, least }]) => moved > 1.6 * least);
    expect(far.map(([name]) => name)).toEqual(ONE_CHANNEL);
    // Winograd's stages hand on 2.25 times the map that they read, and 2.25 times the one that they write, for a quarter of the
    // products.
    const farther = [...transformed].filter(([, { moved, least }]) => moved > 2.5 * least);
    expect(farther.map(([name]) => name)).toEqual([]);
  });

  test("holds little more than the maps that are alive together", () => {
    // Of three maps in a row, of which a step reads and writes any two, none can share another's bank.
    const far = [...direct, ...transformed].filter(([, { memory, alive }]) => memory > 1.35 * alive);
    expect(far.map(([name, { memory, alive }]) => `${name}: ${(memory / alive).toFixed(2)}`)).toEqual([]);
  });

  test("binds no more at once than every device allows", () => {
    expect([...direct, ...transformed].filter(([, { largest }]) => largest > LIMITS.binding)).toEqual([]);
  });
});
