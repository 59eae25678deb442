/** The core that plans for a GPU, in the test's own thread, and what starts a network with it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startHost } from "../../src/backend/host.js";
import { localChannel } from "../../src/backend/local.js";
import { buildName } from "../../src/backend/module.js";
import { send } from "../../src/backend/send.js";
import { GpuEngine, type GpuEngineParts } from "../../src/backend/webgpu/engine.js";
import type { Kit } from "../../src/backend/webgpu/index.js";
import { lower } from "../../src/graph.js";
import type { Platform } from "../../src/platform.js";
import { weightKeys } from "../../src/state.js";
import { gpus } from "../gpu.js";
import { root } from "./package.js";

const file = join(root, "build/core/webgpu/core.js");
const glue = existsSync(file)
  ? ((await import(pathToFileURL(file).href)) as GpuEngineParts["glue"])
  : undefined;

export const kit: Kit = {
  startHost,
  send,
  lower,
  weightKeys,
  buildName,
  wasmModule: async () => WebAssembly.compile(readFileSync(join(root, "build/core/wasm/webgpu.wasm"))),
};

/** Texts of shaders, and others in their place. */
export type Change = (name: string, text: string) => string;

/** A platform with the GPUs `gpu` and a core whose shaders are changed, if at all. */
export function planning(change: Change = (_, text) => text, gpu: GPU = gpus): Platform {
  const { GpuCore, initSync, resize } = glue!;
  class Changed extends GpuCore {
    override shaders(): string {
      const texts = Object.entries(JSON.parse(super.shaders()) as Record<string, string>);
      return JSON.stringify(Object.fromEntries(texts.map(([name, text]) => [name, change(name, text)])));
    }
  }
  const parts = {
    glue: { GpuCore: Changed, initSync, resize },
    decoders: () => Promise.reject(new Error("none")),
  };
  const platform: Partial<Platform> = {
    gpu: async () => gpu,
    spawnPlanner: () => localChannel(new GpuEngine(parts)),
    cores: () => 1,
    noThreads: () => undefined,
  };
  return platform as Platform;
}
