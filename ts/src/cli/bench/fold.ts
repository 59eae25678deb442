/**
 * A graph as the converters of other engines would leave it: batch norms folded into the convolutions before them (those
 * that stand alone become one multiply and add), relu and relu6 fused into their producer, features in channels-last
 * order. The .tflite and the tfjs form of a model are both written from this.
 */
import { type Graph, type GraphNode, neededBy } from "../../graph.js";
import type { Shape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";

export type Weights = ReadonlyMap<string, Tensor>;

type Pair = readonly [number, number];

export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  /** Top, left, bottom, right: the layer's own, and in ceil mode what the last window reaches. */
  readonly padding: readonly [number, number, number, number];
}

export interface At {
  /** Indices of the steps it reads. */
  readonly inputs: readonly number[];
  /** [C, H, W], or [F]. */
  readonly shape: Shape;
}

type Fused = "relu" | "relu6";

export type Step = At &
  (
    | { op: "input" }
    | {
        /** `weight` is [O, H, W, I / groups]. */
        op: "conv2d";
        window: Window;
        groups: number;
        weight: Float32Array;
        bias: Float32Array;
        fused?: Fused;
      }
    | { op: "linear"; weight: Float32Array; bias: Float32Array; fused?: Fused }
    | { op: "affine"; scale: Float32Array; shift: Float32Array; fused?: Fused }
    | { op: "add"; fused?: Fused }
    | { op: "activation"; kind: Fused | "sigmoid" | "silu" }
    | { op: "max_pool2d" | "avg_pool2d"; window: Window }
    | { op: "global_avg_pool2d" | "mul" | "concat" | "flatten" }
  );

type Op<T extends GraphNode["op"]> = Extract<GraphNode, { op: T }>;

/** `shapes` are those of the graph's nodes. Throws where a net has an operator that no benchmark needed yet. */
export function fold(graph: Graph, shapes: readonly (Shape | undefined)[], weights: Weights): Step[] {
  // Auxiliary heads are in the graph, but no part of the answer.
  const needed = neededBy(graph, [graph.output]);
  const readers = graph.nodes.map(() => 0);
  for (const [id, node] of graph.nodes.entries())
    if (node.op !== "input" && needed.has(id)) for (const input of node.inputs) readers[input]!++;
  const data = (node: { path: string }, name: string): Float32Array =>
    weights.get(`${node.path}.${name}`)!.data as Float32Array;

  const steps: Step[] = [];
  /** Which step gives a node's value. */
  const stepOf = new Map<number, number>();
  for (const [id, node] of graph.nodes.entries()) {
    if (!needed.has(id)) continue;
    const shape = shapes[id]!;
    const push = (step: Step): void => void stepOf.set(id, steps.push(step) - 1);
    if (node.op === "input") {
      push({ op: "input", inputs: [], shape });
      continue;
    }
    const at = { inputs: node.inputs.map((input) => stepOf.get(input)!), shape };
    const before = steps[at.inputs[0]!]!;
    const only = readers[node.inputs[0]!] === 1;
    switch (node.op) {
      case "conv2d": {
        const { groups, kernel, in_channels, out_channels } = node;
        const oihw = [out_channels, in_channels / groups, ...kernel];
        const weight = transpose(data(node, "weight"), oihw, [0, 2, 3, 1]);
        const bias = node.bias ? data(node, "bias").slice() : new Float32Array(out_channels);
        push({ op: "conv2d", ...at, window: windowOf(node, before.shape, shape), groups, weight, bias });
        break;
      }
      case "batch_norm2d": {
        const { scale, shift } = affineOf(node, data);
        if (before.op === "conv2d" && only && !before.fused) {
          scaleConv(before, scale, shift);
          stepOf.set(id, at.inputs[0]!);
        } else push({ op: "affine", ...at, scale, shift });
        break;
      }
      case "activation": {
        const { kind } = node;
        if (kind !== "relu" && kind !== "relu6" && kind !== "sigmoid" && kind !== "silu")
          throw new Error(`no folded form of ${kind} here yet`);
        const fuses = kind === "relu" || kind === "relu6";
        if (
          fuses &&
          only &&
          ["conv2d", "linear", "affine", "add"].includes(before.op) &&
          !("fused" in before)
        ) {
          Object.assign(before, { fused: kind });
          stepOf.set(id, at.inputs[0]!);
        } else push({ op: "activation", ...at, kind });
        break;
      }
      case "linear": {
        const weight = data(node, "weight");
        const map = before.op === "flatten" ? steps[before.inputs[0]!]!.shape : [];
        const [channels = 1, height = 1, width = 1] = map;
        const ordered = transpose(weight, [node.out_features, channels, height * width], [0, 2, 1]);
        const bias = node.bias ? data(node, "bias") : new Float32Array(node.out_features);
        push({ op: "linear", ...at, weight: map.length === 3 ? ordered : weight, bias });
        break;
      }
      case "max_pool2d":
      case "avg_pool2d":
        push({ op: node.op, ...at, window: windowOf(node, before.shape, shape) });
        break;
      case "adaptive_avg_pool2d":
        if (String(shape) === String(before.shape)) stepOf.set(id, at.inputs[0]!);
        else if (String(node.output) === "1,1") push({ op: "global_avg_pool2d", ...at });
        else throw new Error(`no folded form of an adaptive pooling to ${node.output} here yet`);
        break;
      case "flatten":
      case "concat":
      case "add":
      case "mul":
        push({ op: node.op, ...at });
        break;
      default:
        throw new Error(`no folded form of ${node.op} here yet`);
    }
  }
  return steps;
}

