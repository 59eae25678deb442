/** The engines that can stand beside convzoo: those that are installed where the command runs. */
import { createRequire } from "node:module";
import { join } from "node:path";
import type * as TfWasm from "@tensorflow/tfjs-backend-wasm";
import type * as Tf from "@tensorflow/tfjs-core";
import type * as Ort from "onnxruntime-web";
import type { Output } from "../io.js";
import { wrong } from "../values.js";
import type { Started, Task } from "./engine.js";
import { startOnnxruntime } from "./engines/onnxruntime.js";
import { startTfjs } from "./engines/tfjs.js";

type Load = <T>(name: string) => T;

/** An engine that has a network. */
export interface Running extends Started {
  readonly version: string;
  /** That it runs with: tfjs takes none in Node. */
  readonly threads: number;
}

export interface Peer {
  readonly engine: string;
  /** What must be installed. */
  readonly packages: readonly string[];
  readonly file: "onnx" | "tfjs";
  start(load: Load, task: Task): Promise<Running>;
}

/**
 * onnxruntime-node comes before onnxruntime-web: they share the registry of onnxruntime-common, where the first to register "cpu" keeps
 * it, and onnxruntime-web's is WebAssembly.
 */
const PEERS: readonly Peer[] = [
  {
    engine: "onnxruntime-node",
    packages: ["onnxruntime-node"],
    file: "onnx",
    async start(load, task) {
      const ort = load<typeof Ort>("onnxruntime-node");
      const { threads } = task;
      const options = { executionProviders: ["cpu"], intraOpNumThreads: threads, interOpNumThreads: 1 };
      const started = await startOnnxruntime(ort, options, task);
      return { ...started, version: ort.env.versions.node ?? "?", threads };
    },
  },
  {
    engine: "onnxruntime-web",
    packages: ["onnxruntime-web"],
    file: "onnx",
    async start(load, task) {
      const ort = load<typeof Ort>("onnxruntime-web");
      ort.env.wasm.numThreads = task.threads;
      const started = await startOnnxruntime(ort, { executionProviders: ["wasm"] }, task);
      return { ...started, version: ort.env.versions.web ?? "?", threads: ort.env.wasm.numThreads };
    },
  },
  {
    engine: "tfjs-wasm",
    packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"],
    file: "tfjs",
    async start(load, task) {
      const tf = load<typeof Tf>("@tensorflow/tfjs-core");
      const backend = load<typeof TfWasm>("@tensorflow/tfjs-backend-wasm");
      backend.setThreadsCount(task.threads);
      const started = await startTfjs(tf, "wasm", task);
      return { ...started, version: backend.version_wasm, threads: backend.getThreadsCount() };
    },
  },
];

/** Those that can be loaded from a folder. */
export interface Installed {
  readonly load: Load;
  readonly peers: readonly Peer[];
}

/** Finds the engines; says on `stderr` which are missing. Throws `bad-option`, with what to type, where none is there. */
export function installedPeers(stderr: Output, folder: string = process.cwd()): Installed {
  // Of the file only its folder counts.
  const load = createRequire(join(folder, "package.json"));
  const lacks = (name: string): boolean => {
    try {
      load.resolve(name);
      return false;
    } catch {
      return true;
    }
  };
  const missing = PEERS.filter(({ packages }) => packages.some(lacks));
  const install = `npm install ${missing.flatMap(({ packages }) => packages).join(" ")}`;
  if (missing.length === PEERS.length)
    throw wrong(`--peers found no other engine installed in ${folder}: \`${install}\` there, or some of it.`);
  for (const { engine, packages } of missing)
    stderr.write(`convzoo: ${engine} is left out: \`npm install ${packages.join(" ")}\` adds it.\n`);
  return { load, peers: PEERS.filter((peer) => !missing.includes(peer)) };
}
