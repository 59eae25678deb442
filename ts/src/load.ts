/** From a network and its weights to a model that runs. */

import { type Capabilities, cpuCapabilities } from "./backend/flavour.js";
import { CoreHost, type Host, type Place, startHost } from "./backend/host.js";
import { buildName, coreModule, wasmModule } from "./backend/module.js";
import { hasWorkers, placesFor } from "./backend/place.js";
import type { Tuning } from "./backend/protocol.js";
import { send } from "./backend/send.js";
import type { Kit } from "./backend/webgpu/index.js";
import { oneOf } from "./check.js";
import { chooseWeights, entryOf, type OpenWeights, openWeights } from "./checkpoint.js";
import { ConvzooError } from "./errors.js";
import { type Graph, lower } from "./graph.js";
import { imageMessage } from "./image/input.js";
import type { PreprocessOptions } from "./image/preprocess.js";
import { labelsOf } from "./labels/index.js";
import type { Net } from "./layers.js";
import { Model } from "./model.js";
import type { Decoders, Flavour, Platform, WasmSource } from "./platform.js";
import { stateShapes, weightKeys } from "./state.js";
import type { GpuSteps } from "./summarize.js";
import { torchvision } from "./transforms.js";
import type { GivenWeights, MatchOptions, WeightSource } from "./weights/index.js";
import { findEntry, type ZooName } from "./zoo/index.js";
import type { ZooEntry } from "./zoo/row.js";

/** How far {@link load} is: bytes of the checkpoint, layers whose weights are packed, and on a GPU shaders that are compiled. */
export interface Progress {
  readonly phase: "download" | "pack" | "compile";
  readonly loaded: number;
  readonly total?: number;
}

/** What {@link LoadOptions.onDeviceLost} is told. */
export interface DeviceLost {
  /** The browser's words, such as "unknown" or "destroyed", and more of them if it has more. */
  readonly reason: string;
  readonly message: string;
  /** Where the model runs now; undefined where it runs no more. */
  readonly device: Place["device"] | undefined;
}

/** How the weights of convolutions and linear layers are kept. */
export type Precision = (typeof PRECISIONS)[number];
const PRECISIONS = ["float32", "float16", "int8"] as const;

