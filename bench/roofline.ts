/** The least time that a network can take on a machine, from what its steps compute and what they must move. */
import type { Step } from "./fold.js";

/** Per second. */
export interface Peak {
  readonly flops: number;
  readonly bytes: number;
}

/**
 * Seconds: for each step the longer of its arithmetic and of reading its weights and inputs and writing its output, each
 * once. More threads share the arithmetic; the bandwidth is that of one thread, of which few cores have much more.
 */
export function roofline(steps: readonly Step[], peak: Peak, threads: number): number {
  const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
  const seconds = steps.map((step) => {
    if (step.op === "input") return 0;
    const inputs = step.inputs.map((input) => size(steps[input]!.shape));
    const weights = Object.values(step).filter((value) => value instanceof Float32Array);
    const floats = [...inputs, size(step.shape), ...weights.map(({ length }) => length)];
    const bytes = 4 * floats.reduce((a, b) => a + b);
    return Math.max(flopsOf(step) / (peak.flops * threads), bytes / peak.bytes);
  });
  return seconds.reduce((a, b) => a + b, 0);
}

/** What a step computes when done directly: a convolution that is done by another algorithm needs less. */
function flopsOf(step: Step): number {
  const outputs = step.shape.reduce((a, b) => a * b, 1);
  if (step.op === "conv2d") return (2 * outputs * step.weight.length) / step.shape[0]!;
  if (step.op === "linear") return 2 * step.weight.length;
  return outputs;
}
