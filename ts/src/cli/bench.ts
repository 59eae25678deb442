/** `convzoo bench`: how fast are the networks here? */
import type { StepTiming, Tuning } from "../backend/protocol.js";
import type { LoadOptions } from "../load.js";
import { stateShapes } from "../state.js";
import type { Tensor } from "../tensor.js";
import { findEntry, type ZooName } from "../zoo/index.js";
import type { ZooEntry } from "../zoo/row.js";
import { table } from "./format.js";
import type { Io } from "./io.js";

/** What `bench` was asked for. */
export interface BenchRequest {
  readonly models: readonly string[];
  readonly device: NonNullable<LoadOptions["device"]>;
  readonly threads?: number;
  /** How many runs are timed. */
  readonly runs: number;
  /** Whether to find the fastest algorithm of each convolution first. */
  readonly tune: boolean;
  /** Whether to time each layer too. */
  readonly profile: boolean;
  readonly json: boolean;
}

/** A network's result, as `--json` prints it. */
interface Result {
  readonly model: string;
  readonly input: readonly number[];
  readonly device: string;
  readonly core: string;
  readonly threads: number;
  /** From weights in memory to a model that can run; with `--tune`, the tuning too. */
  readonly loadMs: number;
  readonly firstMs: number;
  readonly medianMs: number;
  readonly bestMs: number;
  /** Of the network's definition, for one input. */
  readonly macs: number;
  /** Bytes. */
  readonly memory: { readonly weights: number; readonly maps: number };
  readonly tuning?: Tuning;
  readonly steps?: readonly StepTiming[];
}

/** Runs before the timed ones, the first not counted: engines compile what runs often once more, better. */
const WARMUPS = 8;

/** Times each network with random weights. Throws what `load` throws, and `unknown-model` before any network runs. */
export async function bench(asked: BenchRequest, io: Io): Promise<number> {
  const networks = asked.models.map((model) => ({ model, entry: findEntry(model) }));
  const results: Result[] = [];
  const status = (text: string) => io.stderr.isTTY && io.stderr.write(`\r\x1b[K${text}`);
  try {
    for (const { model, entry } of networks) {
      status(`timing ${model}`);
      results.push(await time(model, entry, asked, io));
    }
  } finally {
    status("");
  }
  io.stdout.write(asked.json ? `${JSON.stringify(results, null, 2)}\n` : report(results));
  return 0;
}

async function time(name: string, entry: ZooEntry, asked: BenchRequest, io: Io): Promise<Result> {
  const { device, threads, tune, runs } = asked;
  const random = uniform(1);
  const weights = randomWeights(entry, random);
  const input: Tensor = {
    shape: [1, ...entry.input],
    data: Float32Array.from({ length: product(entry.input) }, random),
  };
  const start = performance.now();
  const model = await io.load(name as ZooName, { weights, device, threads, tune });
  try {
    const loadMs = since(start);
    const run = async () => {
      const before = performance.now();
      await model.run(input);
      return since(before);
    };
    const firstMs = await run();
    for (let i = 0; i < WARMUPS; i++) await run();
    const ms: number[] = [];
    for (let i = 0; i < runs; i++) ms.push(await run());
    ms.sort((a, b) => a - b);
    return {
      model: name,
      input: input.shape,
      device: model.device,
      core: model.core,
      threads: model.threads,
      loadMs,
      firstMs,
      medianMs: (ms[(runs - 1) >> 1]! + ms[runs >> 1]!) / 2,
      bestMs: ms[0]!,
      macs: entry.macs,
      memory: await model.memory(),
      tuning: model.tuning,
      steps: asked.profile ? await model.profile(input) : undefined,
    };
  } finally {
    model.dispose();
  }
}

/** Milliseconds, to the microsecond. */
const since = (start: number): number => Math.round(1e3 * (performance.now() - start)) / 1e3;

