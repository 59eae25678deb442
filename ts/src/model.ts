/** A network with its weights, ready to run. */
import { closest } from "fastest-levenshtein";
import type { Host } from "./backend/host.js";
import type { ImageMessage, StepTiming, Tuning } from "./backend/protocol.js";
import { ConvzooError } from "./errors.js";
import type { Graph } from "./graph.js";
import { type ImageSource, naming } from "./image/input.js";
import type { PreprocessOptions } from "./image/preprocess.js";
import type { Net } from "./layers.js";
import type { Flavour } from "./platform.js";
import type { Tensor } from "./tensor.js";

/** Options of {@link Model.run}. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Paths of layers whose outputs are wanted, as `print` shows them; the answer is then a record by path. */
  readonly outputs?: readonly string[];
}

/** Options of {@link Model.classify}. */
export interface ClassifyOptions {
  /** How many classes to give, the most probable first; 5 by default. */
  readonly topk?: number;
  /** Which part of the image is seen: the square in its centre. */
  readonly crops?: "center";
  readonly signal?: AbortSignal;
}

/** A class that an image may be of. */
export interface Classification {
  readonly index: number;
  readonly label: string;
  /** The network's output before the softmax. */
  readonly score: number;
  /** The softmax of the scores. */
  readonly probability: number;
}

/** What a model is made of; see `load`. */
export interface ModelParts {
  readonly net: Net;
  readonly graph: Graph;
  readonly host: Host;
  readonly core: Flavour;
  readonly threads: number;
  readonly tuning?: Tuning;
  readonly preprocess: () => PreprocessOptions;
  readonly labels: (classes: number) => Promise<readonly string[] | undefined>;
  readonly image: (
    image: ImageSource,
    signal?: AbortSignal,
  ) => Promise<{ message: ImageMessage; source: string }>;
}

/** A loaded network. It runs in a worker of its own where there are workers; calls queue up there. */
export class Model {
  readonly net: Net;
  readonly device = "wasm";
  /** The build of the core that runs it. */
  readonly core: Flavour;
  /** Threads that compute. */
  readonly threads: number;
  /** What `load` found with `tune: true`, or was given; undefined without. */
  readonly tuning: Tuning | undefined;
  readonly #parts: ModelParts;
  /** The last run's input, if no run has it. */
  #spare: Float32Array = new Float32Array();

  /** Models are made by `load`. */
  constructor(parts: ModelParts) {
    this.net = parts.net;
    this.core = parts.core;
    this.threads = parts.threads;
    this.tuning = parts.tuning;
    this.#parts = parts;
  }

