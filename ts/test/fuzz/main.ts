/** `npm run fuzz`: every target in turn for a while, or one of them; see CONTRIBUTING.md. */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Finding, fuzz, tryOne } from "./target.js";
import { targets } from "./targets.js";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "5" },
    target: { type: "string" },
    seed: { type: "string" },
    input: { type: "string" },
  },
});
const names = targets.map(({ name }) => name);
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const minutes = Number(values.minutes);
if (chosen.length === 0 || !(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error(`fuzz: --minutes N, --seed N, --input FILE, --target one of ${names.join(", ")}`);
  process.exit(2);
}

if (values.input !== undefined) {
  console.log(await tryOne(chosen[0]!, new Uint8Array(readFileSync(values.input))));
} else {
  console.log(`seed ${seed}, ${minutes} minutes for ${chosen.length} targets`);
  const each = (minutes * 60_000) / chosen.length;
  for (const target of chosen) {
    const end = performance.now() + each;
    try {
      const { inputs, taken, refused, slowest, largest } = await fuzz(
        target,
        seed,
        () => performance.now() < end,
      );
      const extremes = `slowest ${slowest.toFixed()} ms, ${largest.toFixed()} MiB at most`;
      console.log(`${target.name}: ${inputs} inputs, ${taken} taken, ${refused} refused; ${extremes}`);
    } catch (error) {
      if (!(error instanceof Finding)) throw error;
      console.error(`FOUND ${error.message}`);
      process.exitCode = 1;
    }
  }
}
process.exit();
