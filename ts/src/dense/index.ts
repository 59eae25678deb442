/** Dense prediction: a classifier slid over an image, in one pass. */
import { areProbabilities } from "../classify.js";
import { ConvzooError } from "../errors.js";
import type { ImageSource } from "../image/input.js";
import { shapesOf } from "../shape.js";
import type { Pixels, Tensor } from "../tensor.js";
import { type Fields, fieldsOf } from "./field.js";
import { type Grid, gridAxis } from "./grid.js";
import { type DenseModel, type DenseProgress, pixelsOf } from "./model.js";
import { merge, type Placed, type Scales, sizesOf } from "./scales.js";
import { planScan, type Scan } from "./scan.js";
import { classIndex, ScoreMap } from "./score-map.js";
import { pixelSource, type Source, tensorSource } from "./source.js";
import { type View, type ViewOptions, viewOf } from "./view.js";

export type { DenseModel, DenseProgress } from "./model.js";
export { type OcclusionOptions, occlusion } from "./occlusion.js";

/** Options of `model.dense`. */
export interface DenseOptions extends ViewOptions {
  /**
   * What becomes of a global average pooling: `"window"` (the default) averages over a window as large as the network's own
   * map, so that each score is that of a crop; `"cell"` leaves it out, which gives class activation maps.
   */
  readonly pooling?: "window" | "cell";
  /** OverFeat's finer map: the last max-pooling at stride 1, all later layers dilated. False by default. */
  readonly fine?: boolean;
  /**
   * Factors by which the image is resized before it is seen, [1] by default; or `"overfeat"`, the six sizes of arXiv
   * 1312.6229 (245 x 245 to 461 x 569, the longer side along the image's longer one; without the paper's reflections). The
   * maps are averaged on the finest one's grid; `maps` has each, and `max()` the paper's rule for one prediction.
   */
  readonly scales?: Scales;
  /** Pixels (of the resized image) from a cell that is kept to the next: a multiple of the network's stride. All by default. */
  readonly stride?: number;
  /** The classes whose maps are kept, by name or index; all by default. */
  readonly classes?: readonly (number | string)[];
  /**
   * Bytes that the network's maps may take at a time; an image for which that is too little is seen in overlapping tiles, the
   * fewer the more memory there is. By default 1 GiB for an image in one piece, and 256 MiB for tiles.
   */
  readonly memory?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DenseProgress) => void;
}

/** Bytes for an image in one piece, and for each tile of one that needs more. */
const MEMORY = [2 ** 30, 2 ** 28] as const;

/** See `Model.dense`. */
export async function dense(
  model: DenseModel,
  image: ImageSource | Tensor,
  options: DenseOptions = {},
): Promise<ScoreMap> {
  const { pooling, fine, scales = [1], signal, onProgress } = options;
  checkOptions(options);
  signal?.throwIfAborted();
  const view = await viewOf(model, { pooling, fine });
  const given = isTensor(image) ? image : await pixelsOf(model, image, signal);
  const sources = isTensor(given)
    ? [checkTensor(given, scales)]
    : await resized(model, given, scales, signal);
  const [height, width] = isTensor(given) ? given.shape.slice(2) : [given.height, given.width];
  const extent = [height!, width!] as const;
  const fits = sources.map((source) => fitOf(view, source));
  const labels = await model.labels(fits[0]!.channels);
  const classes = options.classes?.map((label) => classIndex(label, labels));
  const memory = options.memory === undefined ? MEMORY : ([options.memory, options.memory] as const);
  const scans: Scan[] = [];
  for (const [k, { fields, channels }] of fits.entries()) {
    const kept = { classes: checkClasses(classes, channels), every: thinning(fields, options.stride) };
    scans.push(await planScan(model.host, view, sources[k]!, fields, { ...kept, memory, signal }));
  }
  const total = scans.reduce((sum, { tiles }) => sum + tiles, 0);
  let done = 0;
  const placed: Placed[] = [];
  for (const scan of scans) {
    const scores = await scan.run(() => onProgress?.({ done: ++done, total }));
    placed.push({ scores, grid: gridOf(scan, extent, view.size) });
  }
  const kept = checkClasses(classes, fits[0]!.channels);
  const of = {
    classes: kept,
    labels,
    areProbabilities: areProbabilities(view.graph, view.graph.output),
  };
  const maps = placed.map((one) => new ScoreMap({ ...one, ...of }));
  return maps.length === 1 ? maps[0]! : new ScoreMap({ ...merge(placed), ...of, maps });
}

