/**
 * Several builds of the package in turns, step by step, in this Node: what a change of a kernel does to each layer, free of a
 * machine's drift. Options: README.md beside this.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { StepTiming } from "../ts/src/backend/protocol.js";
import { median } from "../ts/src/cli/bench/times.js";
import type { Model } from "../ts/src/model.js";
import type { Tensor } from "../ts/src/tensor.js";
import type { ZooName } from "../ts/src/zoo/index.js";
import { makeCase } from "./case.js";

const { values, positionals: builds } = parseArgs({
  allowPositionals: true,
  options: {
    models: { type: "string", default: "mobilenet_v2" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "30" },
    all: { type: "boolean", default: false },
  },
});
if (!builds.length)
  throw new Error(
    "name the folders of one or more builds (dist, copies of it): the first is what others are held against",
  );
const rounds = Number(values.rounds);

/** A build on a network: what each run took, and each step at the least. */
interface Built {
  readonly build: string;
  readonly runs: number[];
  readonly steps: number[];
  known: readonly StepTiming[];
  answer: Buffer;
}

async function open(build: string, name: ZooName, weights: Uint8Array<ArrayBuffer>): Promise<Model> {
  const entry = pathToFileURL(`${build}/node.js`).href;
  const { load, zoo } = (await import(entry)) as typeof import("../ts/src/node.js");
  return load(zoo[name].build(), { weights, threads: Number(values.threads) });
}

/** One turn: a run that warms, three that are timed, and two step by step. */
async function turn(model: Model, { runs, steps }: Built, x: Tensor): Promise<void> {
  await model.run(x);
  for (let i = 0; i < 3; i++) {
    const before = performance.now();
    await model.run(x);
    runs.push(performance.now() - before);
  }
  for (const [i, { ms }] of (await model.profile(x, { rounds: 2 })).entries())
    steps[i] = Math.min(ms, steps[i] ?? Number.POSITIVE_INFINITY);
}

async function compare(name: ZooName): Promise<void> {
  const { folder, input } = makeCase(name, new Set(["model.safetensors"]));
  const weights = new Uint8Array(readFileSync(new URL("model.safetensors", folder)));
  const x = {
    shape: input,
    data: new Float32Array(new Uint8Array(readFileSync(new URL("input.bin", folder))).buffer),
  };
  const all = builds.map(
    (build): Built => ({ build, runs: [], steps: [], known: [], answer: Buffer.alloc(0) }),
  );
  // Twice, in either order: what is loaded first can lie in slower memory, by a fifth where weights are what is read.
  for (const order of [all, [...all].reverse()]) {
    const models: Model[] = [];
    for (const { build } of order) models.push(await open(build, name, weights));
    for (const [i, one] of order.entries()) {
      one.known = await models[i]!.profile(x, { rounds: 1 });
      one.answer = Buffer.from((await models[i]!.run(x)).data.slice().buffer);
    }
    for (let round = 0; round < rounds / 2; round++)
      for (let i = 0; i < order.length; i++) {
        const at = (i + round) % order.length;
        await turn(models[at]!, order[at]!, x);
      }
    for (const model of models) model.dispose();
  }
  print(name, all);
}

function print(name: string, all: readonly Built[]): void {
  const row = (ms: readonly number[]): string => {
    const ratios = ms.slice(1).map((other) => (other / ms[0]!).toFixed(3));
    return [...ms.map((one) => one.toFixed(3)), ...ratios].map((text) => text.padStart(8)).join("");
  };
  const alike = all.every(({ steps }) => steps.length === all[0]!.steps.length);
  if (values.all && !alike) console.log("the builds plan other steps, so these are not told one by one");
  if (values.all && alike)
    for (const [i, { path, op, algorithm, shape, products }] of all[0]!.known.entries()) {
      const ms = all.map(({ steps }) => steps[i]!);
      const gflops = ((2 * products) / ms[0]! / 1e6).toFixed(1).padStart(6);
      console.log(`${row(ms)} ${gflops}  ${path} ${op} ${algorithm} ${shape.join("x")}`);
    }
  console.log(`${row(all.map(({ steps }) => steps.reduce((a, b) => a + b)))}  ${name}: the steps' sum`);
  console.log(`${row(all.map(({ runs }) => median(runs)))}  a run, median`);
  console.log(`${row(all.map(({ runs }) => Math.min(...runs)))}  a run, least`);
  if (all.some(({ answer }) => !answer.equals(all[0]!.answer))) console.log("their answers differ");
}

for (const name of values.models.split(",")) await compare(name as ZooName);
