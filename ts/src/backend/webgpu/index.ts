/** Whether a network goes to the GPU, and its way there. Loaded where that is asked, or may be. */
import type { OpenWeights } from "../../checkpoint.js";
import { ConvzooError, type ErrorCode, isConvzooError } from "../../errors.js";
import type { Graph } from "../../graph.js";
import type { Net } from "../../layers.js";
import type { LoadOptions } from "../../load.js";
import type { Platform } from "../../platform.js";
import { summarize } from "../../summarize.js";
import type { Host } from "../host.js";
import { acquire } from "./device.js";
import { GpuHost } from "./host.js";
import { startPlanner } from "./planner.js";
import { distrust, wrongKernel } from "./trust.js";

/** A network to load. */
export interface Loading {
  readonly net: Net;
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
export async function loadOnGpu(platform: Platform, loading: Loading): Promise<Host> {
  const { graph, input, options, opening, open, wasm } = loading;
  const { signal, gpu } = options;
  const isAuto = (options.device ?? "auto") === "auto" && gpu === undefined;
  // A download may fail before anybody waits for it.
  opening.catch(() => undefined);
  if (isAuto && (!isWorth(loading) || (await distrust(platform)) !== undefined)) return wasm(opening);
  try {
    if (!isAuto) {
      const wrong = await wrongKernel(platform, gpu);
      if (wrong) throw new ConvzooError("unsupported", wrong);
    }
    return await GpuHost.start({
      graph,
      input,
      options,
      core: () => startPlanner(platform, options.wasm, signal),
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

function isWorth({ net, input }: Loading): boolean {
  try {
    return summarize(net, input).macs >= WORTH;
  } catch {
    // It takes no input of the size that was guessed for it, so nothing is known of its work.
    return false;
  }
}
