/** The core that plans for a GPU, in its worker. */
import { ConvzooError } from "../../errors.js";
import type { Platform, WasmSource } from "../../platform.js";
import type { Channel } from "../channel.js";
import type { CoreHost } from "../host.js";
import type { Kit } from "./index.js";

/** Starts it, of the package's own .wasm or the one that is `given`. Rejects with `bad-wasm`, `unsupported`. */
export async function startPlanner(
  { wasmModule, buildName, startHost }: Kit,
  platform: Platform,
  given?: WasmSource,
  signal?: AbortSignal,
): Promise<CoreHost> {
  const module = await wasmModule(platform, "webgpu", given, signal);
  const name = buildName(module);
  if (name !== "webgpu") {
    const found = name ? `the build ${name} of the core` : "not the core of this version of convzoo";
    const advice = "Pass the file webgpu.wasm that lies in the package's wasm folder, or leave wasm out";
    throw new ConvzooError("bad-wasm", `The .wasm is ${found}; webgpu was wanted. ${advice}.`);
  }
  const channel = spawned(platform);
  const place = { device: "webgpu", core: "webgpu", threads: 1 } as const;
  return startHost([channel], { ...place, module, shared: false }, signal);
}

/** Its worker, which a page starts from its own origin alone, and a service worker not at all. */
function spawned({ spawnPlanner }: Platform): Channel {
  let cause: unknown;
  try {
    const channel = spawnPlanner?.();
    if (channel) return channel;
  } catch (error) {
    cause = error;
  }
  const why = cause === undefined ? "" : ` (${String(cause)})`;
  throw new ConvzooError("unsupported", `The core that plans for a GPU has no worker here${why}.`, { cause });
}
