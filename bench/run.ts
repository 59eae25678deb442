/**
 * Every engine on every model, in turns, several rounds: a table of times, ratios and shares of the roofline. An answer
 * that differs from PyTorch's voids its row. Options and method: README.md beside this.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../ts/src/cli/bench/times.js";
import { findEntry, type ZooName } from "../ts/src/zoo/index.js";
import { type Case, makeCase } from "./case.js";
import { type Chromium, startChromium } from "./chromium.js";
import type { Settings } from "./engine.js";
import { aboutRun, keep } from "./machine.js";
import { BYTES, FLOPS, makePeak } from "./peak.js";
import { roofline } from "./roofline.js";
import { openProcess, type Session } from "./session.js";
import { type Measured, type Row, rowsOf, summary } from "./table.js";

const MODELS =
  "alexnet,vgg19,googlenet,resnet18,resnet50,densenet121,efficientnet_b0,squeezenet1_1,mobilenet_v2";

/** Where each engine can run, and the file that it reads. */
const KNOWN: Record<
  string,
  { readonly in: readonly string[]; readonly file: string; readonly gpu?: boolean }
> = {
  convzoo: { in: ["chromium", "node"], file: "model.safetensors" },
  litert: { in: ["chromium"], file: "model.tflite" },
  "onnxruntime-web": { in: ["chromium", "node"], file: "model.onnx" },
  "tfjs-wasm": { in: ["chromium", "node"], file: "model.tfjs" },
  pytorch: { in: ["native"], file: "model.safetensors" },
  onnxruntime: { in: ["native"], file: "model.onnx" },
  "convzoo-webgpu": { in: ["chromium"], file: "model.safetensors", gpu: true },
  "litert-webgpu": { in: ["chromium"], file: "model.tflite", gpu: true },
  "onnxruntime-webgpu": { in: ["chromium"], file: "model.onnx", gpu: true },
  "tfjs-webgpu": { in: ["chromium"], file: "model.tfjs", gpu: true },
};

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const node24 = path("../ts/test/runtime/node_modules/node-24/bin/node");
const { values } = parseArgs({
  options: {
    models: { type: "string", default: MODELS },
    device: { type: "string", default: "wasm" },
    engines: { type: "string" },
    runtime: { type: "string", default: "chromium,node,native" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "12" },
    runs: { type: "string", default: "3" },
    warmups: { type: "string", default: "8" },
    node: { type: "string", default: existsSync(node24) ? node24 : process.execPath },
    python: { type: "string", default: "python3" },
    save: { type: "boolean", default: false },
  },
});
const threads = Number(values.threads);
if (!["wasm", "webgpu"].includes(values.device)) throw new Error("--device is wasm or webgpu");
const onGpu = values.device === "webgpu";
/** What the others' times are held against. */
const ours = onGpu ? "convzoo-webgpu" : "convzoo";
const all = Object.keys(KNOWN).filter((engine) => (KNOWN[engine]!.gpu ?? false) === onGpu);
const engines = values.engines?.split(",") ?? (onGpu ? [...all, "convzoo"] : all);
const unknown = engines.find((engine) => !Object.hasOwn(KNOWN, engine));
if (unknown) throw new Error(`no engine is called ${unknown}; there are ${Object.keys(KNOWN).join(", ")}`);
const models = values.models.split(",").map((name) => findEntry(name) && (name as ZooName));

/** Those of the wanted runtimes that are here; what is not is said and left out. */
const executable = process.env.CHROME_PATH;
const runtimes = values.runtime.split(",").filter((runtime) => {
  if (onGpu && runtime !== "chromium") return false;
  if (runtime !== "chromium" || executable) return true;
  console.log("no Chromium: set CHROME_PATH; its rows are left out");
  return false;
});
const modulesOf: Record<string, string> = {
  pytorch: "import torch, torchvision",
  onnxruntime: "import onnxruntime",
};
const wanted = engines
  .flatMap((engine) => runtimes.map((runtime) => ({ engine, runtime })))
  .filter(({ engine, runtime }) => {
    if (!KNOWN[engine]!.in.includes(runtime)) return false;
    const modules = modulesOf[engine];
    if (!modules || spawnSync(values.python, ["-c", `${modules}, numpy`]).status === 0) return true;
    console.log(`${engine}: ${values.python} lacks it (--python PATH names another); its rows are left out`);
    return false;
  });

const { version } = JSON.parse(readFileSync(path("../package.json"), "utf8")) as { version: string };
if (onGpu && !runtimes.includes("chromium")) throw new Error("--device webgpu needs Chromium");
const chromium = runtimes.includes("chromium") ? await startChromium(executable!, onGpu) : undefined;
const nodeVersion = execFileSync(values.node, ["--version"], { encoding: "utf8" }).trim();

