/** The least time that a network can take on a machine, from what convzoo's steps compute and what they must move. */

/** Per second. */
export interface Peak {
  readonly flops: number;
  readonly bytes: number;
}

/** What one step needs; see `StepTiming`. */
export interface Work {
  /** Multiply-adds of the algorithm that was chosen. */
  readonly products: number;
  /** Of its maps and weights, each once. */
  readonly bytes: number;
}

/**
 * Seconds: for each step the longer of its products and of its bytes. More threads share the products; the bandwidth is that
 * of one thread, of which few cores have much more.
 */
export function roofline(steps: readonly Work[], peak: Peak, threads: number): number {
  const seconds = steps.map(({ products, bytes }) =>
    Math.max((2 * products) / (peak.flops * threads), bytes / peak.bytes),
  );
  return seconds.reduce((a, b) => a + b, 0);
}
