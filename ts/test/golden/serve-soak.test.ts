/** A minute of mixed requests, five in a hundred of them bad; `bench/soak.ts` goes on for longer. */
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { live } from "../live.js";
import { least, median, SOAKED, soak } from "../soak.js";

const SECONDS = 60;

test("every good request is answered right, every bad one refused, and memory stays", {
  timeout: 120_000,
}, async ({ skip }) => {
  skip(!existsSync("/proc/self/status"), "this system does not tell a process's memory by /proc");
  const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
  const server = await live(SOAKED, { collects: true });
  try {
    const { right, wrong, memory, held } = await soak(server, { seconds: SECONDS, seed });
    expect(wrong, `seed ${seed}`).toEqual([]);
    expect(Object.keys(right), `seed ${seed}`).toHaveLength(16);
    // Of all that the process holds, allocators and compilers take more for three minutes: the long soak holds it to 5 %.
    const thirds = (all: readonly number[], of: (some: readonly number[]) => number) =>
      [1, 2].map((i) => of(all.slice((i * all.length) / 3, ((i + 1) * all.length) / 3)));
    const shown = (all: readonly number[]) => `MiB: ${all.map((one) => (one / 2 ** 20).toFixed(1))}`;
    const [before, after] = thirds(held, median);
    expect(after! / before!, shown(held)).toBeLessThan(1.05);
    const [early, late] = thirds(memory, least);
    expect(late! / early!, shown(memory)).toBeLessThan(1.25);
    // Each line of the log is a request's or the server's own; nothing went wrong inside.
    expect(server.lines.filter(({ level }) => level !== "info")).toEqual([]);
    expect(server.said()).toBe("");
  } finally {
    await server.close();
  }
});