/** Options of `load`. */
export interface LoadOptions extends MatchOptions {
  /**
   * What `loadWeights` takes, what it gives, a Map or object from key to `{ shape, data }`, or the name of a checkpoint that
   * the zoo registers for the network (`"default"`: torchvision's default), which comes with the package or is downloaded
   * once, checked by its hash and kept. By default the first of those.
   */
  readonly weights?: WeightSource | GivenWeights;
  /** Of a PyTorch checkpoint that holds several sets of weights, the one to take, such as "ema": see `loadWeights`. */
  readonly select?: string;
  /**
   * Where to compute: `"wasm"` is the CPU, `"webgpu"` the GPU, which is refused with `unsupported` where there is none. `"auto"`,
   * the default, is the GPU where `capabilities()` says so and the network is large enough to gain (half a billion
   * multiply-adds), else the CPU; also for who passes `core` or `wasm`, which are the CPU's.
   */
  readonly device?: "auto" | "wasm" | "webgpu";
  /**
   * A GPUDevice of your own to compute on, instead of the one that models share; buffers and textures of it are then inputs
   * (see `run`). It is not destroyed with the model.
   */
  readonly gpu?: GPUDevice;
  /**
   * Whether the network is put on another device, or in the end on the CPU, where its GPU is lost, which it may be at any
   * time: true by default, for weights that can be read again (a stream cannot). What is under way is run again there. Without, or
   * where the device is your own, calls reject with `device-lost`.
   */
  readonly recover?: boolean;
  /** Called when a GPU was lost and it is known where the model runs now. */
  readonly onDeviceLost?: (event: DeviceLost) => void;
  /** Threads that compute, where the runtime has threads; by default as many as the machine has cores. */
  readonly threads?: number;
  /** The core's build, instead of the fastest that runs here (for tests and benchmarks). */
  readonly core?: Flavour;
  /** The core's .wasm, instead of the package's own file; it says itself which build it is. */
  readonly wasm?: WasmSource;
  /** The image decoders' modules, where the runtime cannot read the package's own files. */
  readonly decoders?: Decoders;
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
   * `true` measures, for a second or so, which algorithm is the fastest here for each convolution, and on a GPU how products
   * (linear layers' too) are cut into workgroups; what it finds is the model's `tuning`, plain data that can be kept as JSON and
   * given here in place of `true` on machines of the same kind. The CPU and the GPU each know their own entries and pass over
   * the other's, so one tuning can hold both.
   */
  readonly tune?: boolean | Tuning;
  /**
   * How the core keeps the weights of convolutions and linear layers; it computes in float32 whatever they are kept as.
   *
   * - `"float32"`: as they are.
   * - `"float16"`: rounded to IEEE's half precision (not at all where the checkpoint is float16), in half the memory. A weight
   *   beyond 65504 is refused with `bad-weights`.
   * - `"int8"`: each output's weights rounded to 255 steps between minus and plus the largest of them, in a quarter.
   *
   * With the last two no convolution is computed by Winograd's algorithms, whose weights take up to four times the memory, so
   * networks of 3 x 3 convolutions run slower. Convolutions of narrow groups (depthwise ones too), or of 3 x 3 pixels that
   * read an image, have few weights and keep them in float32, as do biases and norms.
   *
   * By default weights are kept in float32, but those of linear layers that a checkpoint has in float16 stay so: reading
   * half as much is faster, and the results are the same to the last bit.
   */
  readonly precision?: Precision;
  /**
   * What a GPU multiplies in: `"float32"`, the default, or `"float16"`, which takes `device: "webgpu"` and a GPU that has
   * `shader-f16`; without these it is refused with `bad-option` and `unsupported`. Weights of convolutions and linear layers are
   * then kept in float16, and most convolutions' products are computed in it and summed in float32: see the guide on the GPU.
   */
  readonly arithmetic?: "float32" | "float16";
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export async function load(
  platform: Platform,
  what: Net | ZooName,
  options: LoadOptions = {},
): Promise<Model> {
  const { signal, tune = false } = options;
  signal?.throwIfAborted();
  await platform.mayImport?.();
  checkDevice(options);
  if (tune === null || (typeof tune !== "boolean" && typeof tune !== "object")) {
    throw new ConvzooError("bad-option", "tune is true, false, or the tuning of a model.");
  }
  if (options.precision !== undefined) oneOf("load", "precision", options.precision, PRECISIONS);
  if (options.arithmetic !== undefined) (await gpuRoom()).checkArithmetic(options);
  if (options.preprocess !== undefined)
    (await import("./image/checks.js")).checkPreprocess(options.preprocess);
  const entry = typeof what === "string" ? findEntry(what) : undefined;
  const built = entry ? entry.build() : (what as Net);
  if (built?.op !== "module" || built.inChannels === undefined) {
    throw new ConvzooError("bad-option", "load takes a name of the zoo or a net, as alexnet() gives it.");
  }
  const source = chooseWeights(built, entry, options);
  const { checkpoint } = source;
  const net = entry && checkpoint?.options ? entry.build(checkpoint.options) : built;
  const graph = lower(net);
  const [, rows, columns] = net.dense?.input ?? (entry ?? entryOf(net))?.input ?? [3, 224, 224];
  const size = [rows, columns] as const;
  const open = () => openWeights(platform, source, stateShapes(net), options);
  const opening = open();
  // Whoever needs them hears of it; until somebody does, a runtime would take it for an error that nobody handles, and end.
  opening.catch(() => undefined);
  let tuning: Tuning | undefined;
  const wasm = async (weights: Promise<OpenWeights>): Promise<Host> => {
    const started = await start(platform, graph, weights, { ...options, size });
    tuning = started.tuning;
    return started.host;
  };
  const input = [net.inChannels!, rows, columns] as const;
  const host = mayUseGpu(platform, options)
    ? await (await gpuRoom()).loadOnGpu(kit, platform, { graph, input, options, opening, open, wasm })
    : await wasm(opening);
  return new Model({
    net,
    graph,
    host,
    tuning: host.tuning ?? tuning,
    size,
    preprocess: () => options.preprocess ?? checkpoint?.preprocess ?? defaultPreprocess(net, entry),
    labels: async (classes) =>
      options.labels ??
      (checkpoint && !options.adaptHead
        ? labelsOf(checkpoint.labels)
        : classes === 1000
          ? labelsOf("imagenet1k")
          : undefined),
    aside: () => (hasWorkers(platform) ? new CoreHost(platform.spawn!(), host.place) : undefined),
    image: (image, signal) =>
      imageMessage(image, platform, (name) => wasmModule(platform, name, options.decoders?.[name]), signal),
  });
}

/** A core that runs the graph with its weights, which are closed then. It compiles while they are on their way. */
async function start(
  platform: Platform,
  graph: Graph,
  opening: Promise<OpenWeights>,
  { gpu: _, ...options }: LoadOptions & { readonly size: readonly [number, number] },
): Promise<{ host: Host; tuning?: Tuning }> {
  const { signal } = options;
  let host: Host | undefined;
  try {
    const [build, { weights }] = await Promise.all([coreModule(platform, options, signal), opening]);
    host = await startHost(await placesFor(platform, build.threads), build, signal);
    return { host, tuning: await send(host, graph, weights, options) };
  } catch (error) {
    host?.dispose();
    throw error;
  } finally {
    // Not waited for: where the core failed, a download may still be under way.
    void opening.then(({ close }) => close()).catch(() => undefined);
  }
}

function checkDevice({ device = "auto", gpu }: LoadOptions): void {
  oneOf("load", "device", device, ["auto", "wasm", "webgpu"]);
  if (device === "wasm" && gpu !== undefined)
    throw new ConvzooError("bad-option", 'With device: "wasm" no gpu is used; leave one of them out.');
}

/** Whether the GPU is asked for, or may be had; what is the CPU's alone asks for that. */
function mayUseGpu({ gpu: gpus }: Platform, { device = "auto", gpu, core, wasm }: LoadOptions): boolean {
  if (device === "webgpu" || gpu !== undefined) return true;
  return device === "auto" && gpus !== undefined && core === undefined && wasm === undefined;
}

/** What the file that is loaded for a GPU needs of this one. */
const kit: Kit = { startHost, wasmModule, buildName, send, lower, weightKeys };

const gpuRoom = () => import("./backend/webgpu/index.js");

/** What a GPU would be given for a network. */
export const gpuStepsOf = async (platform: Platform, net: Net, input: readonly number[]): Promise<GpuSteps> =>
  (await import("./backend/webgpu/summary.js")).gpuSteps(kit, platform, net, input);

/** What this runtime can do, and why not more. */
export async function capabilities(platform: Platform): Promise<Capabilities> {
  const deviceReason = platform.gpu
    ? await (await gpuRoom()).distrust(kit, platform)
    : "this entry of the package computes on the CPU alone";
  return { device: deviceReason ? "wasm" : "webgpu", deviceReason, ...(await cpuCapabilities(platform)) };
}

function defaultPreprocess(net: Net, entry: ZooEntry | undefined): PreprocessOptions {
  const row = entry ?? entryOf(net);
  const registered = Object.values(row?.weights ?? {})[0]?.preprocess;
  if (registered) return registered;
  if (row) return row.preprocess;
  if (net.inChannels === 3) return torchvision();
  const message = `How are images prepared for a network of ${net.inChannels} channels? Pass preprocess to load.`;
  throw new ConvzooError("bad-option", message);
}
