/** onnxruntime-web's wasm back end, on the same weights as an ONNX model. Runs on the caller's thread, its default. */
import * as ort from "onnxruntime-web";
import { measure, settings } from "../case.js";
import { toOnnx } from "../onnx.js";

const wanted = settings();
await measure(wanted, async ({ net, weights, input }) => {
  ort.env.wasm.numThreads = wanted.threads;
  const session = await ort.InferenceSession.create(toOnnx(net, weights, input.shape), {
    graphOptimizationLevel: "all",
  });
  const feeds = { [session.inputNames[0]!]: new ort.Tensor("float32", input.data, [...input.shape]) };
  return {
    engine: "onnxruntime-web",
    version: ort.env.versions.web ?? "?",
    how: `wasm, ${ort.env.wasm.numThreads} threads`,
    run: async () => (await session.run(feeds))[session.outputNames[0]!]!.data as Float32Array,
  };
});
