/**
 * Writes what the GPU probe's maps are known by, as ts/test/interpret.ts computes them in float64:
 * `node --import tsx scripts/make_probe_answers.mjs`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./toolchain.mjs";

const { GRAPH, INPUT, weightsOf, uniform } = await import("../ts/src/backend/webgpu/probe/network.ts");
const { weightKeys } = await import("../ts/src/state.ts");
const { interpret } = await import("../ts/test/interpret.ts");

const answers = interpret(GRAPH, INPUT, weightsOf(weightKeys)).map((map) => {
  let [weighed, magnitude] = [0, 0];
  map.forEach((value, i) => {
    weighed += value * uniform(7, i);
    magnitude += Math.abs(value);
  });
  return [weighed, magnitude].map((sum) => Number(sum.toPrecision(7)));
});
const path = join(root, "ts/src/backend/webgpu/probe/answers.json");
writeFileSync(
  path,
  `[\n${answers.map((answer) => `  ${JSON.stringify(answer).replace(",", ", ")}`).join(",\n")}\n]\n`,
);
console.log(`${answers.length} answers`);
