/** `convzoo models`: the table of the zoo. */
import { zoo } from "../zoo/index.js";
import type { Rows } from "../zoo/row.js";
import { table } from "./format.js";
import type { Io } from "./io.js";

/** Prints every network of the zoo. */
export function listModels({ json }: { readonly json: boolean }, io: Io): number {
  io.stdout.write(json ? `${JSON.stringify(records(), null, 2)}\n` : text());
  return 0;
}

function records() {
  return Object.entries(zoo as Rows).map(([name, entry]) => ({
    name,
    family: entry.family,
    year: entry.year,
    paper: entry.paper,
    input: entry.input,
    minSize: entry.minSize,
    params: entry.params,
    macs: entry.macs,
    published: entry.published,
    weights: Object.entries(entry.weights).map(([weights, { licence, labels, note }]) => {
      return { name: weights, licence, labels, note };
    }),
  }));
}

const HEAD = ["name", "family", "year", "params", "MACs", "input", "top-1", "weights"];
const NUMBERS = [false, false, true, true, true, false, true, false];
const NOTES = `
MACs: multiply-adds for one input. top-1: per cent on ImageNet, as published with the original weights.
weights: what comes with the package; give your own with --weights FILE.
`;

function text(): string {
  const rows = Object.entries(zoo as Rows).map(([name, entry]) => [
    name,
    entry.family,
    String(entry.year),
    millions(entry.params),
    millions(entry.macs),
    entry.input.join("x"),
    entry.published.top1?.toFixed(1) ?? "-",
    Object.keys(entry.weights).join(", ") || "-",
  ]);
  return table([HEAD, ...rows], NUMBERS) + NOTES;
}

const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;
