/** A network layer by layer, as a table. */
import type { StepTiming } from "../../backend/protocol.js";
import { table } from "../format.js";

const HEAD = [
  ...["layer", "op", "algorithm", "output", "ms"],
  ...["of time", "GFLOPS", "computed", "of peak", "GB/s"],
];
const NUMBERS = HEAD.map((_, column) => column > 3);

/** The layers of a network in the order of a run, and their sum; `peakGflops` is what the machine can do, where that is known. */
export function profileTable(model: string, steps: readonly StepTiming[], peakGflops?: number): string {
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  const rows = layers(steps).map(({ path, op, algorithm, shape, ms, macs, products, bytes }) => [
    path || "-",
    op,
    algorithm || "-",
    shape.join("x"),
    ms.toFixed(3),
    percent(ms / total),
    macs ? gflops(macs, ms).toFixed(1) : "-",
    products ? gflops(products, ms).toFixed(1) : "-",
    products && peakGflops ? percent(gflops(products, ms) / peakGflops) : "-",
    // A halo's step clears a map's border, not the map whose bytes it tells.
    op === "halo" ? "-" : (bytes / ms / 1e6).toFixed(1),
  ]);
  const sum = ["total", "", "", "", total.toFixed(3)];
  const note =
    "GFLOPS: by the layer's definition; computed: by what its algorithm multiplies, without transforms.\n" +
    (peakGflops
      ? `of peak: computed, of the ${peakGflops.toFixed(1)} GFLOPS that these threads can do in registers alone.\n`
      : "");
  return `${model}, layer by layer:\n\n${table([HEAD, ...rows, sum], NUMBERS)}\n${note}`;
}

/** The steps of a layer as one: an algorithm of two stages is two steps, with steps of other branches between them. */
function layers(steps: readonly StepTiming[]): StepTiming[] {
  const all = new Map<string, StepTiming>();
  for (const step of steps) {
    const key = `${step.path} ${step.op}`;
    const first = all.get(key);
    all.set(
      key,
      !first
        ? step
        : {
            ...first,
            ms: first.ms + step.ms,
            macs: first.macs + step.macs,
            products: first.products + step.products,
            bytes: first.bytes + step.bytes,
          },
    );
  }
  return [...all.values()];
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

/** A multiply-add is two operations. */
export const gflops = (macs: number, ms: number): number => (2 * macs) / ms / 1e6;
