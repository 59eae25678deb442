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

/** A row of the table and of the file; other engines' rows would look the same. */
export interface Row {
  readonly network: ZooName;
  readonly engine: "convzoo";
  readonly device: string;
  readonly core: string;
  readonly threads: number;
  readonly input: readonly number[];
  readonly macs: number;
  readonly runs: number;
  readonly bestMs: number;
  readonly medianMs: number;
  /** From the call to a model that runs, without any download. */
  readonly loadMs: number;
  /** Each step by itself; on a GPU by its own clock, where it has one. */
  readonly layers: readonly StepTiming[];
}

const WARMUPS = 3;
/** As many runs as fit, but for slow networks and fast ones. */
const TIME_MS = 1500;
const LEAST = 5;
const MOST = 60;
/** Runs of which each layer's least time is taken. */
const ROUNDS = 3;

/** One image at a time, from the call to its scores in the page. Rejects as `load` does, and with the signal's reason. */
export async function measure(
  network: ZooName,
  { device, threads }: { readonly device: string; readonly threads: number },
  signal: AbortSignal,
): Promise<Row> {
  const { input: sides, macs } = zoo[network];
  const random = uniform();
  const input = { shape: [1, ...sides], data: Float32Array.from({ length: product(sides) }, random) };
  const weights = randomWeights(network, random);
  const start = performance.now();
  const model = await load(network, { weights, threads, device: device as LoadOptions["device"], signal });
  const loadMs = performance.now() - start;
  try {
    for (let i = 0; i < WARMUPS; i++) await model.run(input, { signal });
    const times: number[] = [];
    const begin = performance.now();
    while (times.length < LEAST || (times.length < MOST && performance.now() - begin < TIME_MS)) {
      const before = performance.now();
      await model.run(input, { signal });
      times.push(performance.now() - before);
    }
    times.sort((a, b) => a - b);
    const layers = await model.profile(input, { rounds: ROUNDS });
    const [bestMs = 0] = times;
    const medianMs = times[times.length >> 1] ?? 0;
    const { core } = model;
    const ran = { device: model.device, core, threads: model.threads, runs: times.length };
    return { network, engine: "convzoo", ...ran, input: input.shape, macs, bestMs, medianMs, loadMs, layers };
  } finally {
    model.dispose();
  }
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
