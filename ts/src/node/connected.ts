/** Node, Deno, Bun: supplies a platform, decides nothing. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { nodeChannel } from "../backend/channel.js";
import { connect } from "../connect.js";
import { decodersFile, plannerFile, wasmFile, workerFile } from "../files.js";
import { openFile } from "./open.js";

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
  read: (pathOrFileUrl, signal) => readFile(pathOrFileUrl, { signal }),
  open: openFile,
  cache: async () => {
    const { cacheFolder, FolderCache } = await import("./cache.js");
    return new FolderCache(cacheFolder(process.env));
  },
  weightsBase: () => process.env.CONVZOO_WEIGHTS_BASE,
  wasm: wasmFile,
  decoders: decodersFile,
  spawn: () => nodeChannel(new Worker(workerFile(), { execArgv: [] })),
  gpu: async () => (await import("./gpu.js")).gpu(),
  spawnPlanner: () => nodeChannel(new Worker(plannerFile(), { execArgv: [] })),
  cores: availableParallelism,
  noThreads: () => undefined,
});
