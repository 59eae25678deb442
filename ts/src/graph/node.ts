/** The nodes of a graph, and the node of each layer. */
import { pairOf, type Sides } from "../check.js";
import { ConvzooError } from "../errors.js";
import type { ActivationKind, Conv2d, Leaf, Pair, Size } from "../layers.js";

interface At {
  /** Ids of the nodes it reads. */
  readonly inputs: readonly number[];
  /** Where it stands in the net; for a step that is no child, the path of the module that it is a step of. */
  readonly path: string;
}

interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Zeros with `same`, where the padding follows from the input's size, as TensorFlow has it. */
  readonly padding: Sides;
  readonly same: boolean;
}

/** A node of a {@link Graph}; its names are those of the JSON that the Rust core reads. */
export type GraphNode =
  | { readonly op: "input"; readonly channels: number }
  | (At &
      Windows & {
        readonly op: "conv2d";
        readonly in_channels: number;
        readonly out_channels: number;
        readonly dilation: Pair;
        readonly groups: number;
        readonly bias: boolean;
      })
  | (At & Windows & { readonly op: "max_pool2d"; readonly dilation: Pair; readonly ceil_mode: boolean })
  | (At &
      Windows & {
        readonly op: "avg_pool2d";
        readonly dilation: Pair;
        readonly ceil_mode: boolean;
        readonly count_include_pad: boolean;
      })
  | (At & { readonly op: "adaptive_avg_pool2d" | "adaptive_max_pool2d"; readonly output: Pair })
  | (At & {
      readonly op: "linear";
      readonly in_features: number;
      readonly out_features: number;
      readonly bias: boolean;
    })
  | (At & { readonly op: "activation"; readonly kind: ActivationKind })
  | (At & { readonly op: "prelu" | "layer_scale"; readonly channels: number })
  | (At & {
      readonly op: "batch_norm2d";
      readonly channels: number;
      readonly eps: number;
      readonly affine: boolean;
    })
  | (At & { readonly op: "layer_norm2d"; readonly channels: number; readonly eps: number })
  | (At & {
      readonly op: "local_response_norm";
      readonly size: number;
      readonly alpha: number;
      readonly beta: number;
      readonly k: number;
    })
  | (At & { readonly op: "affine"; readonly scale: readonly number[]; readonly shift: readonly number[] })
  | (At & { readonly op: "slice"; readonly start: number; readonly end: number })
  | (At & { readonly op: "pad2d"; readonly padding: Sides })
  | (At & { readonly op: "pad_channels"; readonly before: number; readonly after: number })
  | (At & { readonly op: "channel_shuffle"; readonly groups: number })
  | (At & { readonly op: "flatten" | "softmax" | "log_softmax" | "concat" | "add" | "mul" });

/** The node of a layer that reads node `input`; undefined for a layer that leaves the value alone. */
export function nodeOf(layer: Leaf, path: string, input: number): GraphNode | undefined {
  const at: At = { inputs: [input], path };
  switch (layer.op) {
    case "conv2d": {
      const { op, dilation, groups, bias } = layer;
      const channels = { in_channels: layer.inChannels, out_channels: layer.outChannels };
      return { op, ...at, ...channels, ...windowsOf(layer), dilation, groups, bias };
    }
    case "linear": {
      const { op, inFeatures, outFeatures, bias } = layer;
      if (!layer.perPixel) return { op, ...at, in_features: inFeatures, out_features: outFeatures, bias };
      // The same numbers in the same order, so the checkpoint's [out, in] is packed as [out, in, 1, 1].
      const window = { kernel: [1, 1], stride: [1, 1], padding: 0 } as const;
      const channels = { in_channels: inFeatures, out_channels: outFeatures };
      return { op: "conv2d", ...at, ...channels, ...windowsOf(window), dilation: [1, 1], groups: 1, bias };
    }
    case "max_pool2d": {
      const dilation = pairOf(layer.dilation);
      return { op: layer.op, ...at, ...windowsOf(layer), dilation, ceil_mode: layer.ceilMode };
    }
    case "avg_pool2d": {
      const { op, ceilMode, countIncludePad } = layer;
      const dilation = pairOf(layer.dilation);
      const counts = { ceil_mode: ceilMode, count_include_pad: countIncludePad };
      return { op, ...at, ...windowsOf(layer), dilation, ...counts };
    }
    case "adaptive_avg_pool2d":
    case "adaptive_max_pool2d":
      return { op: layer.op, ...at, output: pairOf(layer.output) };
    case "activation":
      return { op: layer.op, ...at, kind: layer.kind };
    case "prelu":
      return { op: layer.op, ...at, channels: layer.slopes };
    case "batch_norm2d": {
      const { op, channels, eps, affine } = layer;
      return { op, ...at, channels, eps, affine };
    }
    case "layer_norm2d":
      return { op: layer.op, ...at, channels: layer.channels, eps: layer.eps };
    case "layer_scale":
    case "local_response_norm":
    case "affine":
    case "slice":
    case "pad2d":
    case "pad_channels":
    case "channel_shuffle":
      return { ...layer, ...at };
    case "flatten":
    case "softmax":
    case "log_softmax":
      return { op: layer.op, ...at };
    case "dropout":
    case "stochastic_depth":
    case "identity":
      return undefined;
    default: {
      const { op } = layer satisfies never as Leaf;
      const message = `${path}: no operator is called "${op}"; make layers with the builders.`;
      throw new ConvzooError("bad-net", message, { node: path });
    }
  }
}

function windowsOf(layer: {
  readonly kernel: Size;
  readonly stride: Size;
  readonly padding: Size | Conv2d["padding"];
}): Windows {
  const { padding } = layer;
  const same = padding === "same";
  const given = same ? 0 : padding;
  const [top, left, bottom = top, right = left] = typeof given === "number" ? pairOf(given) : given;
  return {
    kernel: pairOf(layer.kernel),
    stride: pairOf(layer.stride),
    padding: [top, left, bottom, right],
    same,
  };
}
