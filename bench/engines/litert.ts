/** LiteRT.js, on the page's thread, as its guide shows it: by XNNPACK in wasm, or on the GPU. It knows browsers only. */
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { version } from "@litertjs/core/package.json";
import { channelsLast } from "../../ts/src/cli/bench/engine.js";
import type { Engine, Task } from "../engine.js";

const on = (accelerator: "wasm" | "webgpu") => ({
  file: "model.tflite",
  start: async ({ input, bytes, pixels, threads, modules }: Task): Promise<Engine> => {
    const [, channels, height, width] = input as [number, number, number, number];
    const isWasm = accelerator === "wasm";
    // Only the build that can wait for a GPU takes models in parts.
    await loadLiteRt(`${modules}@litertjs/core/wasm/`, isWasm ? { threads: true } : { jspi: true });
    const model = await loadAndCompile(bytes, { accelerator, cpuOptions: { numThreads: threads } });
    const tensor = new Tensor(channelsLast(pixels, input), [1, height, width, channels]);
    return {
      version,
      how: isWasm ? `wasm, ${threads} threads` : accelerator,
      run: async () => {
        const [output] = await model.run(tensor);
        const here = isWasm ? output! : await output!.moveTo("wasm");
        const data = here.toTypedArray().slice() as Float32Array;
        here.delete();
        return data;
      },
      end: () => {
        tensor.delete();
        model.delete();
      },
    };
  },
});

export const wasm = on("wasm");
export const webgpu = on("webgpu");
