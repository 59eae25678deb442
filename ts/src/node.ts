/** Node, Deno, Bun: supplies a platform, decides nothing. */
import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { nodeChannel } from "./backend/channel.js";
import { connect } from "./connect.js";
import { wasmFile } from "./files.js";

export const { load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities } =
  /* @__PURE__ */ connect({
    read: (pathOrFileUrl, signal) => readFile(pathOrFileUrl, { signal }),
    wasm: wasmFile,
    spawn: () => nodeChannel(new Worker(new URL("./worker.js", import.meta.url), { execArgv: [] })),
    cores: availableParallelism,
    noThreads: () => undefined,
  });
export * from "./index.js";
