/** onnxruntime-web, on the caller's thread, its default: its wasm back end, or its WebGPU one, which is a build of its own. */
import type * as Ort from "onnxruntime-web";
import { startOnnxruntime } from "../../ts/src/cli/bench/engines/onnxruntime.js";
import type { Engine, Task } from "../engine.js";

const on = (provider: "wasm" | "webgpu", get: () => Promise<typeof Ort>) => ({
  file: "model.onnx",
  start: async (given: Task): Promise<Engine> => {
    const ort = await get();
    ort.env.wasm.numThreads = given.threads;
    if (given.modules) ort.env.wasm.wasmPaths = `${given.modules}onnxruntime-web/dist/`;
    const started = await startOnnxruntime(ort, { executionProviders: [provider] }, given);
    return {
      version: ort.env.versions.web ?? "?",
      how: provider === "wasm" ? `wasm, ${ort.env.wasm.numThreads} threads` : provider,
      ...started,
    };
  },
});

export const wasm = on("wasm", () => import("onnxruntime-web"));
export const webgpu = on("webgpu", () => import("onnxruntime-web/webgpu"));
