/**
 * The table of the benchmark's results. `node scripts/bench_table.mjs [FILE]` prints README.md's, of the newest results of one
 * thread unless another file is named; with `--readme` it also writes it there.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { root } from "./toolchain.mjs";

/** The rows and columns that a whole table has: as results call them, and as readers do. */
const NETWORKS = {
  squeezenet1_1: "SqueezeNet 1.1",
  mobilenet_v2: "MobileNet v2",
  efficientnet_b0: "EfficientNet B0",
  alexnet: "AlexNet",
  googlenet: "GoogLeNet",
  resnet18: "ResNet 18",
  densenet121: "DenseNet 121",
  resnet50: "ResNet 50",
  vgg19: "VGG 19",
};
const PEERS = { litert: "LiteRT.js", "tfjs-wasm": "tfjs", "onnxruntime-web": "onnxruntime-web" };

/**
 * Results in pages, a row a network: `engines`, ours first, with `row`s that may be missing; `ratio`, what ours takes of the fastest
 * peer's time, by rounds. A wrong answer is "void" in the results and no ratio; where ours is, nor is any other.
 */
export function benchRows(rows) {
  const inPages = rows.filter(({ runtime }) => runtime === "chromium");
  const networks = Object.keys(NETWORKS).filter((name) => inPages.some(({ model }) => model === name));
  return networks.map((model) => {
    const of = (engine) => inPages.find((row) => row.model === model && row.engine.split(" ")[0] === engine);
    const [ours, ...peers] = ["convzoo", ...Object.keys(PEERS)].map(of);
    const times = peers.map((row) => row?.["times ours"]).filter(Number.isFinite);
    return { model, engines: [ours, ...peers], ratio: times.length ? 1 / Math.min(...times) : undefined };
  });
}

/** Of the ratios, where there are any. */
export function geometricMean(networks) {
  const logs = networks.flatMap(({ ratio }) => (ratio === undefined ? [] : [Math.log(ratio)]));
  return Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length);
}

/** Three digits; what is missing, and what is void, as such. */
function number(value) {
  if (!Number.isFinite(value)) return value ?? "-";
  return value < 100 ? value.toPrecision(3) : String(Number(value.toPrecision(3)));
}

/** Medians in milliseconds and the ratios; `full` adds the best of the runs and the share of what the machine allows. */
export function benchTable(networks, { full = false } = {}) {
  const peers = Object.values(PEERS).map((name, i) => {
    const version = /\d+\.\d+/.exec(networks.map(({ engines }) => engines[i + 1]?.engine).find(Boolean));
    return version ? `${name} ${version}` : name;
  });
  const cell = (row) =>
    full && Number.isFinite(row?.best) ? `${number(row.ms)} (${number(row.best)})` : number(row?.ms);
  const lines = networks.map(({ model, engines, ratio }) => {
    const share = engines[0]?.["roofline %"];
    const more = full ? [Number.isFinite(share) ? `${share} %` : "-"] : [];
    const cells = [NETWORKS[model], ...engines.map(cell), ratio?.toFixed(2) ?? "-", ...more];
    return `| ${cells.join(" | ")} |`;
  });
  const head = ["convzoo", ...peers, "ours / best of them", ...(full ? ["of the machine"] : [])];
  const top = [`| | ${head.join(" | ")} |`, `|${"---|".repeat(head.length + 1)}`];
  return [...top, ...lines].join("\n");
}

export const readResults = (file) => JSON.parse(readFileSync(file, "utf8"));

/** The newest results of one thread that have the whole table. Names begin with date and time; older ones have the date alone. */
export function newestResults() {
  const results = join(root, "bench/results");
  const isWhole = (file) => {
    const networks = benchRows(readResults(file).rows);
    const all = networks.every(({ engines }) => engines.every((row) => row !== undefined));
    return all && networks.length === Object.keys(NETWORKS).length;
  };
  // Of one date the first machine by name.
  return readdirSync(results, { recursive: true })
    .filter((file) => /^\d{4}-\d\d-\d\d(-\d{4})?-1-threads\.json$/.test(basename(file)))
    .sort((a, b) => basename(b).localeCompare(basename(a)) || a.localeCompare(b))
    .map((file) => join(results, file))
    .find(isWhole);
}

/** README.md's table, and behind it the mean and the file. */
const README_TABLE = /\| \| convzoo \|.*?\nGeometric mean [^)]+\)/s;

function readmeTable(file) {
  const networks = benchRows(readResults(file).rows);
  const path = relative(root, file).replaceAll("\\", "/");
  return `${benchTable(networks)}\n\nGeometric mean ${geometricMean(networks).toFixed(2)}; [all numbers](${path})`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: { readme: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const table = readmeTable(positionals[0] ? resolve(positionals[0]) : newestResults());
  console.log(table);
  if (values.readme) {
    const file = join(root, "README.md");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(README_TABLE, () => table),
    );
  }
}
