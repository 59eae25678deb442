/** How long a network takes on this machine. Its weights are random: time does not depend on what they say. */
import {
  type LoadOptions,
  load,
  type StepTiming,
  stateShapes,
  type Tensor,
  type ZooName,
  zoo,
} from "convzoo";
import type { PeerName } from "./peers.js";

/** On what a network runs. */
export interface Setup {
  /** "convzoo", or a peer's name. */
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
}

/** A row of the table and of the file. */
export interface Row extends Setup {
  readonly network: ZooName;
  /** Which of convzoo's builds ran, or the peer's version. */
  readonly core: string;
  readonly input: readonly number[];
  readonly macs: number;
  readonly runs: number;
  readonly bestMs: number;
  readonly medianMs: number;
  /** From the call to a model that runs, without any download. */
  readonly loadMs: number;
  /** Each step by itself; on a GPU by its own clock, where it has one. Peers tell none. */
  readonly layers: readonly StepTiming[];
  /** Of a peer: how far its scores are from ours on the CPU, as a share of the largest. */
  readonly difference?: number;
}

const WARMUPS = 3;
/** As many runs as fit, but for slow networks and fast ones. */
const TIME_MS = 1500;
const LEAST = 5;
const MOST = 60;
/** Runs of which each layer's least time is taken. */
const ROUNDS = 3;

/** A network that is loaded somewhere. */
interface Running {
  readonly device: string;
  readonly core: string;
  readonly threads: number;
  run(): Promise<Float32Array>;
  layers(): Promise<readonly StepTiming[]>;
  end(): void | Promise<void>;
}

/** One image at a time, from the call to its scores in the page. Rejects as `load` does, and with the signal's reason. */
export async function measure(network: ZooName, setup: Setup, signal: AbortSignal): Promise<Row> {
  const { input: sides, macs } = zoo[network];
  const random = uniform();
  const input = { shape: [1, ...sides], data: Float32Array.from({ length: product(sides) }, random) };
  const weights = randomWeights(network, random);
  const isPeer = setup.engine !== "convzoo";
  const right = isPeer ? await scores(network, weights, input, signal) : undefined;
  const start = performance.now();
  const running = await (isPeer ? startPeer : startOurs)(network, setup, weights, input, signal);
  const loadMs = performance.now() - start;
  try {
    let output = new Float32Array() as Float32Array;
    for (let i = 0; i < WARMUPS; i++) output = await running.run();
    const times: number[] = [];
    const begin = performance.now();
    while (times.length < LEAST || (times.length < MOST && performance.now() - begin < TIME_MS)) {
      signal.throwIfAborted();
      const before = performance.now();
      await running.run();
      times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    const layers = await running.layers();
    const [bestMs = 0] = times;
    const medianMs = times[times.length >> 1] ?? 0;
    const { core, device, threads } = running;
    const ran = { engine: setup.engine, device, core, threads, runs: times.length };
    const difference = right && largestDifference(output, right);
    return { network, ...ran, input: input.shape, macs, bestMs, medianMs, loadMs, layers, difference };
  } finally {
    await running.end();
  }
}

type Weights = ReadonlyMap<string, Tensor>;

async function startOurs(
  network: ZooName,
  { device, threads }: Setup,
  weights: Weights,
  input: Tensor,
  signal: AbortSignal,
): Promise<Running> {
  const model = await load(network, { weights, threads, device: device as LoadOptions["device"], signal });
  return {
    device: model.device,
    core: model.core,
    threads: model.threads,
    run: async () => (await model.run(input, { signal })).data as Float32Array,
    layers: () => model.profile(input, { rounds: ROUNDS }),
    end: () => model.dispose(),
  };
}

/** A peer, whose program comes from where the page is served, if that is the repository: see ../peers.ts. */
async function startPeer(
  network: ZooName,
  { engine, device, threads }: Setup,
  weights: Weights,
  input: Tensor,
): Promise<Running> {
  const address = new URL("peers/peers.js", document.baseURI).href;
  const program = (await import(/* @vite-ignore */ address).catch((cause) => {
    const message = "Other engines are there where the page is served from the repository: npm run page.";
    throw new Error(message, { cause });
  })) as typeof import("./peers.js");
  const peer = await program.startPeer(engine as PeerName, zoo[network].build(), weights, input);
  const run = () => peer.run();
  return { device, core: peer.version, threads, run, layers: async () => [], end: () => peer.end?.() };
}

/** What is right. */
async function scores(network: ZooName, weights: Weights, input: Tensor, signal: AbortSignal) {
  const model = await load(network, { weights, device: "wasm", signal });
  const { data } = await model.run(input, { signal });
  model.dispose();
  return data as Float32Array;
}

function largestDifference(found: Float32Array, right: Float32Array): number {
  let [most, largest] = [0, 0];
  right.forEach((value, i) => {
    most = Math.max(most, Math.abs(value - (found[i] ?? Number.NaN)));
    largest = Math.max(largest, Math.abs(value));
  });
  return most / largest;
}

/** From -1 to 1, the same on every machine. */
function uniform(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** Kaiming's bounds keep numbers in float32's normal range through all layers; what is below it would be slow. */
function randomWeights(network: ZooName, random: () => number): Map<string, Tensor> {
  const tensor = (key: string, shape: readonly number[]): Tensor => {
    const data = new Float32Array(product(shape));
    const fan = data.length / (shape[0] ?? 1);
    if (shape.length > 1 && fan > 1) {
      const limit = Math.sqrt(6 / fan);
      for (let i = 0; i < data.length; i++) data[i] = limit * random();
    } else if (!/(?:bias|mean)$/.test(key)) data.fill(1);
    return { shape, data };
  };
  const wanted = stateShapes(zoo[network].build());
  return new Map([...wanted].map(([key, { shape }]) => [key, tensor(key, shape)]));
}

const product = (sides: readonly number[]): number => sides.reduce((a, b) => a * b, 1);
