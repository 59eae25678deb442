/** A small network with every kind of kernel, its weights and its input, all by formula: what a GPU is asked before it is trusted. */
import type { Graph, GraphNode } from "../../../graph.js";
import type { weightKeys } from "../../../state.js";
import type { Tensor } from "../../../tensor.js";

type Inner = Exclude<GraphNode, { op: "input" }>;
/** A node without its inputs and its path. */
type Own<T> = T extends Inner ? Omit<T, "inputs" | "path"> : never;

const nodes: GraphNode[] = [{ op: "input", channels: 3 }];

/** Adds a node that is called after what it is there for. */
function add(path: string, own: Own<Inner>, ...inputs: readonly number[]): number {
  return nodes.push({ ...own, inputs, path } as GraphNode) - 1;
}

/** A convolution that keeps the map's size, unless its stride says otherwise. */
function conv(
  path: string,
  from: number,
  [inputs, outputs]: readonly [number, number],
  [rows, columns]: readonly [number, number],
  { stride = 1, dilation = 1, groups = 1 } = {},
): number {
  const [down, across] = [(dilation * (rows - 1)) >> 1, (dilation * (columns - 1)) >> 1];
  return add(
    path,
    {
      op: "conv2d",
      in_channels: inputs,
      out_channels: outputs,
      kernel: [rows, columns],
      stride: [stride, stride],
      padding: [down, across, down, across],
      same: false,
      dilation: [dilation, dilation],
      groups,
      bias: true,
    },
    from,
  );
}

const norm = (path: string, from: number, channels: number): number =>
  add(path, { op: "batch_norm2d", channels, eps: 1e-5, affine: true }, from);
const act = (kind: (Inner & { op: "activation" })["kind"], from: number): number =>
  add(kind, { op: "activation", kind }, from);

const window = {
  kernel: [3, 3],
  stride: [2, 2],
  padding: [1, 1, 1, 1],
  same: false,
  dilation: [1, 1],
} as const;

/** Height and width of the input. */
export const SIDES = [38, 34] as const;

/** Maps that are looked at: where layers that are computed together end. */
export const SEEN: number[] = [];

function build(): number {
  const stem = act("relu", conv("stem", 0, [3, 16], [3, 3]));
  // Large enough for Winograd's algorithms.
  const many = act("relu", conv("widen", stem, [16, 224], [1, 1]));
  const large3x3 = act("relu", norm("norm", conv("conv3x3", many, [224, 224], [3, 3]), 224));
  const wide = act("relu", conv("narrow", large3x3, [224, 32], [1, 1], { stride: 2 }));
  // A block as MobileNet v3's: depthwise, squeeze and excitation, residual.
  const deep = act(
    "hardswish",
    norm("norm.1", conv("depthwise", wide, [32, 32], [3, 3], { groups: 32 }), 32),
  );
  const squeezed = add("squeeze", { op: "adaptive_avg_pool2d", output: [1, 1] }, deep);
  const less = act("silu", conv("reduce", squeezed, [32, 8], [1, 1]));
  const gate = act("hardsigmoid", conv("expand", less, [8, 32], [1, 1]));
  const excited = add("mul", { op: "mul" }, deep, gate);
  const residual = act("relu6", add("add", { op: "add" }, conv("conv1x1", excited, [32, 32], [1, 1]), wide));
  // Branches, whose channels are and are not multiples of four, side by side.
  SEEN.push(residual);
  const grouped = act("gelu", conv("grouped", residual, [32, 32], [3, 3], { groups: 4, stride: 2 }));
  const flat = conv("conv1x7", residual, [32, 6], [1, 7], { stride: 2 });
  const large = act("sigmoid", conv("depthwise5x5", residual, [32, 32], [5, 5], { groups: 32, stride: 2 }));
  const most = add("max_pool2d", { op: "max_pool2d", ...window, ceil_mode: false }, residual);
  const mean = add(
    "avg_pool2d",
    { op: "avg_pool2d", ...window, ceil_mode: false, count_include_pad: true },
    residual,
  );
  // What nothing can take into it.
  const total = add("add.1", { op: "add" }, mean, act("silu", most), most);
  const gated = add("mul.1", { op: "mul" }, total, gate);
  const joined = add("concat", { op: "concat" }, grouped, flat, large, gated);
  const part = add("slice", { op: "slice", start: 3, end: 99 }, joined);
  const mixed = add("channel_shuffle", { op: "channel_shuffle", groups: 3 }, part);
  const locally = add(
    "local_response_norm",
    { op: "local_response_norm", size: 5, alpha: 0.5, beta: 0.75, k: 1 },
    mixed,
  );
  SEEN.push(joined, locally);
  // Channels enough for all threads of a workgroup, or half of them, to share a pixel.
  const wider = conv("wider", locally, [96, 300], [1, 1]);
  const even = add("layer_norm2d.1", { op: "layer_norm2d", channels: 300, eps: 1e-6 }, wider);
  const chances = add("softmax.1", { op: "softmax" }, even);
  const logs = add("log_softmax.1", { op: "log_softmax" }, even);
  const low = add("adaptive_avg_pool2d.1", { op: "adaptive_avg_pool2d", output: [1, 1] }, chances);
  const high = add("adaptive_max_pool2d.1", { op: "adaptive_max_pool2d", output: [1, 1] }, logs);
  SEEN.push(chances, logs, low, high);
  const ends = add("flatten.1", { op: "flatten" }, add("add.2", { op: "add" }, low, high));
  const hint = add("linear.1", { op: "linear", in_features: 300, out_features: 34, bias: true }, ends);
  const bent = add("prelu", { op: "prelu", channels: 96 }, locally);
  const normed = add("layer_norm2d", { op: "layer_norm2d", channels: 96, eps: 1e-6 }, bent);
  const scaled = add("layer_scale", { op: "layer_scale", channels: 96 }, normed);
  const moved = add("affine", { op: "affine", scale: [0.5], shift: [0.25] }, scaled);
  const padded = add("pad2d", { op: "pad2d", padding: [1, 0, 1, 0] }, moved);
  const more = add("pad_channels", { op: "pad_channels", before: 3, after: 2 }, padded);
  SEEN.push(more);
  const dilated = act("tanh", conv("dilated", more, [101, 20], [3, 3], { dilation: 2 }));
  const pooled = add("adaptive_max_pool2d", { op: "adaptive_max_pool2d", output: [3, 2] }, dilated);
  const vector = add("flatten", { op: "flatten" }, pooled);
  const hidden = act(
    "relu",
    add("linear", { op: "linear", in_features: 120, out_features: 34, bias: true }, vector),
  );
  const both = add("add.3", { op: "add" }, hidden, hint);
  const scores = add("classifier", { op: "linear", in_features: 34, out_features: 10, bias: true }, both);
  return add(
    "sum",
    { op: "add" },
    add("softmax", { op: "softmax" }, scores),
    add("log_softmax", { op: "log_softmax" }, scores),
  );
}

