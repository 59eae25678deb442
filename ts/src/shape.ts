import { show } from "./check.js";
import { ConvzooError } from "./errors.js";
import { type Graph, type GraphNode, neededBy } from "./graph.js";

/** The shape of one image's value, without the batch: [C, H, W], or [F] when flat. */
export type Shape = readonly number[];

/** One direction of a convolution or pooling. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before and after. */
  readonly padding: readonly [number, number];
  /** Whether a last window may hang over the end. */
  readonly ceil: boolean;
}

/**
 * How many windows fit on `size` pixels, as PyTorch counts them; 0 where none does. In ceil mode the last one
 * may hang over the end, but may not begin in the padding behind the input.
 */
export function windowCount(size: number, { kernel, stride, dilation, padding, ceil }: Window): number {
  const [before, after] = padding;
  const steps = (size + before + after - dilation * (kernel - 1) - 1) / stride;
  if (!ceil) return Math.max(0, Math.floor(steps) + 1);
  const count = Math.ceil(steps) + 1;
  return Math.max(0, (count - 1) * stride >= size + before ? count - 1 : count);
}

/**
 * The shape of every node's value, by id, for an input [C, H, W]; undefined for what the net's output does not need
 * and what does not fit at this size.
 *
 * Throws `bad-shape` where the input is not of that form or has other channels than the net reads, and where
 * a layer's window or a Linear does not fit at this size (the message names the layer and the smallest square
 * input that works); `bad-net` where layers would not fit together at any size.
 */
export function shapesOf(graph: Graph, input: Shape): Shapes {
  const channels = channelsOf(graph);
  if (!Array.isArray(input) || input.length !== 3 || !input.every((n) => Number.isSafeInteger(n) && n > 0)) {
    const form = `[channels, height, width], whole numbers from 1, no batch (here [${channels}, H, W])`;
    throw new ConvzooError("bad-shape", `The input's shape must be ${form}, but is ${show(input)}.`);
  }
  if (input[0] !== channels) {
    const message = `The network reads ${channels} channels, but the input ${times(input)} has ${input[0]}.`;
    throw new ConvzooError(
      "bad-shape",
      `${message} Convert the image, or build the network with inChannels: ${input[0]}.`,
    );
  }
  const found = infer(graph, input);
  if (!("misfit" in found)) return found.shapes;
  const { path, misfit } = found;
  throw new ConvzooError("bad-shape", `${path}: ${misfit}. ${advice(graph, input)}`, { node: path });
}

/**
 * The smallest side of a square input that the whole graph fits on, up to 1024; undefined where none does.
 */
export function smallestSide(graph: Graph): number | undefined {
  const channels = channelsOf(graph);
  for (let side = 1; side <= 1024; side++)
    if (!("misfit" in infer(graph, [channels, side, side]))) return side;
  return undefined;
}

function advice(graph: Graph, input: Shape): string {
  const least = smallestSide(graph);
  if (least === undefined)
    return "No square input of up to 1024 x 1024 fits this network: correct its layers.";
  const smallest = `the smallest square input that works is ${least} x ${least}`;
  if (input.slice(1).some((side) => side < least)) {
    return `The input ${times(input)} is too small for this network: ${smallest}.`;
  }
  return `No input of ${times(input)} fits this network: ${smallest}; for other sizes, convolutionize it.`;
}

type Shapes = readonly (Shape | undefined)[];
/** What {@link infer} finds: the shapes, or the layer that does not fit and why. */
export type Inferred = { readonly shapes: Shapes } | { readonly path: string; readonly misfit: string };

/**
 * Nothing is thrown for a size that does not fit, since `smallestSide` tries many. What the graph's output does not
 * need (auxiliary heads) need not fit: it has no shape then.
 */
export function infer(graph: Graph, input: Shape): Inferred {
  const needed = neededBy(graph, [graph.output]);
  const shapes: (Shape | undefined)[] = [];
  for (const [id, node] of graph.nodes.entries()) {
    const inputs = node.op === "input" ? [] : node.inputs.map((from) => shapes[from]);
    const known = inputs.filter((shape) => shape !== undefined);
    let shape: Shape | string | undefined = input;
    if (node.op !== "input") shape = known.length === inputs.length ? nodeShape(node, known) : undefined;
    if (typeof shape === "string") {
      if (needed.has(id) && node.op !== "input") return { path: layerAt(graph, id), misfit: shape };
      shape = undefined;
    }
    shapes.push(shape);
  }
  return { shapes };
}

/** The path of a node's layer; of a step, which has none, that of a layer whose output it reads. */
function layerAt(graph: Graph, id: number): string {
  const node = graph.nodes[id];
  if (!node || node.op === "input") return "input";
  return node.path || layerAt(graph, node.inputs.at(-1) ?? -1);
}

type Inner = Exclude<GraphNode, { op: "input" }>;

