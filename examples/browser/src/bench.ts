/** The bench page: which networks, on what, and a table that fills. */
import { capabilities, type ZooName, zoo } from "convzoo";
import { byId, make } from "./dom.js";
import { measure, type Row } from "./measure.js";
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

const results: Row[] = [];
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
  const setups = [...new Set([1, can.threads])].map((threads) => ({ device: "wasm", threads }));
  if (can.device !== "wasm") setups.push({ device: can.device, threads: 1 });
  byId("setups").append(
    ...setups.map(({ device, threads }) => {
      const data = { type: "checkbox", "data-device": device, "data-threads": threads, checked: true };
      return make("label", {}, make("input", data), nameOf(device, threads));
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

const nameOf = (device: string, threads: number): string =>
  device === "wasm" ? `${device}, ${threads} ${threads === 1 ? "thread" : "threads"}` : device;

async function run(): Promise<void> {
  const checked = (id: string) => [...byId(id).querySelectorAll<HTMLInputElement>("input:checked")];
  const names = checked("networks").map(({ name }) => name as ZooName);
  const setups = checked("setups").map(({ dataset }) => ({
    device: String(dataset.device),
    threads: Number(dataset.threads),
  }));
  running = new AbortController();
  byId("start").textContent = "Stop";
  const status = byId("status");
  try {
    for (const name of names) {
      for (const setup of setups) {
        status.textContent = `${name} on ${nameOf(setup.device, setup.threads)}`;
        const row = await measure(name, setup, running.signal);
        results.push(row);
        show(row);
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

function show(row: Row): void {
  const { network, engine, device, core, threads, bestMs, medianMs, runs, loadMs, macs } = row;
  const rate = (2 * macs) / bestMs / 1e6;
  const numbers = [ms(bestMs), ms(medianMs), runs, rate.toFixed(1), ms(loadMs)];
  const cells = [engine, device === "wasm" ? core : device, threads];
  byId("rows").append(
    make(
      "tr",
      {},
      make("th", { scope: "row" }, network),
      ...cells.map((cell) => make("td", {}, String(cell))),
      ...numbers.map((number) => make("td", { class: "number" }, String(number))),
    ),
  );
  byId("layers").append(layersOf(row));
  byId("save").hidden = false;
}

/** The steps of a row, the slowest first, folded up. */
function layersOf({ network, device, threads, layers }: Row): HTMLElement {
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
  const about = `${network}, ${nameOf(device, threads)}: ${layers.length} steps, ${ms(all)} one by one`;
  return make("details", {}, make("summary", {}, about), make("div", { class: "wide" }, table));
}

/** One file: what was measured, where, and when. */
async function save(): Promise<void> {
  const info = (await navigator.gpu?.requestAdapter())?.info;
  const gpu = info && [info.vendor, info.architecture, info.description].filter(Boolean).join(" ");
  const { userAgent, hardwareConcurrency } = navigator;
  const machine = { userAgent, cores: hardwareConcurrency, isolated: crossOriginIsolated, gpu };
  const file = { format: "convzoo-bench-1", date: new Date().toISOString(), machine, rows: results };
  const blob = new Blob([`${JSON.stringify(file, null, 2)}\n`], { type: "application/json" });
  const link = make("a", { href: URL.createObjectURL(blob), download: "convzoo-bench.json" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

startBench().catch(report);