/** A batch norm as one multiply and add, rounded once. */
function affineOf(node: Op<"batch_norm2d">, data: (node: { path: string }, name: string) => Float32Array) {
  const [mean, variance] = [data(node, "running_mean"), data(node, "running_var")];
  const weight = node.affine ? data(node, "weight") : mean.map(() => 1);
  const bias = node.affine ? data(node, "bias") : mean.map(() => 0);
  const scale = weight.map((w, c) => w / Math.sqrt(variance[c]! + node.eps));
  return {
    scale,
    shift: bias.map((b, c) => b - (mean[c]! * weight[c]!) / Math.sqrt(variance[c]! + node.eps)),
  };
}

function scaleConv(conv: Extract<Step, { op: "conv2d" }>, scale: Float32Array, shift: Float32Array): void {
  const each = conv.weight.length / scale.length;
  for (let i = 0; i < conv.weight.length; i++) conv.weight[i]! *= scale[Math.floor(i / each)]!;
  for (let o = 0; o < scale.length; o++) conv.bias[o] = conv.bias[o]! * scale[o]! + shift[o]!;
}

function windowOf(node: Op<"conv2d" | "max_pool2d" | "avg_pool2d">, input: Shape, output: Shape): Window {
  const { kernel, stride } = node;
  const dilation = node.op === "avg_pool2d" ? ([1, 1] as const) : node.dilation;
  const [top, left, bottom, right] = node.padding;
  const behind = (axis: 0 | 1, front: number, back: number): number => {
    const reach = (output[1 + axis]! - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
    return Math.max(back, reach - input[1 + axis]! - front);
  };
  const padding = [top, left, behind(0, top, bottom), behind(1, left, right)] as const;
  if (node.op === "avg_pool2d" && padding.some((side) => side > 0))
    throw new Error("no folded form of a padded average pooling here yet");
  return { kernel, stride, dilation, padding };
}

/** The elements of an array of this shape with its axes in another order. */
export function transpose(
  data: Float32Array,
  shape: readonly number[],
  order: readonly number[],
): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const out = new Float32Array(data.length);
  let next = 0;
  const visit = (depth: number, from: number): void => {
    const axis = order[depth]!;
    const [size, stride] = [shape[axis]!, strides[axis]!];
    if (depth === order.length - 1) for (let i = 0; i < size; i++) out[next++] = data[from + i * stride]!;
    else for (let i = 0; i < size; i++) visit(depth + 1, from + i * stride);
  };
  visit(0, 0);
  return out;
}
