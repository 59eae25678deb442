/** From a model's lines in the configuration to a model that runs. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ConvzooError } from "../errors.js";
import type { Net } from "../layers.js";
import type { LoadOptions } from "../load.js";
import type { Model } from "../model.js";
import { findEntry, type ZooName } from "../zoo/index.js";
import type { ModelConfig } from "./config.js";
import type { Library } from "./library.js";

/** A model, the input that its network is made for, [C, H, W], and the shape of what it gives for that. */
export interface Opened {
  readonly model: Model;
  readonly input: readonly [number, number, number];
  readonly output: readonly number[];
}

/** Files are looked for from the folder of the configuration `file`. Throws what `load` and `fromOnnx` throw. */
export async function openModel(
  config: ModelConfig,
  file: string | undefined,
  library: Library,
  signal: AbortSignal,
): Promise<Opened> {
  const base = file === undefined ? "." : dirname(file);
  const options = await loadOptions(config, base, signal);
  if (config.onnx !== undefined) {
    const { net, weights } = await library.fromOnnx(resolve(base, config.onnx), { signal });
    const model = await library.load(net, { ...options, weights });
    return warmed(model, inputOf(net) ?? [net.inChannels, 224, 224], signal);
  }
  // Throws `unknown-model` with the names that are near.
  const entry = findEntry(config.model!);
  const net =
    config.options === undefined ? (config.model as ZooName) : entry.build(config.options as object);
  const model = await library.load(net, options);
  const [, rows, columns] = entry.input;
  return warmed(model, [model.net.inChannels, rows, columns], signal);
}

/** A first run, which compiles what no request should wait for, and shows that the model works. */
async function warmed(model: Model, input: Opened["input"], signal: AbortSignal): Promise<Opened> {
  try {
    const data = new Float32Array(input[0] * input[1] * input[2]);
    const { shape } = await model.run({ shape: [1, ...input], data }, { signal });
    return { model, input, output: shape.slice(1) };
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** Of a network that is fully convolutional, what it was made for. */
const inputOf = (net: Net): Opened["input"] | undefined => net.dense?.input as Opened["input"] | undefined;

async function loadOptions(config: ModelConfig, base: string, signal: AbortSignal): Promise<LoadOptions> {
  const { weights, select, threads, precision, winograd, preprocess, labels } = config;
  const given = {
    weights: weights === undefined ? undefined : weightsFrom(weights, base),
    select,
    threads,
    precision,
    winograd,
    preprocess: preprocess as LoadOptions["preprocess"],
    labels: labels === undefined ? undefined : await linesOf(resolve(base, labels)),
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(set), signal };
}

/** The name of a checkpoint and a URL as they are; a path, which has an ending, from the folder. */
function weightsFrom(weights: string, base: string): string {
  const isPath = !/^https?:/i.test(weights) && /[./\\]/.test(weights);
  return isPath ? resolve(base, weights) : weights;
}

async function linesOf(path: string): Promise<readonly string[]> {
  const content = await readFile(path, "utf8").catch((cause) => {
    throw new ConvzooError("not-found", `The labels ${path} cannot be read: ${cause.message}.`, { cause });
  });
  return content.trimEnd().split(/\r?\n/);
}