/** Numbers from -1 to 1 by their index: MurmurHash3's finaliser. */
export function uniform(seed: number, i: number): number {
  let x = Math.imul(i + 1, 0x9e3779b9) ^ Math.imul(seed + 1, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 8) * 2 ** -23 - 1;
}

const numbers = (seed: number, length: number, value: (u: number) => number): Float32Array =>
  Float32Array.from({ length }, (_, i) => value(uniform(seed, i)));

/** The weights, by the keys that `keysOf` gives; they keep the maps' magnitude. */
export function weightsOf(keysOf: typeof weightKeys): ReadonlyMap<string, Tensor> {
  const weights = new Map<string, Tensor>();
  for (const [seed, node] of nodes.entries()) {
    for (const [k, key] of keysOf(node).entries()) {
      const shape = shapeOf(node, key);
      const depth = shape.slice(1).reduce((a, b) => a * b, 1);
      const near = (middle: number, by: number) => (u: number) => middle + by * u;
      let value = near(key.endsWith("mean") || key.endsWith("bias") ? 0 : 1, 0.25);
      if (shape.length > 1) value = near(0, Math.sqrt(6 / depth));
      if (node.op === "prelu") value = near(0.25, 0.25);
      weights.set(key, { shape, data: numbers(100 * seed + k, shape[0]! * depth, value) });
    }
  }
  return weights;
}

function shapeOf(node: GraphNode, key: string): readonly number[] {
  if (node.op === "conv2d")
    return key.endsWith("bias")
      ? [node.out_channels]
      : [node.out_channels, node.in_channels / node.groups, ...node.kernel];
  if (node.op === "linear")
    return key.endsWith("bias") ? [node.out_features] : [node.out_features, node.in_features];
  return [(node as { readonly channels: number }).channels];
}

const output = build();

/** Each node is an output that can be asked for, by its path and its id. */
export const GRAPH: Graph = {
  nodes,
  output,
  paths: Object.fromEntries(nodes.map((node, id) => [node.op === "input" ? "" : `${node.path} ${id}`, id])),
};

export const INPUT: Tensor = {
  shape: [1, 3, ...SIDES],
  data: numbers(1, 3 * SIDES[0] * SIDES[1], (u) => u),
};
