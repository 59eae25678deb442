/** A network with its weights, ready to run. */
import { closest } from "fastest-levenshtein";
import type { StepTiming, Tuning } from "./backend/protocol.js";
import type { DenseModel, DenseOptions, OcclusionOptions } from "./dense/index.js";
import type { ScoreMap } from "./dense/score-map.js";
import { ConvzooError } from "./errors.js";
import { type ImageSource, naming } from "./image/input.js";
import type { PreprocessOptions } from "./image/preprocess.js";
import type { Crops } from "./image/views.js";
import type { Net } from "./layers.js";
import type { Flavour } from "./platform.js";
import type { Tensor } from "./tensor.js";

/** Options of {@link Model.run}. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  /** Paths of layers whose outputs are wanted, as `print` shows them; the answer is then a record by path. */
  readonly outputs?: readonly string[];
}

/** How outputs become classes. */
export interface RankOptions {
  /** How many classes to give, the most probable first; 5 by default. */
  readonly topk?: number;
  /** What is averaged where several crops are seen: the softmax of each, as AlexNet's paper does, or the scores before it. */
  readonly average?: "probabilities" | "scores";
}

/** Options of {@link Model.classify}. */
export interface ClassifyOptions extends RankOptions {
  /**
   * Which parts of the image are seen; the square in its centre unless given. `"dense"` sees all of it in its own size, at every
   * place that the network's windows have (see {@link Model.dense}), and averages the scores of the map.
   */
  readonly crops?: Crops | "dense";
  readonly signal?: AbortSignal;
}

/** A class that an image may be of. */
export interface Classification {
  readonly index: number;
  readonly label: string;
  /** The network's output, for most the one before the softmax; the mean where several crops are seen. */
  readonly score: number;
  /** The softmax of the scores, averaged where several crops are seen. */
  readonly probability: number;
}

/** What a model is made of; see `load`. */
export interface ModelParts extends Omit<DenseModel, "views"> {
  readonly core: Flavour;
  readonly threads: number;
  readonly tuning?: Tuning;
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
  readonly #parts: ModelParts & DenseModel;
  /** The last run's input, if no run has it. */
  #spare: Float32Array = new Float32Array();

  /** Models are made by `load`. */
  constructor(parts: ModelParts) {
    this.net = parts.net;
    this.core = parts.core;
    this.threads = parts.threads;
    this.tuning = parts.tuning;
    this.#parts = { ...parts, views: new Map() };
  }

