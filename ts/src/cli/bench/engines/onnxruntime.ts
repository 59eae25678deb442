/** onnxruntime, on the caller's thread: the packages for WebAssembly, for GPUs and for Node's native code have one API. */
import type * as Ort from "onnxruntime-web";
import type { Started, Task } from "../engine.js";

/** `bytes` are those of a file that `toOnnx` wrote; `options` say by what it runs. */
export async function startOnnxruntime(
  ort: Pick<typeof Ort, "InferenceSession" | "Tensor">,
  options: Ort.InferenceSession.SessionOptions,
  { input, bytes, pixels }: Task,
): Promise<Started> {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: "all", ...options });
  const feeds = { [session.inputNames[0]!]: new ort.Tensor("float32", pixels, [...input]) };
  return {
    run: async () => (await session.run(feeds))[session.outputNames[0]!]!.data as Float32Array,
    end: () => session.release(),
  };
}
