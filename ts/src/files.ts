/** Where the compiled files of the package and the decoders are. Each URL is literal, which is how bundlers find what to copy. */
import type { WasmName } from "./platform.js";

const FILES: Readonly<Record<WasmName, () => URL>> = {
  simd128: () => new URL("./wasm/simd128.wasm", import.meta.url),
  "relaxed-simd": () => new URL("./wasm/relaxed-simd.wasm.gz", import.meta.url),
  "simd128-threads": () => new URL("./wasm/simd128-threads.wasm.gz", import.meta.url),
  "relaxed-simd-threads": () => new URL("./wasm/relaxed-simd-threads.wasm.gz", import.meta.url),
  webgpu: () => new URL("./wasm/webgpu.wasm.gz", import.meta.url),
  mozjpeg_dec: () => new URL("./wasm/mozjpeg_dec.wasm", import.meta.url),
  squoosh_png: () => new URL("./wasm/squoosh_png.wasm", import.meta.url),
  webp_dec: () => new URL("./wasm/webp_dec.wasm", import.meta.url),
};

/** Not within `new Worker(...)`, where bundlers would compile the worker anew, each to a script of its own kind. */
export const workerFile = (): URL => new URL("./worker.js", import.meta.url);

/** The worker whose core plans for a GPU, likewise. */
export const plannerFile = (): URL => new URL("./worker-webgpu.js", import.meta.url);

export const decodersFile = (): URL => new URL("./decoders.js", import.meta.url);

export const wasmFile = (name: WasmName): URL => FILES[name]();
