/** Browsers: supplies a platform, decides nothing. */
import { webChannel } from "../backend/channel.js";
import { connect } from "../connect.js";
import { ConvzooError } from "../errors.js";
import { decodersFile, plannerFile, wasmFile, workerFile } from "../files.js";
import { drawnPixels } from "../image/drawn.js";

/** Service workers have none, nor in Chromium shared workers. */
const hasWorkers = (): boolean => "Worker" in globalThis;

const importInPlace = () =>
  import("../backend/in-place.js").catch((cause) => {
    const message = "Service workers import nothing on demand: bundle yours with the package into one file.";
    throw new ConvzooError("unsupported", message, { cause });
  });

/** Why no worker can be started: there are none here, or it would come from another origin. */
function noWorkers(url: string | URL = workerFile()): string | undefined {
  if (!hasWorkers()) return "this scope (a service worker, say) cannot start workers";
  const { origin } = new URL(url, location.href);
  if (origin === globalThis.origin) return undefined;
  return (
    `browsers start no worker from another origin (${origin}): copy worker.js to the page's own and pass ` +
    "its URL to init as { worker }"
  );
}

export const {
  init,
  load,
  loadWeights,
  fromOnnx,
  decode,
  resize,
  preprocess,
  imageWorker,
  capabilities,
  gpuSteps,
} = /* @__PURE__ */ connect({
  cache: async () => (await import("./cache.js")).browserCache(globalThis.caches),
  wasm: wasmFile,
  decoders: decodersFile,
  spawn: (url = workerFile()) => webChannel(new Worker(url, { type: "module" })),
  noWorkers,
  mayImport: async () => hasWorkers() || importInPlace(),
  inPlace: async () => (await importInPlace()).inPlace(),
  gpu: async () => navigator.gpu,
  spawnPlanner: () => webChannel(new Worker(plannerFile(), { type: "module" })),
  cores: () => navigator.hardwareConcurrency,
  noThreads: () =>
    crossOriginIsolated
      ? undefined
      : "the page is not cross-origin isolated: serve it with Cross-Origin-Opener-Policy: same-origin and " +
        "Cross-Origin-Embedder-Policy: require-corp (or credentialless)",
  pixels: drawnPixels,
  decodeNatively: async (...args) => (await import("../image/native.js")).decodeNatively(...args),
});
