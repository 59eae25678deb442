/** The known-answer probe: whether a GPU's kernels give the numbers they should, before "auto" trusts it. */
import type { Platform } from "../../../platform.js";
import type { StoredWeights } from "../../../weights/stored.js";
import type { Gpu } from "../device.js";
import { GpuHost } from "../host.js";
import type { Kit } from "../index.js";
import { startPlanner } from "../planner.js";
import answers from "./answers.json";
import { GRAPH, INPUT, SEEN, SIDES, uniform, weightsOf } from "./network.js";

/** What a map is known by: its sum under random weights, and the sum of its magnitudes. */
export type Answer = readonly [weighed: number, magnitude: number];

/** The answer of a map, in float64. */
export function answerOf(map: ArrayLike<number>): Answer {
  let [weighed, magnitude] = [0, 0];
  for (let i = 0; i < map.length; i++) {
    weighed += map[i]! * uniform(7, i);
    magnitude += Math.abs(map[i]!);
  }
  return [weighed, magnitude];
}

/** Far above what rounding makes, and far below what a wrong kernel does; in float32 a single wrong number. */
const TOLERANCES = { float32: 1e-4, float16: 5e-3 } as const;
type Arithmetic = keyof typeof TOLERANCES;

function isRight(map: ArrayLike<number>, id: number, arithmetic: Arithmetic): boolean {
  const [weighed, magnitude] = answers[id] as unknown as Answer;
  const [found, size] = answerOf(map);
  const allowed = TOLERANCES[arithmetic] * magnitude;
  return Math.abs(found - weighed) <= allowed && Math.abs(size - magnitude) <= allowed;
}

/**
 * Runs the probe on a device; what it computes wrongly, in words, or undefined. Rejects where no device or core is to be had, or
 * none with that arithmetic.
 */
export async function probe(
  kit: Kit,
  platform: Platform,
  gpu: () => Promise<Gpu>,
  arithmetic: Arithmetic = "float32",
): Promise<string | undefined> {
  const tensors = [...weightsOf(kit.weightKeys)].map(
    ([key, tensor]) => [key, stored(tensor.shape, tensor.data)] as const,
  );
  const weights = new Map(tensors) as StoredWeights;
  const host = await GpuHost.start({
    graph: GRAPH,
    input: [3, ...SIDES],
    options: { recover: false, arithmetic },
    send: kit.send,
    core: () => startPlanner(kit, platform),
    gpu,
    weights: async () => ({ weights, close: async () => {} }),
    wasm: () => Promise.reject(new Error("the probe is for GPUs")),
  });
  try {
    const run = (outputs: readonly number[]) =>
      host.call("run", { input: { ...INPUT, data: INPUT.data.slice() }, outputs });
    const seen = [...SEEN, GRAPH.output];
    const [, ...ends] = await run(seen);
    if (seen.every((id, i) => isRight(ends[i]!.data, id, arithmetic))) return undefined;
    // Every map, to find the first that is wrong; what is fused where nobody asks for it may be right then.
    const all = GRAPH.nodes.map((_, id) => id).slice(1);
    const [, ...maps] = await run(all);
    const wrong = all.find((id, i) => !isRight(maps[i]!.data, id, arithmetic));
    const node = GRAPH.nodes[wrong ?? GRAPH.output]!;
    const kernel = wrong === undefined || node.op === "input" ? "a fused kernel" : `the kernel ${node.op}`;
    const where = node.op === "input" || wrong === undefined ? "" : ` (${node.path})`;
    return `the GPU computes ${kernel}${where} wrongly`;
  } finally {
    host.dispose();
  }
}

const stored = (shape: readonly number[], data: Float32Array) => ({
  dtype: "f32" as const,
  shape,
  read: async () => ({ dtype: "f32" as const, shape, data }),
});
