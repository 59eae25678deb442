/** Browsers: supplies a platform, decides nothing. */
import { webChannel } from "../backend/channel.js";
import { connect } from "../connect.js";
import { decodersFile, wasmFile } from "../files.js";
import { decodeNatively, drawnPixels } from "../image/drawn.js";

export const { init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities, gpuSteps } =
  /* @__PURE__ */ connect({
    cache: async () => (await import("./cache.js")).browserCache(globalThis.caches),
    wasm: wasmFile,
    decoders: decodersFile,
    spawn: () => webChannel(new Worker(new URL("./worker.js", import.meta.url), { type: "module" })),
    gpu: async () => navigator.gpu,
    spawnPlanner: () =>
      webChannel(new Worker(new URL("./worker-webgpu.js", import.meta.url), { type: "module" })),
    cores: () => navigator.hardwareConcurrency,
    noThreads: () =>
      crossOriginIsolated
        ? undefined
        : "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin and " +
          "Cross-Origin-Embedder-Policy: require-corp (or credentialless)",
    pixels: drawnPixels,
    decodeNatively,
  });
