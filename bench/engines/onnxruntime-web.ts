/** onnxruntime-web, on the caller's thread, its default: its wasm back end, or its WebGPU one, which is a build of its own. */
import type * as Ort from "onnxruntime-web";
import type { Engine, Task } from "../engine.js";

const on = (provider: "wasm" | "webgpu", get: () => Promise<typeof Ort>) => ({
  file: "model.onnx",
  start: async ({ input, bytes, pixels, threads, modules }: Task): Promise<Engine> => {
    const ort = await get();
    ort.env.wasm.numThreads = threads;
    if (modules) ort.env.wasm.wasmPaths = `${modules}onnxruntime-web/dist/`;
    const session = await ort.InferenceSession.create(bytes, {
      executionProviders: [provider],
      graphOptimizationLevel: "all",
    });
    const feeds = { [session.inputNames[0]!]: new ort.Tensor("float32", pixels, [...input]) };
    return {
      version: ort.env.versions.web ?? "?",
      how: provider === "wasm" ? `wasm, ${ort.env.wasm.numThreads} threads` : provider,
      run: async () => (await session.run(feeds))[session.outputNames[0]!]!.data as Float32Array,
      end: () => session.release(),
    };
  },
});

export const wasm = on("wasm", () => import("onnxruntime-web"));
export const webgpu = on("webgpu", () => import("onnxruntime-web/webgpu"));
