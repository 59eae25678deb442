/** How runs are timed. */

/** Milliseconds of `runs` runs, one after the other. */
export async function times(run: () => Promise<unknown>, runs: number): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < runs; i++) {
    const before = performance.now();
    await run();
    all.push(since(before));
  }
  return all;
}

/** Milliseconds, to the microsecond. */
export const since = (start: number): number => Math.round(1e3 * (performance.now() - start)) / 1e3;

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}