  /**
   * How images are prepared for it, as `load` was told or the checkpoint says. Throws `bad-option` where nobody said, for a
   * network that reads another number of channels than 3.
   */
  get preprocess(): PreprocessOptions {
    return this.#parts.preprocess();
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
   * The most probable classes of an image, which is resized, cropped and normalised as the weights were trained. Several crops
   * run together and their results are averaged.
   *
   * Rejects with a ConvzooError: `bad-image`, `not-found`, `fetch-failed`, `bad-option`, and what `run` rejects with.
   */
  async classify(image: ImageSource, options: ClassifyOptions = {}): Promise<Classification[]> {
    const { crops, signal, ...ranking } = options;
    const { checkRanking } = await import("./classify.js");
    checkRanking(ranking);
    if (crops === "dense") {
      if (ranking.average === "probabilities") {
        const message = 'With crops: "dense" the scores of a map are averaged; leave average out.';
        throw new ConvzooError("bad-option", message);
      }
      const data = (await this.dense(image, { signal })).mean();
      return (await this.rank({ shape: [1, data.length], data }, ranking))[0]!;
    }
    const input = await this.prepare(image, { crops, signal });
    const [scores] = await this.#run(input, [this.#parts.graph.output], signal);
    const [top] = await this.rank(scores!, { ...ranking, crops: input.shape[0]! });
    return top!;
  }

  /** An image as the input of `run`, [N, C, H, W], N being 1 or the number of `crops`. Rejects as `classify` does. */
  async prepare(
    image: ImageSource,
    { crops, signal }: { readonly crops?: Crops; readonly signal?: AbortSignal } = {},
  ): Promise<Tensor> {
    return this.#tensor(image, this.preprocess, signal, crops);
  }

  /**
   * The most probable classes of each image, from the scores [N, classes] that `run` gave for them. With `crops`, so many rows
   * one behind the other are of one image and are averaged.
   *
   * Rejects with `bad-option`, and `bad-shape` for scores that are no rows of classes, as those of a map are not.
   */
  async rank(
    scores: Tensor,
    { crops = 1, ...options }: RankOptions & { readonly crops?: number } = {},
  ): Promise<Classification[][]> {
    const { graph, labels } = this.#parts;
    const { areProbabilities, rank } = await import("./classify.js");
    const ranked = rank(scores, {
      ...options,
      crops,
      areProbabilities: areProbabilities(graph, graph.output),
    });
    const names = await labels(scores.shape[1]!);
    return ranked.map((top) =>
      top.map(({ index, ...rest }) => ({ index, label: names?.[index] ?? `class ${index}`, ...rest })),
    );
  }

  /**
   * The vector before the classifier, for search and clustering: what the last linear layer (or 1 x 1 convolution, then averaged
   * over the map) reads, timm's pre-logits. Of one image or several: [N, features], a row an image.
   *
   * Rejects with a ConvzooError: `no-embedding` where the network has no such layer, and what `classify` rejects with.
   */
  async embed(
    images: ImageSource | readonly ImageSource[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Tensor> {
    const { embeddingNode, embeddings } = await import("./embed.js");
    const node = embeddingNode(this.#parts.graph);
    return embeddings(Array.isArray(images) ? images : [images as ImageSource], {
      prepare: (image) => this.prepare(image, { signal }),
      run: async (input) => (await this.#run(input, [node], signal))[0]!,
    });
  }

  /**
   * Slides the network over an image, in one pass: a score of every class at every place. The image keeps its own size (times
   * each of `scales`) and is normalised as the weights were trained; a tensor [1, C, H, W] is taken as it is. A classifier
   * runs in its fully convolutional form (see `convolutionize`), over the weights that the model holds; a network that is
   * fully convolutional runs as it is. An image that is large is seen in overlapping tiles, with the same scores but for
   * float32's rounding.
   *
   * Rejects with a ConvzooError: `bad-shape` (an image smaller than the network can see), `bad-option` (also where the weights
   * are packed in a form that the `fine` network cannot read: the message says what to load), `unknown-class`, `too-large`,
   * what `convolutionize` throws, and what `classify` rejects with.
   */
  async dense(image: ImageSource | Tensor, options?: DenseOptions): Promise<ScoreMap> {
    const { dense } = await import("./dense/index.js");
    return dense(this.#parts, image, options);
  }

  /**
   * By how much the score of a class falls where a patch covers the image (Zeiler and Fergus, arXiv 1311.2901): a map of that
   * one class, high where the score hangs on what is there. The image is prepared as for `classify`, and the patch moves over
   * what the network then sees.
   *
   * Rejects with a ConvzooError: `unknown-class`, `bad-option`, and what `classify` rejects with.
   */
  async occlusion(image: ImageSource, label: number | string, options?: OcclusionOptions): Promise<ScoreMap> {
    const { occlusion } = await import("./dense/index.js");
    return occlusion(this.#parts, image, label, options);
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

  async #tensor(
    image: ImageSource,
    options: PreprocessOptions,
    signal?: AbortSignal,
    crops?: Crops,
  ): Promise<Tensor> {
    const views = crops === undefined ? undefined : (await import("./image/views.js")).viewsOf(crops);
    const { message, source } = await this.#parts.image(image, signal);
    const args = { image: message, options, views };
    return this.#parts.host.call("preprocess", args, { signal }).catch(naming(source));
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
