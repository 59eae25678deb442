/** Where nothing can lie beside the JavaScript: a core that is part of it, in place and without threads. */
import { gzipped } from "../../../build/core/wasm/simd128.wasm";
import { inPlace } from "../backend/in-place.js";
import { connect } from "../connect.js";
import { drawnPixels } from "../image/drawn.js";
import { decodeNatively } from "../image/native.js";

/** The build of the core that tsup.config.ts put into this file. */
async function core(): Promise<Uint8Array> {
  const bytes = Uint8Array.from(atob(gzipped), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export const { init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities, gpuSteps } =
  /* @__PURE__ */ connect({
    wasm: (name) => (name === "simd128" ? core() : undefined),
    cores: () => 1,
    noThreads: () => "convzoo/inline carries the core's build simd128, which has none",
    noRelaxedSimd: () => "convzoo/inline carries the core's build simd128",
    pixels: drawnPixels,
    decodeNatively: "createImageBitmap" in globalThis ? decodeNatively : undefined,
    inPlace,
  });
