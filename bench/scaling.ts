/**
 * What a second thread and a batch of eight images bring: each network on one thread and on two, one image and eight, in turns in
 * this Node. `node --import tsx bench/scaling.ts [--models NAME,...] [--rounds N] [--save]`, after a build; README.md beside this.
 */

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { median } from "../ts/src/cli/bench/times.js";
import type { ZooName } from "../ts/src/zoo/index.js";
import { type Case, makeCase } from "./case.js";
import { aboutRun, keep } from "./machine.js";

const { values } = parseArgs({
  options: {
    models: {
      type: "string",
      default:
        "vgg19,resnet50,densenet121,resnet18,googlenet,efficientnet_b0,alexnet,mobilenet_v2,squeezenet1_1",
    },
    rounds: { type: "string", default: "12" },
    save: { type: "boolean", default: false },
  },
});
const name: string = "convzoo";
const { load, zoo } = (await import(name)) as typeof import("../ts/src/node.js");

const BATCH = 8;
/** Runs that are timed in a round. */
const RUNS = 3;
/** Milliseconds of runs before them: a thread that has slept shares a core with another for some runs, until the system moves it. */
const WARM = 100;
/** An answer further from PyTorch's than this, as a share of its largest number, voids the row. */
const TOLERANCE = 1e-5;

/** One network, loaded on one thread and on two; its four ways to run, and the milliseconds of each, a list a round. */
async function measure(network: ZooName): Promise<object> {
  const made = makeCase(network, new Set(["model.safetensors"]));
  const weights = new Uint8Array(readFileSync(new URL("model.safetensors", made.folder)));
  const pixels = new Float32Array(new Uint8Array(readFileSync(new URL("input.bin", made.folder))).buffer);
  const eight = new Float32Array(BATCH * pixels.length);
  for (let i = 0; i < BATCH; i++) eight.set(pixels, i * pixels.length);
  const inputs = [
    { shape: made.input, data: pixels },
    { shape: [BATCH, ...made.input.slice(1)], data: eight },
  ];
  const models = [
    await load(zoo[network].build(), { weights, threads: 1 }),
    await load(zoo[network].build(), { weights, threads: 2 }),
  ];
  const ways = models.flatMap((model) => inputs.map((x) => ({ model, x, rounds: [] as number[][] })));
  let difference = 0;
  for (const { model, x } of ways)
    difference = Math.max(difference, worst(made, (await model.run(x)).data, x.shape[0]!));
  for (let round = 0; round < Number(values.rounds); round++)
    for (let i = 0; i < ways.length; i++) {
      const { model, x, rounds } = ways[(i + round) % ways.length]!;
      const start = performance.now();
      do await model.run(x);
      while (performance.now() - start < WARM);
      const ms: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        const before = performance.now();
        await model.run(x);
        ms.push(performance.now() - before);
      }
      rounds.push(ms);
    }
  const cores = models.map(({ core, threads }) => `${core}, ${threads} threads`);
  for (const model of models) model.dispose();
  const wrong = !(difference <= TOLERANCE);
  return row(
    network,
    wrong,
    ways.map(({ rounds }) => rounds),
    cores.join("; "),
  );
}

/** The largest difference from PyTorch's answer of `count` answers. */
function worst(made: Case, data: Float32Array, count: number): number {
  const size = data.length / count;
  const each = Array.from({ length: count }, (_, i) => [...data.subarray(i * size, (i + 1) * size)]);
  return Math.max(...each.map(made.difference));
}

function row(model: string, wrong: boolean, ways: readonly number[][][], how: string): object {
  const shown = (value: number, digits: number) => (wrong ? "void" : Number(value.toFixed(digits)));
  const [one, oneOfEight, two, twoOfEight] = ways as [number[][], number[][], number[][], number[][]];
  const ms = (rounds: readonly number[][]) => shown(median(rounds.flat()), 2);
  /** A machine's speed drifts, so what counts is the ratio within a round. */
  const ratio = (over: readonly number[][], under: readonly number[][], scale: number) =>
    shown(median(over.map((times, i) => median(times) / median(under[i]!))) * scale, 2);
  return {
    model,
    "one thread, ms": ms(one),
    "two threads, ms": ms(two),
    "eight on one thread, ms": ms(oneOfEight),
    "eight on two threads, ms": ms(twoOfEight),
    "two threads: times as fast": ratio(one, two, 1),
    "an image of eight against one alone, one thread": ratio(oneOfEight, one, 1 / BATCH),
    "an image of eight against one alone, two threads": ratio(twoOfEight, two, 1 / BATCH),
    how,
  };
}

const about = aboutRun(`Node ${process.version}, ${values.rounds} rounds of ${RUNS} runs`);
console.log(about);
const rows: object[] = [];
for (const network of values.models.split(",")) {
  rows.push(await measure(network as ZooName));
  console.log(rows.at(-1));
}
console.table(rows);
if (values.save) keep("scaling", about, { rows });
