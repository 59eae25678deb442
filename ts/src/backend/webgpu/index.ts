/** Whether a network goes to the GPU, and its way there. Loaded where that is asked, or may be. */

import { oneOf } from "../../check.js";
import type { OpenWeights } from "../../checkpoint.js";
import { ConvzooError, type ErrorCode, isConvzooError } from "../../errors.js";
import type { Graph, lower } from "../../graph.js";
import type { LoadOptions } from "../../load.js";
import type { Platform } from "../../platform.js";
import { shapesOf } from "../../shape.js";
import type { weightKeys } from "../../state.js";
import type { Host, startHost } from "../host.js";
import type { buildName, wasmModule } from "../module.js";
import type { send } from "../send.js";
import { acquire } from "./device.js";
import { GpuHost } from "./host.js";
import { startPlanner } from "./planner.js";
import { distrust, distrustNarrow } from "./trust.js";

/**
 * What every application has loaded already and this needs: handed over, since to import it would cut the file that it is in
 * into many, which compress worse.
 */
export interface Kit {
  readonly startHost: typeof startHost;
  readonly wasmModule: typeof wasmModule;
  readonly buildName: typeof buildName;
  readonly send: typeof send;
  readonly lower: typeof lower;
  readonly weightKeys: typeof weightKeys;
}

export { distrust };

/** Throws `bad-option` where what to multiply in is none there is, or is the GPU's and no GPU is asked for. */
export function checkArithmetic({ arithmetic, device }: LoadOptions): void {
  oneOf("load", "arithmetic", arithmetic!, ["float32", "float16"]);
  if (arithmetic === "float32" || device === "webgpu") return;
  const advice = 'pass device: "webgpu" with it, or leave it out where the CPU may compute';
  throw new ConvzooError("bad-option", `The CPU has no arithmetic: "float16": ${advice}.`);
}

/** A network to load. */
export interface Loading {
  readonly graph: Graph;
  /** Channels, height and width of the inputs to expect. */
  readonly input: readonly [number, number, number];
  readonly options: LoadOptions;
  /** Its weights, which are being opened. */
  readonly opening: Promise<OpenWeights>;
  /** Opens them again. */
  open(): Promise<OpenWeights>;
  /** Loads it on the CPU. */
  wasm(opening: Promise<OpenWeights>): Promise<Host>;
}

/** Multiply-adds from which on a GPU gains: below, WebAssembly is done before a GPU's answer is back. */
const WORTH = 5e8;

/** Failures of a GPU that the CPU does not share. */
const OF_THE_GPU: readonly ErrorCode[] = ["unsupported", "too-large", "device-lost", "device-failed"];

/** Loads a network on the GPU; with the device "auto" on the CPU where that is as good or the GPU fails. */
export async function loadOnGpu(kit: Kit, platform: Platform, loading: Loading): Promise<Host> {
  const { graph, input, options, opening, open, wasm } = loading;
  const { signal, gpu } = options;
  const isAuto = (options.device ?? "auto") === "auto" && gpu === undefined;
  // A download may fail before anybody waits for it.
  opening.catch(() => undefined);
  if (isAuto && (!isWorth(loading) || (await distrust(kit, platform)) !== undefined)) return wasm(opening);
  try {
    const wrong = options.arithmetic === "float16" && (await distrustNarrow(kit, platform, gpu));
    if (wrong) throw new ConvzooError("unsupported", `In float16 ${wrong}: leave arithmetic out.`);
    return await GpuHost.start({
      graph,
      input,
      options,
      send: kit.send,
      core: () => startPlanner(kit, platform, options.wasm, signal),
      gpu: () => acquire(platform, gpu),
      weights: (again) => (again ? open() : opening),
      wasm: () => wasm(open()),
    });
  } catch (error) {
    void opening.then(({ close }) => close()).catch(() => undefined);
    signal?.throwIfAborted();
    if (!isAuto || !isConvzooError(error) || !OF_THE_GPU.includes(error.code)) throw error;
    return wasm(open());
  }
}

function isWorth({ graph, input }: Loading): boolean {
  try {
    const shapes = shapesOf(graph, input);
    const macs = graph.nodes.map((node, id) => {
      const outputs = shapes[id]!.reduce((product, side) => product * side, 1);
      if (node.op === "linear") return outputs * node.in_features;
      if (node.op !== "conv2d") return 0;
      return (outputs * node.in_channels * node.kernel[0] * node.kernel[1]) / node.groups;
    });
    return macs.reduce((sum, one) => sum + one, 0) >= WORTH;
  } catch {
    // It takes no input of the size that was guessed for it, so nothing is known of its work.
    return false;
  }
}
