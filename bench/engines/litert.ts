/** LiteRT.js on its wasm accelerator (XNNPACK), on the page's thread, as its guide shows it. It knows browsers only. */
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { version } from "@litertjs/core/package.json";
import { channelsLast, type Engine, type Given } from "../engine.js";

export const file = "model.tflite";

export async function start({ input, bytes, pixels, threads, modules }: Given): Promise<Engine> {
  const [, channels, height, width] = input as [number, number, number, number];
  await loadLiteRt(`${modules}@litertjs/core/wasm/`, { threads: true });
  const model = await loadAndCompile(bytes, { accelerator: "wasm", cpuOptions: { numThreads: threads } });
  const tensor = new Tensor(channelsLast(pixels, input), [1, height, width, channels]);
  return {
    version,
    how: `wasm, ${threads} threads`,
    run: async () => {
      const [output] = await model.run(tensor);
      const data = output!.toTypedArray().slice() as Float32Array;
      output!.delete();
      return data;
    },
  };
}
