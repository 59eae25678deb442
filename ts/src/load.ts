/** From a network and its weights to a model that runs. */

import { startHost } from "./backend/host.js";
import { coreModule, wasmModule } from "./backend/module.js";
import type { Tuning } from "./backend/protocol.js";
import { send } from "./backend/send.js";
import { ConvzooError } from "./errors.js";
import { lower } from "./graph.js";
import { imageMessage } from "./image/input.js";
import type { PreprocessOptions } from "./image/preprocess.js";
import { labelsOf } from "./labels/index.js";
import type { Net } from "./layers.js";
import { Model } from "./model.js";
import type { Flavour, Platform, WasmSource } from "./platform.js";
import { parameterCount, stateShapes } from "./state.js";
import {
  type GivenWeights,
  loadWeights,
  resolveWeights,
  type WeightSource,
  type WeightTensor,
} from "./weights/index.js";
import { findEntry, type ZooName, zoo } from "./zoo/index.js";
import type { Checkpoint, ZooEntry } from "./zoo/row.js";

/** How far {@link load} is: bytes of the checkpoint, then layers whose weights are packed. */
export interface Progress {
  readonly phase: "download" | "pack";
  readonly loaded: number;
  readonly total?: number;
}

/** Options of `load`. */
export interface LoadOptions {
  /**
   * What `loadWeights` takes, what it gives, a Map or object from key to `{ shape, data }`, or the name of a checkpoint that
   * the zoo registers for the network. By default the first of those.
   */
  readonly weights?: WeightSource | GivenWeights;
  /** Where to compute; `"auto"` and `"wasm"` are the CPU. */
  readonly device?: "auto" | "wasm";
  /** Threads that compute, where the runtime has threads; by default as many as the machine has cores. */
  readonly threads?: number;
  /** The core's build, instead of the fastest that runs here (for tests and benchmarks). */
  readonly core?: Flavour;
  /** The core's .wasm, instead of the package's own file; it says itself which build it is. */
  readonly wasm?: WasmSource;
  /** How images are prepared; by default as the checkpoint, or else the zoo's entry, says. */
  readonly preprocess?: PreprocessOptions;
  /** Names of the classes; by default the checkpoint's, or ImageNet's for 1000 classes. */
  readonly labels?: readonly string[];
  /**
   * Whether convolutions may be computed by Winograd's algorithms, which are faster and round a little more (within the
   * same tolerance); true by default.
   */
  readonly winograd?: boolean;
  /**
   * `true` measures, for a second or so, which algorithm is the fastest here for each convolution; what it finds is the
   * model's `tuning`, plain data that can be kept as JSON and given here in place of `true` on machines of the same kind.
   */
  readonly tune?: boolean | Tuning;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** ImageNet's statistics, which nearly every network of the zoo was trained with. */
const IMAGENET: PreprocessOptions = {
  resize: 256,
  crop: 224,
  interpolation: "bilinear",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

export async function load(
  platform: Platform,
  what: Net | ZooName,
  options: LoadOptions = {},
): Promise<Model> {
  const { signal, device = "auto", tune = false, onProgress } = options;
  signal?.throwIfAborted();
  if (device !== "auto" && device !== "wasm") {
    throw new ConvzooError("bad-option", `device is "auto" or "wasm", not ${JSON.stringify(device)}.`);
  }
  if (tune === null || (typeof tune !== "boolean" && typeof tune !== "object")) {
    throw new ConvzooError("bad-option", "tune is true, false, or what a tuned model has as its tuning.");
  }
  const entry = typeof what === "string" ? findEntry(what) : undefined;
  const net = entry ? entry.build() : (what as Net);
  if (net?.op !== "module" || net.inChannels === undefined) {
    throw new ConvzooError("bad-option", "load takes a name of the zoo or a net, as alexnet() gives it.");
  }
  const graph = lower(net);
  const source = sourceOf(net, entry, options.weights);
  // The core compiles while the weights are on their way.
  const [{ module, core, threads, shared }, weights] = await Promise.all([
    coreModule(platform, options, signal),
    given(platform, source.weights, stateShapes(net), signal, onProgress),
  ]);
  const channel = platform.spawn?.() ?? platform.inPlace?.();
  if (!channel) throw new ConvzooError("unsupported", "This runtime has no place for the core to run in.");
  const host = await startHost(channel, { module, threads, shared }, signal);
  let tuning: Tuning | undefined;
  try {
    const [, rows, columns] = net.dense?.input ?? (entry ?? entryOf(net))?.input ?? [3, 224, 224];
    tuning = await send(host, graph, weights, { ...options, core, size: [rows, columns] });
  } catch (error) {
    host.dispose();
    throw error;
  }
  const { checkpoint } = source;
  return new Model({
    net,
    graph,
    host,
    core,
    threads,
    tuning,
    preprocess: () => options.preprocess ?? checkpoint?.preprocess ?? defaultPreprocess(net, entry),
    labels: async (classes) =>
      options.labels ??
      (checkpoint ? labelsOf(checkpoint.labels) : classes === 1000 ? labelsOf("imagenet1k") : undefined),
    image: (image, signal) => imageMessage(image, platform, (name) => wasmModule(platform, name), signal),
  });
}

/** Where the weights come from: as given, or the registered checkpoint of that name. */
function sourceOf(
  net: Net,
  entry: ZooEntry | undefined,
  weights: LoadOptions["weights"],
): { weights: WeightSource | GivenWeights; checkpoint?: Checkpoint } {
  // A word without a dot or a slash is a checkpoint's name; everything else is a path or URL.
  const isName = typeof weights === "string" && /^\w+$/.test(weights);
  if (weights !== undefined && !isName) return { weights };
  const row = entry ?? entryOf(net);
  const names = Object.keys(row?.weights ?? {});
  const name = weights ?? names[0];
  if (row && name !== undefined && Object.hasOwn(row.weights, name as string)) {
    const checkpoint = row.weights[name as string]!;
    return { weights: checkpoint.url(), checkpoint };
  }
  const known = names.length > 0 ? `; it has ${names.join(", ")}` : "";
  const wanted =
    weights === undefined
      ? "no checkpoint that comes with the package"
      : `no checkpoint "${String(weights)}"`;
  const advice = "Pass one you have: load(net, { weights: path, URL or bytes })";
  throw new ConvzooError("unknown-weights", `This network has ${wanted}${known}. ${advice}.`);
}

/** The row of the table that builds this very net, or that which it was made of; known by its print and its keys. */
function entryOf(given: Net): ZooEntry | undefined {
  const net = given.dense?.of ?? given;
  const [params, text] = [parameterCount(net), String(net)];
  const entries = Object.values(zoo as Record<string, ZooEntry>);
  return entries.find((entry) => entry.params === params && String(entry.build()) === text);
}

function defaultPreprocess(net: Net, entry: ZooEntry | undefined): PreprocessOptions {
  const row = entry ?? entryOf(net);
  const registered = Object.values(row?.weights ?? {})[0]?.preprocess;
  if (registered) return registered;
  if (row) return row.preprocess;
  if (net.inChannels === 3) return IMAGENET;
  const message = `How are images prepared for a network of ${net.inChannels} channels? Pass preprocess to load.`;
  throw new ConvzooError("bad-option", message);
}

async function given(
  platform: Platform,
  weights: WeightSource | GivenWeights,
  shapes: ReturnType<typeof stateShapes>,
  signal?: AbortSignal,
  onProgress?: (progress: Progress) => void,
): Promise<Map<string, WeightTensor>> {
  if (isGiven(weights)) return resolveWeights(shapes, weights);
  const loaded = await loadWeights(weights, { platform, signal, onProgress });
  return resolveWeights(
    shapes,
    loaded,
    typeof weights === "string" || weights instanceof URL ? String(weights) : undefined,
  );
}

/** Whether these are weights already, not a place to read them from. */
function isGiven(weights: WeightSource | GivenWeights): weights is GivenWeights {
  if (typeof weights !== "object" || weights === null || ArrayBuffer.isView(weights)) return false;
  const tag = Object.prototype.toString.call(weights).slice("[object ".length, -1);
  return !["URL", "Blob", "File", "Response", "ReadableStream", "ArrayBuffer", "SharedArrayBuffer"].includes(
    tag,
  );
}
