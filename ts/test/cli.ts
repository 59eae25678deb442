/** The command line with a process and a model that are not there. */
import { readFile } from "node:fs/promises";
import type { Io } from "../src/cli/io.js";
import { main } from "../src/cli/main.js";
import type { DenseOptions } from "../src/dense/index.js";
import { ScoreMap } from "../src/dense/score-map.js";
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
  /** What comes through standard input. */
  readonly stdin?: string;
  /** The user presses Ctrl-C when this file's turn comes. */
  readonly interruptAt?: string;
  /** Thrown by `preprocess` for the file "odd". */
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

type PrepareOptions = Partial<Pick<ClassifyOptions, "crops" | "signal">>;
/** A map of 2 x 3 cells of class 7, with one peak. */
const SCORES = new ScoreMap({
  scores: { shape: [1, 2, 3], data: Float32Array.of(0, 1, 0, 0, 12.5, 0) },
  grid: {
    rows: { count: 2, step: 8, centre: 8, field: 12, window: 10, extent: 24 },
    columns: { count: 3, step: 8, centre: 8, field: 12, window: 10, extent: 32 },
  },
  classes: [7],
  labels: Array.from({ length: 8 }, (_, index) => (index === 7 ? "cock" : `other ${index}`)),
});

const plain = (width: number, height: number) => ({
  width,
  height,
  data: new Uint8Array(3 * width * height),
});

/** Runs a command line; gives all that can be seen of it. */
export async function run(line: string, setting: Setting = {}) {
  const {
    tty = false,
    env = {},
    stdin = "",
    failing,
    odd,
    running,
    progress = [],
    cache = "no/such",
  } = setting;
  let [stdout, stderr, disposed] = ["", "", 0];
  const loads: { name: unknown; options: LoadOptions | undefined }[] = [];
  const prepared: { image: unknown; options: PrepareOptions }[] = [];
  const classified: { file: unknown; options: ClassifyOptions | undefined }[] = [];
  const ranked: { rows: number; options: unknown }[] = [];
  const stop = new AbortController();
  const inputs: Tensor[] = [];
  const scanned: { image: unknown; options: DenseOptions | undefined }[] = [];
  const written: Record<string, string> = {};
  const prepare = async (image: unknown, options: PrepareOptions) => {
    options.signal?.throwIfAborted();
    prepared.push({ image, options });
    if (image === setting.interruptAt) stop.abort();
    if (image === "bad") throw new ConvzooError("bad-image", "bad: The image is text.");
    if (image === "odd") throw odd;
    const size = image === "wide" ? 2 : 1;
    const views = options.crops === "ten" ? 10 : 1;
    return { shape: [views, 1, 1, size], data: new Float32Array(views * size) };
  };
  const files: Record<string, Uint8Array> = {};
  const model = {
    device: "wasm",
    core: "simd128-threads",
    threads: 3,
    preprocess: { resize: 256, crop: 224 },
    prepare,
    classify: async (file: unknown, options?: ClassifyOptions) => {
      classified.push({ file, options });
      return TOP;
    },
    rank: async (scores: Tensor, options: { crops: number }) => {
      ranked.push({ rows: scores.shape[0]!, options });
      return Array(scores.shape[0]! / options.crops).fill(TOP);
    },
    dense: async (image: unknown, options?: DenseOptions) => {
      scanned.push({ image, options });
      return SCORES;
    },
    run: async (input: Tensor) => {
      inputs.push(input);
      if (running) throw running;
      await new Promise((resolve) => setTimeout(resolve, 1));
      return { shape: [input.shape[0]!, 1000], data: new Float32Array() };
    },
    profile: async () => STEPS,
    memory: async () => ({ weights: 3 * 2 ** 20, maps: 2 ** 19 }),
    tuning: { "0": "direct" },
    dispose: () => disposed++,
    [Symbol.dispose]: () => disposed++,
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
    stdin: async () => new TextEncoder().encode(stdin),
    interrupted: () => stop.signal,
    preprocess: prepare,
    decode: async (file) => {
      if (file === "bad") throw new ConvzooError("bad-image", "bad: The image is text.");
      return file === "large" ? plain(4096, 1024) : plain(32, 24);
    },
    resize: async (_, { width, height }) => plain(width, height),
    load: async (name, options) => {
      loads.push({ name, options });
      for (const step of progress) options?.onProgress?.(step);
      if (failing) throw failing;
      return model as unknown as Model;
    },
    loadWeights: (source, options) =>
      loadWeights(source, { ...options, platform: { read: (path) => readFile(path) } }),
    cache: async () => new FolderCache(cache),
    onSignal: () => {},
    fromOnnx: () => Promise.reject(new Error("no test reads an ONNX file here")),
    imageWorker: () => Promise.reject(new Error("no test starts a server here")),
  };
  const code = await main(line.split(" ").filter(Boolean), io).catch((error: unknown) => error);
  return {
    code,
    stdout,
    stderr,
    loads,
    prepared,
    ranked,
    classified,
    scanned,
    inputs,
    written,
    files,
    disposed,
  };
}
