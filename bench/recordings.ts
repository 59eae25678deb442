/**
 * What a run on a GPU takes, told by the recordings of the core, without a GPU: for each network its dispatches, the bytes
 * that they move against the least for its fused graph, the arithmetic against what the algorithms need, the buffers for maps
 * against what is alive together; with Winograd's algorithms, the default, and without. `node --import tsx
 * bench/recordings.ts [--models NAME,...] [--save]`, after a build; README.md has the columns.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { findEntry, type ZooName, zoo } from "../ts/src/zoo/index.js";
import { type Figures, figures } from "../ts/test/figures.js";

const { values } = parseArgs({
  options: { models: { type: "string", default: "all" }, save: { type: "boolean", default: false } },
});
const names = (
  values.models === "all" ? Object.keys(zoo) : values.models.split(",").filter((name) => findEntry(name))
) as ZooName[];

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

interface PlanRow {
  readonly network: string;
  readonly winograd: boolean;
  readonly dispatches: number;
  readonly "MB moved": number;
  readonly "x least": number;
  /** Products that are computed, whole tiles, in millions; against what the algorithms need; and against the definitions. */
  readonly "M products": number;
  readonly "x needed": number;
  readonly "x defined": number;
  readonly "MB of maps": number;
  readonly "x alive": number;
  readonly "MB of weights": number;
}

function row(network: string, winograd: boolean, has: Figures): PlanRow {
  return {
    network,
    winograd,
    dispatches: has.dispatches,
    "MB moved": round(has.moved / 1e6, 1),
    "x least": round(has.moved / has.least, 2),
    "M products": round(has.computed / 1e6, 1),
    "x needed": round(has.computed / has.products, 2),
    "x defined": round(has.computed / has.macs, 2),
    "MB of maps": round(has.memory / 1e6, 1),
    "x alive": round(has.memory / has.alive, 2),
    "MB of weights": round(has.weights / 1e6, 1),
  };
}

const rows = [true, false].flatMap((winograd) =>
  names.map((name) => row(name, winograd, figures(name, winograd))),
);
console.table(rows);
if (values.save) {
  const folder = new URL("results/recordings/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${new Date().toISOString().slice(0, 10)}.json`, folder);
  // A line a network.
  const line = (values: readonly unknown[]) => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
  const lines = [Object.keys(rows[0]!), ...rows.map((one) => Object.values(one))].map(line);
  writeFileSync(file, `[\n  ${lines.join(",\n  ")}\n]\n`);
}