function open(engine: string, runtime: string, model: ZooName, made: Case): Promise<Session> {
  const settings: Settings = {
    engine: engine as Settings["engine"],
    model,
    threads,
    input: made.input,
    warmups: Number(values.warmups),
    convzoo: { entry: "convzoo", version },
  };
  if (runtime === "chromium") return (chromium as Chromium).open(settings);
  if (runtime === "node")
    return openProcess(values.node, ["--import", "tsx", path("in-node.ts"), JSON.stringify(settings)]);
  const args = [
    engine,
    fileURLToPath(made.folder),
    model,
    values.threads,
    values.warmups,
    JSON.stringify(made.input),
  ];
  return openProcess(values.python, [path("native.py"), ...args]);
}

/** For each round the milliseconds that the machine allows, by the two peaks that come first. */
function boundOf(model: ZooName, opened: readonly Timed[]): number[] {
  const [flops, bytes] = opened.map(({ rounds }) => rounds.map((ms) => 1e3 / Math.min(...ms)));
  const work = opened.find(({ session }) => session.opened.work)?.session.opened.work;
  const bound = flops!.map((_, i) => {
    const peak = { flops: FLOPS * flops![i]!, bytes: BYTES * bytes![i]! };
    return work ? 1e3 * roofline(work, peak, threads) : Number.NaN;
  });
  const [peakFlops, peakBytes] = [FLOPS * median(flops!), BYTES * median(bytes!)].map((peak) => peak / 1e9);
  const least = work ? `; roofline ${median(bound).toFixed(2)} ms` : "";
  console.log(
    `${model}: peak ${peakFlops!.toFixed(1)} GFLOPS, ${peakBytes!.toFixed(1)} GB/s a thread${least}`,
  );
  return bound;
}

interface Timed {
  readonly engine: string;
  readonly runtime: string;
  readonly session: Session;
  readonly rounds: number[][];
}

/** Engines that could not run a model. */
const failed: { readonly model: string; readonly engine: string; readonly why: string }[] = [];

/** All engines on one model: opened one after the other, then timed in turns. */
async function measure(model: ZooName): Promise<Measured[]> {
  const made = makeCase(model, new Set(wanted.map(({ engine }) => KNOWN[engine]!.file)));
  // A native engine could do more than WebAssembly, and is held against the same bounds.
  const bounds = runtimes.includes("chromium") ? "chromium" : "node";
  const peaks = (onGpu ? [] : ["peak-flops", "peak-bandwidth"]).map((engine) => ({
    engine,
    runtime: bounds,
  }));
  const opened: Timed[] = [];
  try {
    for (const one of [...peaks, ...wanted]) {
      try {
        const session = await open(one.engine, one.runtime, model, made);
        opened.push({ ...one, session, rounds: [] });
      } catch (error) {
        // Not every GPU can do what every engine asks of it; on the CPU all of them run.
        if (!onGpu || one.engine === ours) throw error;
        const why = String(error).split("\n")[0]!;
        console.log(`${model}: ${one.engine} does not run: ${why}`);
        failed.push({ model, engine: one.engine, why });
      }
    }
    for (let round = 0; round < Number(values.rounds); round++)
      // The order turns with the rounds, so that none always runs on the machine that another has warmed.
      for (let i = 0; i < opened.length; i++) {
        const { session, rounds } = opened[(i + round) % opened.length]!;
        rounds.push(await session.time(Number(values.runs)));
      }
    const bound = onGpu ? opened[0]!.rounds.map(() => Number.NaN) : boundOf(model, opened);
    const measured: Measured[] = [];
    for (const { session, ...one } of opened.slice(peaks.length)) {
      const peakMiB = await session.close();
      const difference = made.difference(session.opened.output);
      measured.push({ ...one, model, opened: session.opened, peakMiB, difference, roofline: bound });
    }
    return measured;
  } finally {
    for (const { session } of opened) await session.close().catch(() => {});
  }
}

const gpu = chromium?.adapter === undefined ? "" : `GPU: ${chromium.adapter}; `;
const about = aboutRun(
  `${gpu}Chromium ${chromium?.version ?? "-"}, Node ${nodeVersion}, ${threads} thread${threads === 1 ? "" : "s"}`,
);
console.log(about);
mkdirSync(path("../build/bench"), { recursive: true });
writeFileSync(
  path("../build/bench/peak.wasm"),
  await makePeak(chromium !== undefined || nodeVersion >= "v21"),
);
const rows: Row[] = [];
for (const model of models) {
  const measured = rowsOf(await measure(model), ours);
  console.table(measured);
  rows.push(...measured);
}
if (summary(rows).length) console.table(summary(rows));
if (values.save)
  keep(onGpu ? "webgpu" : `${threads}-threads`, about, {
    rows,
    summary: summary(rows),
    ...(failed.length ? { failed } : {}),
  });
chromium?.close();
