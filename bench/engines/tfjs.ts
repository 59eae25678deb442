/** tfjs, on the caller's thread: its wasm back end, which has no threads in Node, or its WebGPU one. */
import * as tf from "@tensorflow/tfjs-core";
import { startTfjs } from "../../ts/src/cli/bench/engines/tfjs.js";
import type { Engine, Task } from "../engine.js";

/** What a back end's package says once it is there. */
type Backend = Pick<Engine, "version" | "how">;

const on = (name: "wasm" | "webgpu", get: (given: Task) => Promise<() => Backend>) => ({
  file: "model.tfjs",
  start: async (given: Task): Promise<Engine> => {
    const about = await get(given);
    const started = await startTfjs(tf, name, given);
    return { ...about(), ...started };
  },
});

export const wasm = on("wasm", async ({ threads, modules }) => {
  const backend = await import("@tensorflow/tfjs-backend-wasm");
  if (modules) backend.setWasmPaths(`${modules}@tensorflow/tfjs-backend-wasm/dist/`);
  backend.setThreadsCount(threads);
  return () => ({ version: backend.version_wasm, how: `wasm, ${backend.getThreadsCount()} threads` });
});

export const webgpu = on("webgpu", async () => {
  await import("@tensorflow/tfjs-backend-webgpu");
  return () => ({ version: tf.version_core, how: "webgpu" });
});
