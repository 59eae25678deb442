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
      // Both must occur often, or the damage is too small or too great to tell anything.
      expect(refused).toBeGreaterThan(target.few / 200);
      if (!target.isHostile) expect(taken).toBeGreaterThan(target.few / 200);
    },
  );
}
