/**
 * What narrow weights cost and give: `node --import tsx bench/precision.ts [--real FOLDER] [--rounds N] [--models NAME,...]`, after a build, and with
 * `--device webgpu` what products in float16 do, on a GPU that has `shader-f16`, with Winograd's algorithms and without. For each
 * network and precision the largest change of an output against float32 weights, as a share of the largest output, the images
 * that keep their most probable class, and the time of a run. FOLDER has the real checkpoints and images (`../shared/real`);
 * the other networks have a golden's weights, which are random, on its input.
 */
import { existsSync, readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { median } from "../ts/src/cli/bench/times.js";
import type { Net } from "../ts/src/layers.js";
import type { LoadOptions } from "../ts/src/load.js";
import type { Tensor } from "../ts/src/tensor.js";
import { fillInput, readGolden, weightsOf, zooName } from "../ts/test/recipe.js";

const { values } = parseArgs({
  options: {
    real: { type: "string", default: "../shared/real" },
    rounds: { type: "string", default: "11" },
    device: { type: "string", default: "wasm" },
    models: { type: "string" },
  },
});
const name: string = "convzoo";
const { load, preprocess, transforms, zoo } = (await import(name)) as typeof import("../ts/src/node.js");

interface Case {
  readonly name: string;
  readonly net: Net;
  readonly weights: LoadOptions["weights"];
  readonly inputs: readonly Tensor[];
}

async function* cases(): AsyncGenerator<Case> {
  const images = join(values.real, "images");
  if (existsSync(images)) {
    const files = readdirSync(images).filter((file) => /\.(jpg|bmp)$/.test(file));
    const inputs = (options: Parameters<typeof preprocess>[1]) =>
      Promise.all(files.map((file) => preprocess(join(images, file), options)));
    const weights = (folder: string) => join(values.real, folder, `${folder}.safetensors`);
    yield {
      name: "squeezenet1_1",
      net: zoo.squeezenet1_1.build(),
      weights: weights("squeezenet1_1"),
      inputs: await inputs(transforms.torchvision()),
    };
    yield {
      name: "mobilenetv2_100 (TensorFlow's)",
      net: zoo.mobilenetv2_100.build({ padding: "same", eps: 1e-3 }),
      weights: weights("mobilenetv2_tf"),
      inputs: await inputs(transforms.inception({ resize: 256, crop: 224 })),
    };
  }
  for (const golden of ["alexnet", "googlenet", "resnet18", "densenet121", "efficientnet_b0"].map(
    readGolden,
  )) {
    const model = zooName(golden);
    const entry = zoo[model as keyof typeof zoo];
    const inputs = [fillInput(golden.input_shape, golden.input_seed)];
    yield { name: `${model} (random)`, net: entry.build(golden.options), weights: weightsOf(golden), inputs };
  }
}

const onCpu = async (net: Net, weights: LoadOptions["weights"]) => ({
  float32: await load(net, { weights, threads: 1 }),
  float16: await load(net, { weights, threads: 1, precision: "float16" }),
  int8: await load(net, { weights, threads: 1, precision: "int8" }),
});

async function onGpu(net: Net, weights: LoadOptions["weights"]) {
  const narrow = { weights, device: "webgpu", arithmetic: "float16" } as const;
  return {
    float32: await load(net, { weights, device: "webgpu" }),
    "float16 arithmetic": await load(net, narrow),
    "the same without Winograd": await load(net, { ...narrow, winograd: false }),
  };
}

const largest = (data: Float32Array): number => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const best = (data: Float32Array): number => data.indexOf(data.reduce((a, b) => Math.max(a, b)));

const rows: Record<string, string | number>[] = [];
for await (const { name, net, weights, inputs } of cases()) {
  if (values.models && !values.models.split(",").includes(name.split(" ")[0]!)) continue;
  const models = values.device === "webgpu" ? await onGpu(net, weights) : await onCpu(net, weights);
  type Name = keyof typeof models;
  const names = Object.keys(models) as Name[];
  const outputs = {} as Record<Name, Float32Array[]>;
  const times = Object.fromEntries(names.map((one) => [one, [] as number[]])) as Record<Name, number[]>;
  for (const one of names) {
    outputs[one] = [];
    for (const input of inputs) outputs[one].push((await models[one].run(input)).data);
  }
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const one of names) {
      const began = performance.now();
      await models[one].run(inputs[0]!);
      times[one].push(performance.now() - began);
    }
  }
  for (const one of names) {
    const wide = outputs.float32;
    const errors = outputs[one].map(
      (data, i) => largest(data.map((x, k) => x - wide[i]![k]!)) / largest(wide[i]!),
    );
    const kept = outputs[one].filter((data, i) => best(data) === best(wide[i]!)).length;
    rows.push({
      network: name,
      precision: one,
      "largest change": Math.max(...errors).toExponential(1),
      "top 1 kept": `${kept} of ${inputs.length}`,
      "weights MiB": ((await models[one].memory()).weights / 2 ** 20).toFixed(1),
      "time / float32": (median(times[one]) / median(times.float32)).toFixed(2),
    });
  }
  for (const one of names) models[one].dispose();
}
console.log(`${cpus()[0]?.model} x ${cpus().length}; Node ${process.version}`);
console.table(rows);
