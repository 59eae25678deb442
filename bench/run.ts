/**
 * Runs every engine on every model in turn, a process each, several rounds, and prints a table of ratios. An answer that
 * differs from ours voids its row. `npm run bench -- --models alexnet --rounds 5 --threads 1 --node PATH --save`
 */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { parseArgs, promisify } from "node:util";
import type { ZooName } from "../ts/src/zoo/index.js";
import type { Report, Settings } from "./case.js";

const ENGINES = ["convzoo", "onnxruntime-web"] as const;

const { values } = parseArgs({
  options: {
    models: { type: "string", default: "squeezenet1_1,alexnet" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
    runs: { type: "string", default: "30" },
    warmups: { type: "string", default: "10" },
    node: { type: "string", default: process.execPath },
    save: { type: "boolean", default: false },
  },
});

/** A folder name of a processor. */
const slug = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]+/g, "-");

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1]!;

async function one(engine: string, settings: Settings): Promise<Report> {
  const program = new URL(`./engines/${engine}.ts`, import.meta.url).pathname;
  const args = ["--import", "tsx", program, JSON.stringify(settings)];
  const { stdout } = await promisify(execFile)(values.node, args, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout) as Report;
}

/** The largest difference of two answers, as a share of the largest number of the first. */
function difference(a: Report, b: Report): number {
  const scale = Math.max(...a.output.map(Math.abs));
  return Math.max(...a.output.map((value, i) => Math.abs(value - (b.output[i] ?? Number.NaN)))) / scale;
}

const nodeVersion = (await promisify(execFile)(values.node, ["--version"])).stdout.trim();
const machine = `${cpus()[0]?.model ?? "?"} x ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${nodeVersion}`;
console.log(machine);
const rows: object[] = [];
for (const model of values.models.split(",") as ZooName[]) {
  const settings: Settings = {
    model,
    threads: +values.threads,
    warmups: +values.warmups,
    runs: +values.runs,
  };
  const rounds: Report[][] = [];
  for (let round = 0; round < +values.rounds; round++) {
    const reports: Report[] = [];
    // The order turns with the rounds, so that none always runs on the machine that another has warmed.
    for (let i = 0; i < ENGINES.length; i++)
      reports.push(await one(ENGINES[(i + round) % ENGINES.length]!, settings));
    rounds.push(
      reports.sort((a, b) => ENGINES.indexOf(a.engine as never) - ENGINES.indexOf(b.engine as never)),
    );
  }
  for (const [i, engine] of ENGINES.entries()) {
    const medians = rounds.map((reports) => median(reports[i]!.ms));
    const ratios = rounds.map((reports) => median(reports[i]!.ms) / median(reports[0]!.ms));
    const report = rounds[0]![i]!;
    const apart = difference(rounds[0]![0]!, report);
    rows.push({
      model,
      engine: `${engine} ${report.version}`,
      how: report.how,
      "ms (median)": +median(medians).toFixed(2),
      "ms (best)": +Math.min(...rounds.flatMap((reports) => reports[i]!.ms)).toFixed(2),
      "load ms": +median(rounds.map((reports) => reports[i]!.loadMs)).toFixed(0),
      "times ours": +median(ratios).toFixed(2),
      "answer differs by": apart <= 1e-4 ? apart.toExponential(1) : `VOID ${apart.toExponential(1)}`,
    });
  }
}
console.table(rows);
if (values.save) {
  const folder = new URL(`./results/${slug(cpus()[0]?.model ?? "unknown")}/`, import.meta.url);
  mkdirSync(folder, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  writeFileSync(
    new URL(`${date}-${values.threads}-threads.json`, folder),
    `${JSON.stringify({ machine, rows }, null, 2)}\n`,
  );
}