function checkOptions({ stride, memory, pooling, fine, classes }: DenseOptions): void {
  const fail = (message: string): never => {
    throw new ConvzooError("bad-option", message);
  };
  const isWhole = (n: unknown) => n === undefined || (Number.isInteger(n) && (n as number) > 0);
  if (!isWhole(stride)) fail(`stride is a whole number of pixels, at least 1, not ${String(stride)}.`);
  if (!isWhole(memory)) fail(`memory is a whole number of bytes, at least 1, not ${String(memory)}.`);
  if (pooling !== undefined && pooling !== "window" && pooling !== "cell")
    fail(`pooling is "window" or "cell", not ${JSON.stringify(pooling)}.`);
  if (fine !== undefined && typeof fine !== "boolean") fail(`fine is true or false, not ${String(fine)}.`);
  if (classes !== undefined && !(Array.isArray(classes) && classes.length > 0))
    fail("classes is a list of names or indices of classes, of at least one.");
}

function isTensor(image: ImageSource | Tensor): image is Tensor {
  return typeof image === "object" && image !== null && "shape" in image && "data" in image;
}

function checkTensor(tensor: Tensor, scales: Scales): Source {
  const { shape, data } = tensor;
  const isShape = Array.isArray(shape) && shape.length === 4 && shape[0] === 1;
  // By tag, since an array of another realm is one too.
  const isFloats = Object.prototype.toString.call(data) === "[object Float32Array]";
  if (!isShape || !isFloats || data.length !== shape.reduce((a, b) => a * b, 1)) {
    const message = "A tensor for dense has the shape [1, C, H, W] and a Float32Array of as many numbers.";
    throw new ConvzooError("bad-shape", message);
  }
  if (scales === "overfeat" || scales.length !== 1 || scales[0] !== 1) {
    throw new ConvzooError("bad-option", "A tensor is not resized; pass an image for scales other than [1].");
  }
  return tensorSource(tensor);
}

async function resized(
  { host, preprocess }: DenseModel,
  pixels: Pixels,
  scales: Scales,
  signal?: AbortSignal,
): Promise<readonly Source[]> {
  const options = preprocess();
  const sources: Source[] = [];
  for (const { width, height } of sizesOf(pixels, scales)) {
    const target = { width, height, filter: options.interpolation };
    const isSame = width === pixels.width && height === pixels.height;
    const small = isSame ? pixels : (await host.call("resize", { pixels, ...target }, { signal }))[1];
    sources.push(pixelSource(host, small, options, signal));
  }
  return sources;
}

/** The network at the size of a source: its cells' fields, and how many classes it has. Throws `bad-shape` where it is too small. */
function fitOf({ graph }: View, source: Source): { fields: Fields; channels: number } {
  try {
    const shapes = shapesOf(graph, source.shape);
    return { fields: fieldsOf(graph, shapes), channels: shapes[graph.output]![0]! };
  } catch (error) {
    const [channels, height, width] = source.shape;
    const [first] = graph.nodes;
    const isSmall = first?.op === "input" && first.channels === channels;
    if (!(error instanceof ConvzooError) || error.code !== "bad-shape" || !isSmall) throw error;
    const message = `${error.message} This one is ${width} x ${height}: pass scales above 1 to see it enlarged.`;
    throw new ConvzooError("bad-shape", message, { node: error.node });
  }
}

/** The indices of the classes that are kept. Throws `unknown-class`. */
export function checkClasses(classes: readonly number[] | undefined, channels: number): readonly number[] {
  const all = Array.from({ length: channels }, (_, index) => index);
  const missing = classes?.find((index) => !all.includes(index));
  if (missing === undefined) return classes ?? all;
  const message = `The network has classes 0 to ${channels - 1}, but no ${missing}.`;
  throw new ConvzooError("unknown-class", message);
}

/** Every how manyth cell is kept. Throws `bad-option` for a distance that the network's cells do not have. */
function thinning({ rows, columns }: Fields, stride: number | undefined): number {
  if (stride === undefined) return 1;
  const every = stride / rows.stride;
  if (Number.isInteger(every) && rows.stride === columns.stride) return every;
  const message = `stride is a multiple of the network's, ${rows.stride} pixels, not ${stride}.`;
  throw new ConvzooError("bad-option", message);
}

function gridOf({ fields, every }: Scan, extent: readonly [number, number], size: View["size"]): Grid {
  const { rows, columns, whole } = fields;
  const common = { every, whole: whole !== undefined };
  return {
    rows: gridAxis(rows, { extent: extent[0], window: size[0], ...common }),
    columns: gridAxis(columns, { extent: extent[1], window: size[1], ...common }),
  };
}
