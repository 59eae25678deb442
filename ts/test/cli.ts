/** The command line with a process and a model that are not there. */
import { readFile } from "node:fs/promises";
import type { Io } from "../src/cli/io.js";
import { main } from "../src/cli/main.js";
import { ConvzooError } from "../src/errors.js";
import type { LoadOptions } from "../src/load.js";
import type { ClassifyOptions, Model } from "../src/model.js";
import { FolderCache } from "../src/node/cache.js";
import type { Tensor } from "../src/tensor.js";
import { loadWeights } from "../src/weights/index.js";

export interface Setting {
  readonly tty?: boolean;
  readonly env?: Io["env"];
  /** The folder of downloads. */
  readonly cache?: string;
  /** Thrown by the package's `load`. */
  readonly failing?: Error;
  /** Thrown by `classify` for the file "odd". */
  readonly odd?: Error;
  /** Thrown by `run`. */
  readonly running?: Error;
  readonly progress?: Parameters<NonNullable<LoadOptions["onProgress"]>>[0][];
}

export const TOP = [
  { index: 7, label: "cock", score: 12.5, probability: 0.75 },
  { index: 1, label: "goldfish", score: 3.25, probability: 0.004 },
];

/** A convolution by an algorithm of two stages with a step of another layer between them, and that layer. */
export const STEPS = [
  {
    path: "a",
    op: "conv2d",
    algorithm: "two",
    shape: [1, 8, 4, 4],
    ms: 1,
    macs: 6e6,
    products: 0,
    bytes: 1e6,
  },
  { path: "", op: "add", algorithm: "", shape: [1, 8, 4, 4], ms: 0.5, macs: 0, products: 0, bytes: 2e6 },
  {
    path: "a",
    op: "conv2d",
    algorithm: "two, products",
    shape: [],
    ms: 2,
    macs: 0,
    products: 3e6,
    bytes: 5e6,
  },
];

/** Runs a command line; gives all that can be seen of it. */
export async function run(line: string, setting: Setting = {}) {
  const { tty = false, env = {}, failing, odd, running, progress = [], cache = "no/such" } = setting;
  let [stdout, stderr, disposed] = ["", "", 0];
  const loads: { name: unknown; options: LoadOptions | undefined }[] = [];
  const classified: { file: unknown; options: ClassifyOptions | undefined }[] = [];
  const inputs: Tensor[] = [];
  const written: Record<string, string> = {};
  const files: Record<string, Uint8Array> = {};
  const model = {
    device: "wasm",
    core: "simd128-threads",
    threads: 3,
    classify: async (file: unknown, options?: ClassifyOptions) => {
      classified.push({ file, options });
      if (file === "bad") throw new ConvzooError("bad-image", "bad: The image is text.");
      if (file === "odd") throw odd;
      return TOP;
    },
    run: async (input: Tensor) => {
      inputs.push(input);
      if (running) throw running;
      await new Promise((resolve) => setTimeout(resolve, 1));
    },
    profile: async () => STEPS,
    memory: async () => ({ weights: 3 * 2 ** 20, maps: 2 ** 19 }),
    tuning: { "0": "direct" },
    dispose: () => disposed++,
  };
  const io: Io = {
    stdout: { write: (text) => (stdout += text), isTTY: tty },
    stderr: { write: (text) => (stderr += text), isTTY: tty },
    env,
    version: "1.2.3",
    writeFile: async (path, content) => {
      if (typeof content === "string") written[path] = content;
      else files[path] = content;
    },
    load: async (name, options) => {
      loads.push({ name, options });
      for (const step of progress) options?.onProgress?.(step);
      if (failing) throw failing;
      return model as unknown as Model;
    },
    loadWeights: (source, options) =>
      loadWeights(source, { ...options, platform: { read: (path) => readFile(path) } }),
    cache: async () => new FolderCache(cache),
  };
  const code = await main(line.split(" ").filter(Boolean), io).catch((error: unknown) => error);
  return { code, stdout, stderr, loads, classified, inputs, written, files, disposed };
}
