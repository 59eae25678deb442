/** The engine without a server: images a second, one after another, of this process alone. `bare.ts THREADS SECONDS FILE`. */
import { readFileSync } from "node:fs";
import { convzoo } from "../../ts/test/golden/package.js";

const [threads, seconds, file] = process.argv.slice(2);
const model = await convzoo.load("squeezenet1_1", { threads: Number(threads) });
const bytes = new Uint8Array(readFileSync(file!));
const input = await model.prepare(bytes);

async function speed(work: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < 10; i++) await work();
  const start = performance.now();
  let count = 0;
  for (; performance.now() - start < 1000 * Number(seconds); count++) await work();
  return (1000 * count) / (performance.now() - start);
}

const classify = await speed(() => model.classify(bytes));
const infer = await speed(() => model.run(input));
console.log(JSON.stringify({ classify, infer }));
model.dispose();
