/** What a GPU would be given for a network: told by the core's plan, without a GPU. */
import type { Net } from "../../layers.js";
import type { Platform } from "../../platform.js";
import type { GpuSteps } from "../../summarize.js";
import type { Kit } from "./index.js";
import { startPlanner } from "./planner.js";
import type { GpuLimits } from "./recording.js";

/** The least that WebGPU allows. */
export const LEAST: GpuLimits = {
  binding: 2 ** 27,
  buffer: 2 ** 28,
  workgroupMemory: 2 ** 14,
  invocations: 256,
  workgroup: [256, 256, 64],
  workgroups: 65535,
  storageBuffers: 8,
  subgroups: false,
  f16: false,
  fallback: false,
};

/** The dispatches for one image [C, H, W], on the least device that there may be. Rejects with `bad-shape`, `too-large`. */
export async function gpuSteps(
  kit: Kit,
  platform: Platform,
  net: Net,
  input: readonly number[],
): Promise<GpuSteps> {
  const { nodes, output } = kit.lower(net);
  const core = await startPlanner(kit, platform);
  try {
    const size = input.slice(1) as [number, number];
    const graph = JSON.stringify({ nodes, output });
    const about = { graph, size, winograd: true, height: 4, limits: LEAST } as const;
    const network = await core.call("network", about);
    const recording = await core.call("record", { shape: [1, ...input], outputs: [output] });
    const { steps, banks, alive, least } = recording;
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      steps: steps.map(({ path, op, algorithm, shape, macs, products, reads, writes }) => {
        return { path, op, algorithm, output: shape, macs, products, reads, writes };
      }),
      traffic: sum(steps.map(({ reads, writes }) => reads + writes)),
      leastTraffic: least,
      maps: sum(banks),
      leastMaps: alive,
      weights: sum(network!.buffers),
    };
  } finally {
    core.dispose();
  }
}
