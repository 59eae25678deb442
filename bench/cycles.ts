/**
 * Loads, runs and disposes of a small model again and again, and prints the process's resident memory: `node --import tsx
 * bench/cycles.ts [--cycles 1000] [--threads 2]`, after a build.
 */
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    cycles: { type: "string", default: "1000" },
    threads: { type: "string", default: "2" },
  },
});
const name: string = "convzoo";
const { load } = (await import(name)) as typeof import("../ts/src/node.js");

const cycles = Number(values.cycles);
const input = { shape: [1, 1, 28, 28], data: new Float32Array(28 * 28).fill(0.5) };
const mib = () => Math.round(process.memoryUsage.rss() / 2 ** 20);
const said: number[] = [];
const start = performance.now();
for (let cycle = 1; cycle <= cycles; cycle++) {
  const model = await load("lenet5", { threads: Number(values.threads) });
  await model.run(input);
  model.dispose();
  if (cycle % Math.ceil(cycles / 10) === 0) {
    // With --expose-gc.
    (globalThis as { gc?(): void }).gc?.();
    said.push(mib());
  }
}
const each = ((performance.now() - start) / cycles).toFixed(1);
console.log(`Node ${process.version}, ${values.threads} threads, ${cycles} cycles of ${each} ms`);
console.log(`resident memory after each tenth, MiB: ${said.join(", ")}`);
