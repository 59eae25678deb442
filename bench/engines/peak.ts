/** What the machine itself can do in this runtime, one thread: multiply-adds in registers, and reading memory. */
import type { Engine, Given } from "../engine.js";

interface Exports {
  fma(): void;
  read(): void;
}

const measuring = (work: keyof Exports) => ({
  file: "../peak.wasm",
  start: async ({ bytes }: Given): Promise<Engine> => {
    const { instance } = await WebAssembly.instantiate(bytes, {});
    const exports = instance.exports as unknown as Exports;
    return {
      version: "",
      how: "1 thread",
      run: async () => {
        exports[work]();
        return new Float32Array();
      },
    };
  },
});

export const flops = measuring("fma");
export const bandwidth = measuring("read");