/** The same numbers from -1 to 1 on every machine. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/**
 * Weights that keep the maps' magnitude through the layers, as Kaiming's initialisation does: numbers that are too small for
 * float32's normal range would be slow, and ones too large would end as infinity. Normalisations start as the identity.
 */
function randomWeights(entry: ZooEntry, random: () => number): Map<string, Tensor> {
  const tensor = (key: string, shape: readonly number[]): Tensor => {
    const data = new Float32Array(product(shape));
    const depth = data.length / shape[0]!;
    if (shape.length > 1 && depth > 1) {
      const limit = Math.sqrt(6 / depth);
      return { shape, data: data.map(() => limit * random()) };
    }
    return { shape, data: /(?:bias|mean)$/.test(key) ? data : data.fill(1) };
  };
  return new Map([...stateShapes(entry.build())].map(([key, { shape }]) => [key, tensor(key, shape)]));
}

const HEAD = [
  ...["model", "core", "threads", "load ms", "first ms", "median ms", "best ms"],
  ...["GMAC", "GFLOPS", "weights MiB", "maps MiB"],
];
const NUMBERS = HEAD.map((_, column) => column > 1);
const NOTES = `
GFLOPS: 2 x GMAC / median, by the network's definition; Winograd's algorithms compute less and so can pass the machine's peak.
`;

function report(results: readonly Result[]): string {
  const rows = results.map(({ model, core, threads, memory, macs, medianMs, ...ms }) => [
    model,
    core,
    String(threads),
    ms.loadMs.toFixed(0),
    ms.firstMs.toFixed(1),
    medianMs.toFixed(2),
    ms.bestMs.toFixed(2),
    (macs / 1e9).toFixed(2),
    gflops(macs, medianMs),
    (memory.weights / 2 ** 20).toFixed(1),
    (memory.maps / 2 ** 20).toFixed(1),
  ]);
  const profiles = results.map(({ model, steps }) => (steps ? `${profile(model, steps)}\n` : ""));
  return profiles.join("") + table([HEAD, ...rows], NUMBERS) + NOTES;
}

const LAYER_HEAD = ["layer", "op", "algorithm", "output", "ms", "share", "GFLOPS", "computed", "GB/s"];
const LAYER_NUMBERS = LAYER_HEAD.map((_, column) => column > 3);

/** The layers of a network in the order of a run, and their sum. */
function profile(model: string, steps: readonly StepTiming[]): string {
  const total = steps.reduce((sum, { ms }) => sum + ms, 0);
  const rows = layers(steps).map(({ path, op, algorithm, shape, ms, macs, products, bytes }) => [
    path || "-",
    op,
    algorithm || "-",
    shape.join("x"),
    ms.toFixed(3),
    `${((100 * ms) / total).toFixed(1)}%`,
    macs ? gflops(macs, ms) : "-",
    products ? gflops(products, ms) : "-",
    (bytes / ms / 1e6).toFixed(1),
  ]);
  const sum = ["total", "", "", "", total.toFixed(3)];
  const note =
    "GFLOPS: by the layer's definition; computed: by what its algorithm multiplies, without transforms.";
  return `${model}, layer by layer:\n\n${table([LAYER_HEAD, ...rows, sum], LAYER_NUMBERS)}\n${note}\n`;
}

/** The steps of a layer as one: an algorithm of two stages is two steps, with steps of other branches between them. */
function layers(steps: readonly StepTiming[]): StepTiming[] {
  const all = new Map<string, StepTiming>();
  for (const step of steps) {
    const key = `${step.path} ${step.op}`;
    const first = all.get(key);
    all.set(
      key,
      !first
        ? step
        : {
            ...first,
            ms: first.ms + step.ms,
            macs: first.macs + step.macs,
            products: first.products + step.products,
            bytes: first.bytes + step.bytes,
          },
    );
  }
  return [...all.values()];
}

/** A multiply-add is two operations. */
const gflops = (macs: number, ms: number): string => ((2 * macs) / ms / 1e6).toFixed(1);
const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
