/** The built package, as a user has it: the call into the worker and back is in the time. */
import type { Engine, Given } from "../engine.js";

const on = (device: "wasm" | "webgpu") => ({
  file: "model.safetensors",
  start: async ({ model, input, bytes, pixels, threads, convzoo }: Given): Promise<Engine> => {
    const { load, zoo } = (await import(convzoo.entry)) as typeof import("../../ts/src/node.js");
    const loaded = await load(zoo[model].build(), { weights: bytes, threads, device });
    const x = { shape: input, data: pixels };
    return {
      version: convzoo.version,
      how: device === "wasm" ? `${loaded.core}, ${loaded.threads} threads` : device,
      run: async () => (await loaded.run(x)).data,
      // A halo's step clears a map's border, not the map whose bytes it tells.
      work:
        device === "wasm"
          ? async () => (await loaded.profile(x, { rounds: 1 })).filter(({ op }) => op !== "halo")
          : undefined,
    };
  },
});

export const wasm = on("wasm");
export const webgpu = on("webgpu");
