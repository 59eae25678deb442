/** The bounded run of `npm test`. */
import { expect, test } from "vitest";
import { fuzz, type Target } from "./target.js";

/** A test for each target. SEED=n repeats a run. */
export function fuzzTests(targets: readonly Target[]): void {
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  test.each(targets.map((target) => [target.name, target] as const))(
    `%s, from seed ${seed}`,
    { timeout: 300_000 },
    async (_, target) => {
      const { taken, refused } = await fuzz(target, seed, (inputs) => inputs < target.few);
      const least = target.few * (target.share ?? 0.01);
      expect(refused).toBeGreaterThanOrEqual(least);
      if (!target.isHostile) expect(taken).toBeGreaterThanOrEqual(least);
    },
  );
}