/** The shape that a node gives, or why it gives none at this size. */
function nodeShape(node: Inner, inputs: readonly Shape[]): Shape | string {
  const input = inputs[0] ?? [];
  switch (node.op) {
    case "activation":
    case "softmax":
    case "log_softmax":
      return input;
    case "batch_norm2d":
    case "layer_norm2d":
    case "layer_scale":
      return channelsMatch(node, input, node.channels);
    case "prelu":
      return node.channels === 1 ? input : channelsMatch(node, input, node.channels);
    case "affine": {
      const counts = [node.scale.length, node.shift.length].filter((count) => count !== 1);
      return counts.every((count) => count === input[0]) ? input : channelsMatch(node, input, counts[0] ?? 1);
    }
    case "local_response_norm":
      return mapOf(node, input);
    case "channel_shuffle": {
      const [channels] = mapOf(node, input);
      if (channels % node.groups === 0) return input;
      throw misfit(node, `needs a multiple of ${node.groups} channels, but gets ${times(input)}`);
    }
    case "slice": {
      if (node.end <= (input[0] ?? 0)) return [node.end - node.start, ...input.slice(1)];
      throw misfit(node, `takes channels ${node.start} to ${node.end}, but gets ${times(input)}`);
    }
    case "pad_channels":
      return [node.before + (input[0] ?? 0) + node.after, ...input.slice(1)];
    case "pad2d": {
      const [channels, height, width] = mapOf(node, input);
      const [top, left, bottom, right] = node.padding;
      const padded = [channels, height + top + bottom, width + left + right];
      return padded.every((side) => side > 0) ? padded : `the cut leaves nothing of ${times(input)}`;
    }
    case "flatten":
      return [input.reduce((a, b) => a * b, 1)];
    case "linear": {
      if (input.length !== 1)
        throw misfit(node, `reads flat features, but gets ${times(input)}: put flatten() before it`);
      if (input[0] === node.in_features) return [node.out_features];
      return `the linear layer reads ${node.in_features} features, but gets ${input[0]}`;
    }
    case "conv2d": {
      const [channels] = mapOf(node, input);
      if (channels === node.in_channels) return windows(node, input, node.out_channels);
      throw misfit(node, `reads ${node.in_channels} channels, but gets ${times(input)}`);
    }
    case "max_pool2d":
    case "avg_pool2d":
      return windows(node, input, mapOf(node, input)[0]);
    case "adaptive_avg_pool2d":
    case "adaptive_max_pool2d":
      return [mapOf(node, input)[0], ...node.output];
    case "concat":
    case "add":
    case "mul":
      return joined(node, inputs);
  }
}

/** The shape of branches brought together. */
function joined(node: Inner, inputs: readonly Shape[]): Shape | string {
  const [input = []] = inputs;
  const shapes = inputs.map(times).join(" and ");
  const perChannel = node.op === "mul" && times(inputs[1] ?? []) === `${input[0]} x 1 x 1`;
  if (perChannel) return mapOf(node, input);
  if (inputs.some((other) => other.length !== input.length))
    throw misfit(node, `joins maps and flat features, ${shapes}: flatten all or none`);
  // Flat features may come of the input's size, channels never do.
  if (node.op !== "concat" && input.length === 3 && inputs.some((other) => other[0] !== input[0]))
    throw misfit(node, `reads values of one shape, but gets ${shapes}`);
  const from = node.op === "concat" ? 1 : 0;
  if (inputs.some((other) => times(other.slice(from)) !== times(input.slice(from))))
    return `the branches of ${node.op} have different sizes, ${shapes}`;
  if (node.op !== "concat") return input;
  return [inputs.reduce((sum, other) => sum + (other[0] ?? 0), 0), ...input.slice(1)];
}

function channelsMatch(node: Inner, input: Shape, channels: number): Shape {
  if (input[0] === channels) return input;
  throw misfit(node, `reads ${channels} channels, but gets ${times(input)}`);
}

function windows(node: Extract<Inner, { same: boolean }>, input: Shape, channels: number): Shape | string {
  const [, height, width] = mapOf(node, input);
  const [top, left, bottom, right] = node.padding;
  const ceil = node.op !== "conv2d" && node.ceil_mode;
  const along = (axis: 0 | 1, size: number, padding: readonly [number, number]): number => {
    if (node.same) return Math.ceil(size / node.stride[axis]);
    return windowCount(size, {
      kernel: node.kernel[axis],
      stride: node.stride[axis],
      dilation: node.dilation[axis],
      padding,
      ceil,
    });
  };
  const rows = along(0, height, [top, bottom]);
  const columns = along(1, width, [left, right]);
  if (rows > 0 && columns > 0) return [channels, rows, columns];
  const what = node.op === "conv2d" ? "convolution" : "pooling";
  return `a ${what} window of ${times(node.kernel)} does not fit on the layer's input, ${times(input)}`;
}

function mapOf(node: Inner, shape: Shape): readonly [number, number, number] {
  const [channels, height, width] = shape;
  if (channels !== undefined && height !== undefined && width !== undefined) return [channels, height, width];
  throw misfit(node, `reads a map [C, H, W], but gets ${times(shape)} flat features`);
}

function channelsOf(graph: Graph): number {
  const first = graph.nodes[0];
  if (first?.op === "input") return first.channels;
  throw new ConvzooError(
    "bad-net",
    "The first node of a graph must be its input: make graphs with lower(net).",
  );
}

const misfit = (node: Inner, what: string): ConvzooError =>
  new ConvzooError("bad-net", `${node.path || node.op}: ${node.op} ${what}.`, { node: node.path });

const times = (shape: Shape): string => shape.join(" x ");
