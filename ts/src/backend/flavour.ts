/** Which of the core's four builds runs here, and why not a better one. */
import { relaxedSimd, simd, threads } from "wasm-feature-detect";
import { oneOf } from "../check.js";
import { ConvzooError } from "../errors.js";
import type { Flavour, Platform } from "../platform.js";

/** The four builds, the fastest first. */
export const FLAVOURS: readonly Flavour[] = [
  "relaxed-simd-threads",
  "simd128-threads",
  "relaxed-simd",
  "simd128",
];

/** What this runtime can do, and what {@link load} will therefore choose. */
export interface Capabilities {
  /** The device that `"auto"` means here, for networks that are large enough. */
  readonly device: "wasm" | "webgpu";
  /** Why not the GPU, where it is not it; the kernel that it computes wrongly is named. */
  readonly deviceReason?: string;
  /** The build of the core: its vector instructions and whether it has threads. */
  readonly core: Flavour;
  /** Why not the relaxed-simd build, where it is not it. */
  readonly simdReason?: string;
  /** Threads that a model gets if it does not ask. */
  readonly threads: number;
  /** Why there is only one thread, where that is so. */
  readonly threadsReason?: string;
  /** Whether models run in workers, off the caller's thread. */
  readonly worker: boolean;
  /** Why not, where the runtime has workers but none can be started here. */
  readonly workerReason?: string;
}

/** More threads than this do not make one image faster. */
const MOST = 16;

/** Those of the CPU. */
export async function cpuCapabilities(
  platform: Platform,
): Promise<Omit<Capabilities, "device" | "deviceReason">> {
  const [hasSimd, hasRelaxed, hasThreads] = await Promise.all([simd(), relaxedSimd(), threads()]);
  if (!hasSimd) {
    const message =
      "This runtime's WebAssembly has no SIMD, which every browser since 2023 and Node since 16 has; update it.";
    throw new ConvzooError("unsupported", message);
  }
  const workerReason = platform.noWorkers?.();
  const threadsReason =
    workerReason ??
    platform.noThreads() ??
    (hasThreads ? undefined : "this runtime's WebAssembly has no shared memory") ??
    // Firefox 89 to 112 alone have SIMD and not this.
    ("DecompressionStream" in globalThis ? undefined : "this runtime cannot unpack gzip");
  const simdReason =
    platform.noRelaxedSimd?.() ??
    (hasRelaxed
      ? undefined
      : "this runtime's WebAssembly has no relaxed SIMD (Node 21, Chrome 114, Firefox 145 have)");
  const core: Flavour = `${simdReason ? "simd128" : "relaxed-simd"}${threadsReason ? "" : "-threads"}`;
  return {
    core,
    simdReason,
    threads: threadsReason ? 1 : Math.max(1, Math.min(MOST, platform.cores())),
    threadsReason,
    worker: platform.spawn !== undefined && !workerReason,
    workerReason,
  };
}

/** What a caller may ask for. */
export interface Wanted {
  readonly threads?: number;
  readonly core?: Flavour;
}

/** What a model gets; `shared`: the build is one with threads. */
export interface Choice {
  readonly device: "wasm";
  readonly core: Flavour;
  readonly threads: number;
  readonly shared: boolean;
}

/** The build and the number of threads for a model: what was asked for, as far as the runtime has it. */
export async function choose(platform: Platform, wanted: Wanted): Promise<Choice> {
  const { threads, core } = wanted;
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64)) {
    throw new ConvzooError("bad-option", `threads is a whole number from 1 to 64, not ${String(threads)}.`);
  }
  if (core !== undefined) oneOf("load", "core", core, FLAVOURS);
  const can = await cpuCapabilities(platform);
  const missing =
    (core?.endsWith("-threads") && can.threadsReason) || (core?.startsWith("relaxed-simd") && can.simdReason);
  if (missing) throw new ConvzooError("unsupported", `The core ${core} cannot run here: ${missing}.`);
  const chosen = core ?? can.core;
  const shared = chosen.endsWith("-threads");
  return { device: "wasm", core: chosen, threads: shared ? (threads ?? can.threads) : 1, shared };
}

/**
 * Pixels of the core's tile. Six keep every register of a 128-bit machine busy where the engine allots registers in the
 * code's order; V8 before version 13 orders anew and spills them, at half the speed of four. Without a fused multiply-add six
 * spill everywhere. Engines are told apart by a feature of the same age, since what they call themselves says little.
 */
export const tileHeight = (core: string): 4 | 6 =>
  core.startsWith("relaxed-simd") && "escape" in RegExp ? 6 : 4;