  /**
   * Runs the network on [N, C, H, W] of any N and any H and W that it can take, and gives its output, [N, classes] for a
   * classifier; with `outputs`, the outputs of the named layers by path.
   *
   * Rejects with a ConvzooError: `bad-shape` (rank, channels, size, length of the data), `not-finite`, `too-large`,
   * `unknown-output`, `disposed`, `poisoned`; or with the signal's reason. The model works on after all but the last two.
   */
  run(
    input: Tensor,
    options: RunOptions & { readonly outputs: readonly string[] },
  ): Promise<Record<string, Tensor>>;
  run(input: Tensor, options?: Omit<RunOptions, "outputs">): Promise<Tensor>;
  async run(input: Tensor, options: RunOptions = {}): Promise<Tensor | Record<string, Tensor>> {
    const { graph } = this.#parts;
    const { outputs, signal } = options;
    if (outputs !== undefined && !Array.isArray(outputs)) {
      throw new ConvzooError(
        "bad-option",
        "outputs is an array of paths of layers, as String(net) shows them.",
      );
    }
    const ids = outputs ? outputs.map((path) => this.#node(path)) : [graph.output];
    const nodes = [...new Set(ids)];
    const { shape, data } = checkInput(input);
    const copy = this.#spare.length === data.length ? this.#spare : new Float32Array(data.length);
    this.#spare = new Float32Array();
    copy.set(data);
    const maps = await this.#run({ shape, data: copy }, nodes, signal);
    if (!outputs) return maps[0]!;
    return Object.fromEntries(outputs.map((path, i) => [path, maps[nodes.indexOf(ids[i]!)]!]));
  }

  /**
   * The most probable classes of an image, which is resized, cropped and normalised as the weights were trained.
   *
   * Rejects with a ConvzooError: `bad-image`, `not-found`, `fetch-failed`, `bad-option`, and what `run` rejects with.
   */
  async classify(image: ImageSource, options: ClassifyOptions = {}): Promise<Classification[]> {
    const { topk = 5, crops = "center", signal } = options;
    if (!Number.isInteger(topk) || topk < 1) {
      throw new ConvzooError("bad-option", `topk is a whole number of at least 1, not ${String(topk)}.`);
    }
    if (crops !== "center") {
      throw new ConvzooError("bad-option", `crops is "center", not ${JSON.stringify(crops)}.`);
    }
    const { graph, preprocess, labels } = this.#parts;
    const input = await this.#tensor(image, preprocess(), signal);
    const [scores] = await this.#run(input, [graph.output], signal);
    const top = rank(scores!.data, areProbabilities(graph, graph.output)).slice(0, topk);
    const names = await labels(scores!.data.length);
    return top.map(({ index, ...rest }) => ({ index, label: names?.[index] ?? `class ${index}`, ...rest }));
  }

  /**
   * Runs the network on [N, C, H, W] step by step, `rounds` times, and gives the least time of each step in the order of the
   * run. Steps that would run side by side run one after another here. Rejects as `run` does.
   */
  async profile(
    input: Tensor,
    { rounds = 10 }: { readonly rounds?: number } = {},
  ): Promise<readonly StepTiming[]> {
    if (!Number.isInteger(rounds) || rounds < 1) {
      throw new ConvzooError("bad-option", `rounds is a whole number of at least 1, not ${String(rounds)}.`);
    }
    const { graph, host } = this.#parts;
    return host.call("profile", { input: checkInput(input), outputs: [graph.output], rounds });
  }

  /**
   * Bytes that the model holds: its packed weights, the room for its maps (which grows with the largest input), and all of
   * the core's memory, in which there are also constants, stacks and room for weights on their way: at most 24 MiB more after
   * a first run.
   */
  async memory(): Promise<{ weights: number; maps: number; total: number }> {
    const [weights, maps, total] = await this.#parts.host.call("bytes", {});
    return { weights, maps, total };
  }

  /** Ends the worker and gives the memory back. What is under way rejects with `disposed`, as do later calls. */
  dispose(): void {
    this.#parts.host.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes the input's buffer, and keeps it for the next run when it comes back. */
  async #run(input: Tensor, outputs: readonly number[], signal?: AbortSignal): Promise<readonly Tensor[]> {
    const transfer = [input.data.buffer as ArrayBuffer];
    const [given, ...maps] = await this.#parts.host.call("run", { input, outputs }, { signal, transfer });
    this.#spare = given!.data;
    return maps;
  }

  async #tensor(image: ImageSource, options: PreprocessOptions, signal?: AbortSignal): Promise<Tensor> {
    const { message, source } = await this.#parts.image(image, signal);
    return this.#parts.host.call("preprocess", { image: message, options }, { signal }).catch(naming(source));
  }

  #node(path: string): number {
    const { paths } = this.#parts.graph;
    if (typeof path === "string" && Object.hasOwn(paths, path)) return paths[path]!;
    const near = closest(String(path), Object.keys(paths));
    const message = `The network has no output "${String(path)}"; the nearest is "${near}". \`String(net)\` shows all.`;
    throw new ConvzooError("unknown-output", message, { node: String(path) });
  }
}

function checkInput(input: Tensor): Tensor {
  const { shape, data } = (input ?? {}) as Partial<Tensor>;
  const sides = Array.isArray(shape) ? (shape as unknown[]) : [];
  if (sides.length !== 4 || !sides.every((side) => Number.isSafeInteger(side) && (side as number) > 0)) {
    const given = Array.isArray(shape) ? `[${sides.join(", ")}]` : typeof shape;
    throw new ConvzooError(
      "bad-shape",
      `An input has the shape [N, C, H, W], four positive integers, not ${given}.`,
    );
  }
  if (Object.prototype.toString.call(data) !== "[object Float32Array]") {
    throw new ConvzooError("bad-shape", "An input's data is a Float32Array of N * C * H * W numbers.");
  }
  const [n, c, h, w] = sides as [number, number, number, number];
  if (data!.length !== n * c * h * w) {
    const message = `The input's shape [${sides.join(", ")}] has ${n * c * h * w} elements, but its data has ${data!.length}.`;
    throw new ConvzooError("bad-shape", message);
  }
  return { shape: [n, c, h, w], data: data! };
}

/** Whether a node gives probabilities: a softmax, or the mean of some (an ensemble). */
function areProbabilities({ nodes }: Pick<Graph, "nodes">, id: number): boolean {
  const node = nodes[id]!;
  if (node.op === "add" || node.op === "affine")
    return node.inputs.every((i) => areProbabilities({ nodes }, i));
  return node.op === "softmax";
}

/** Scores and their softmax, unless they are probabilities already; the highest first. */
function rank(
  scores: Float32Array,
  areProbable: boolean,
): { index: number; score: number; probability: number }[] {
  if (areProbable) {
    return Array.from(scores, (score, index) => ({ index, score, probability: score })).sort(highestFirst);
  }
  const max = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = Array.from(scores, (score) => Math.exp(score - max));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers
    .map((power, index) => ({ index, score: scores[index]!, probability: power / sum }))
    .sort(highestFirst);
}

function highestFirst(a: { index: number; score: number }, b: { index: number; score: number }): number {
  return b.score - a.score || a.index - b.index;
}
