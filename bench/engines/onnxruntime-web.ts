/** onnxruntime-web's wasm back end, on the caller's thread, its default. */
import * as ort from "onnxruntime-web";
import type { Engine, Given } from "../engine.js";

export const file = "model.onnx";

export async function start({ input, bytes, pixels, threads, modules }: Given): Promise<Engine> {
  ort.env.wasm.numThreads = threads;
  if (modules) ort.env.wasm.wasmPaths = `${modules}onnxruntime-web/dist/`;
  const session = await ort.InferenceSession.create(bytes, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const feeds = { [session.inputNames[0]!]: new ort.Tensor("float32", pixels, [...input]) };
  return {
    version: ort.env.versions.web ?? "?",
    how: `wasm, ${ort.env.wasm.numThreads} threads`,
    run: async () => (await session.run(feeds))[session.outputNames[0]!]!.data as Float32Array,
  };
}
