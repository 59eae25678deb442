/** The bench page: which networks, on what, and a table that fills. */
import { capabilities, type ZooName, zoo } from "convzoo";
import { byId, make } from "./dom.js";
import { measure, type Row, type Setup } from "./measure.js";
import { report } from "./problem.js";
import { ms, percent, short } from "./text.js";

/** What is chosen at first: small to middling, of different kinds. */
const FIRST: readonly ZooName[] = [
  "squeezenet1_1",
  "mobilenet_v2",
  "efficientnet_b0",
  "resnet18",
  "googlenet",
];
const MORE: readonly ZooName[] = ["lenet5", "alexnet", "densenet121", "resnet50", "convnext_tiny", "vgg16"];

/** Engines that run on a page's GPU too: what the page is served from must have them. */
const PEERS = ["onnxruntime-web", "tfjs-webgpu", "LiteRT.js"];
/** An answer further from ours on the CPU than this, as a share of the largest score, voids a peer's row. */
const TOLERANCE = 2e-5;

const results: Row[] = [];
const failed: { readonly network: string; readonly engine: string; readonly why: string }[] = [];
let running: AbortController | undefined;

/** The networks, and every device with the numbers of threads that are worth comparing. */
async function startBench(): Promise<void> {
  const can = await capabilities();
  const names = [...FIRST, ...MORE];
  byId("networks").append(
    ...names.map((name) => {
      const input = make("input", { type: "checkbox", name, checked: FIRST.includes(name) });
      return make("label", {}, input, name, make("small", {}, `${short(zoo[name].params)} parameters`));
    }),
  );
  const onCpu = [...new Set([1, can.threads])].map((threads) => ({ device: "wasm", threads }));
  const onGpu = (await hasGpu()) ? ["convzoo", ...PEERS].map((engine) => ({ engine, device: "webgpu" })) : [];
  byId("setups").append(
    ...[...onCpu, ...onGpu].map((own) => {
      const setup: Setup = { engine: "convzoo", threads: 1, ...own };
      const { engine, device, threads } = setup;
      // A program in a GPU's place is slow, and peers are fetched for who asks for them alone.
      const checked = engine === "convzoo" && (device === "wasm" || can.device === "webgpu");
      const data = { "data-engine": engine, "data-device": device, "data-threads": threads };
      return make("label", {}, make("input", { type: "checkbox", ...data, checked }), nameOf(setup));
    }),
  );
  byId("machine").textContent =
    `${can.core}, ${navigator.hardwareConcurrency} cores` +
    (can.threadsReason ? `; one thread: ${can.threadsReason}` : "");
  const start = byId<HTMLButtonElement>("start");
  start.disabled = false;
  start.addEventListener("click", () => {
    if (running) return running.abort();
    void run().catch(report);
  });
  byId("save").addEventListener("click", () => void save().catch(report));
}

const hasGpu = async (): Promise<boolean> => Boolean(await navigator.gpu?.requestAdapter().catch(() => null));

function nameOf({ engine, device, threads }: Setup): string {
  if (device === "wasm") return `${device}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return engine === "convzoo" ? device : `${device}: ${engine}`;
}

async function run(): Promise<void> {
  const checked = (id: string) => [...byId(id).querySelectorAll<HTMLInputElement>("input:checked")];
  const names = checked("networks").map(({ name }) => name as ZooName);
  const setups = checked("setups").map(({ dataset }) => ({
    engine: String(dataset.engine),
    device: String(dataset.device),
    threads: Number(dataset.threads),
  }));
  running = new AbortController();
  byId("start").textContent = "Stop";
  const status = byId("status");
  try {
    for (const name of names) {
      for (const setup of setups) {
        status.textContent = `${name} on ${nameOf(setup)}`;
        await measureOne(name, setup, running.signal);
      }
    }
    status.textContent = `${results.length} rows.`;
  } catch (error) {
    if (!running.signal.aborted) throw error;
    status.textContent = "Stopped.";
  } finally {
    running = undefined;
    byId("start").textContent = "Start";
  }
}

/** Adds a row, or where a peer cannot run a network why. */
async function measureOne(network: ZooName, setup: Setup, signal: AbortSignal): Promise<void> {
  const { engine } = setup;
  const fail = (why: string): void => {
    failed.push({ network, engine, why });
    const cells = [make("td", {}, engine), make("td", { colspan: 7 }, why)];
    byId("rows").append(make("tr", {}, make("th", { scope: "row" }, network), ...cells));
    byId("save").hidden = false;
  };
  try {
    const row = await measure(network, setup, signal);
    if (!((row.difference ?? 0) <= TOLERANCE)) {
      return fail(
        `differs from convzoo on the CPU by ${row.difference?.toExponential(1)} of the largest score`,
      );
    }
    results.push(row);
    show(row);
  } catch (error) {
    if (engine === "convzoo" || signal.aborted) throw error;
    fail(error instanceof Error ? error.message : String(error));
  }
}

function show(row: Row): void {
  const { network, engine, device, core, threads, bestMs, medianMs, runs, loadMs, macs } = row;
  const rate = (2 * macs) / bestMs / 1e6;
  const numbers = [ms(bestMs), ms(medianMs), runs, rate.toFixed(1), ms(loadMs)];
  const build = device === "wasm" ? core : engine === "convzoo" ? device : `${device}, ${core}`;
  const cells = [engine, build, threads];
  byId("rows").append(
    make(
      "tr",
      {},
      make("th", { scope: "row" }, network),
      ...cells.map((cell) => make("td", {}, String(cell))),
      ...numbers.map((number) => make("td", { class: "number" }, String(number))),
    ),
  );
  if (row.layers.length > 0) byId("layers").append(layersOf(row));
  byId("save").hidden = false;
}

/** The steps of a row, the slowest first, folded up. */
function layersOf(row: Row): HTMLElement {
  const { network, layers } = row;
  const all = layers.reduce((sum, { ms }) => sum + ms, 0);
  const slowest = [...layers].sort((a, b) => b.ms - a.ms);
  const lines = slowest.map(({ path, op, algorithm, ms: time, macs }) => {
    const numbers = [ms(time), percent(time / all), macs > 0 ? ((2 * macs) / time / 1e6).toFixed(1) : "-"];
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, path),
      make("td", {}, [op, algorithm].filter(Boolean).join(", ")),
      ...numbers.map((number) => make("td", { class: "number" }, number)),
    );
  });
  const heads = ["layer", "operator", "least", "share", "GFLOP/s"];
  const head = heads.map((name, i) => make("th", { scope: "col", class: i > 1 && "number" }, name));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...lines));
  const about = `${network}, ${nameOf(row)}: ${layers.length} steps, ${ms(all)} one by one`;
  return make("details", {}, make("summary", {}, about), make("div", { class: "wide" }, table));
}

/** One file: what was measured, where, and when. */
async function save(): Promise<void> {
  const info = (await navigator.gpu?.requestAdapter())?.info;
  const gpu = info && [info.vendor, info.architecture, info.description].filter(Boolean).join(" ");
  const { userAgent, hardwareConcurrency } = navigator;
  const machine = { userAgent, cores: hardwareConcurrency, isolated: crossOriginIsolated, gpu };
  const file = { format: "convzoo-bench-1", date: new Date().toISOString(), machine, rows: results, failed };
  const blob = new Blob([`${JSON.stringify(file, null, 2)}\n`], { type: "application/json" });
  const link = make("a", { href: URL.createObjectURL(blob), download: "convzoo-bench.json" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

startBench().catch(report);
