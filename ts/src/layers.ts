/** Networks as plain data: what layers there are, and how they are put together. Builders are in layers/. */
import type { Sides } from "./check.js";

export * from "./layers/activation.js";
export * from "./layers/conv.js";
export * from "./layers/module.js";
export * from "./layers/norm.js";
export * from "./layers/pool.js";
export * from "./layers/reorder.js";

/** Height and width, or top-bottom and left-right. */
export type Pair = readonly [number, number];

/** One number for both directions, or height and width. */
export type Size = number | Pair;

/** Conv2d: PyTorch's, weight [out, in / groups, kh, kw]. */
export interface Conv2d {
  readonly op: "conv2d";
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  /** `"same"` is TensorFlow's: as much as gives size / stride rounded up, the odd pixel at the end. */
  readonly padding: Pair | Sides | "same";
  readonly dilation: Pair;
  readonly groups: number;
  readonly bias: boolean;
  /** Of one made of a Linear: that one's weight, [out, in], which a checkpoint may hold in place of this one's. */
  readonly linear?: Pair;
}
/** Linear: weight [out, in]; reads flat features, or with `perPixel` the channels of each pixel of a map. */
export interface Linear {
  readonly op: "linear";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
  readonly perPixel: boolean;
}

/** The functions that work on each number by itself. */
export type ActivationKind =
  | "relu"
  | "relu6"
  | "hardswish"
  | "hardsigmoid"
  | "sigmoid"
  | "silu"
  | "gelu"
  | "tanh";
export interface Activation {
  readonly op: "activation";
  readonly kind: ActivationKind;
  readonly inplace: boolean;
}
/** PReLU with one slope, or one a channel: weight [slopes]. */
export interface PReLU {
  readonly op: "prelu";
  readonly slopes: number;
}

/** Batch norm by its running statistics; a weight and a bias if `affine`. */
export interface BatchNorm2d {
  readonly op: "batch_norm2d";
  readonly channels: number;
  readonly eps: number;
  readonly momentum: number;
  readonly affine: boolean;
}
/** Layer norm over the channels of each pixel: torchvision's LayerNorm2d, or LayerNorm behind a permutation. */
export interface LayerNorm2d {
  readonly op: "layer_norm2d";
  readonly type: "LayerNorm" | "LayerNorm2d";
  readonly channels: number;
  readonly eps: number;
}
export interface LocalResponseNorm {
  readonly op: "local_response_norm";
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}
/**
 * A factor a channel, [channels, 1, 1], which is a parameter of the module that it is a child of: its key is
 * its path, and no print shows it.
 */
export interface LayerScale {
  readonly op: "layer_scale";
  readonly channels: number;
}

export interface MaxPool2d {
  readonly op: "max_pool2d";
  readonly kernel: Size;
  readonly stride: Size;
  /** Four numbers are [top, left, bottom, right], which no print shows. */
  readonly padding: Size | Sides | "same";
  readonly dilation: Size;
  readonly ceilMode: boolean;
}
export interface AvgPool2d {
  readonly op: "avg_pool2d";
  readonly kernel: Size;
  readonly stride: Size;
  /** Four numbers are [top, left, bottom, right], which no print shows. */
  readonly padding: Size | Sides | "same";
  /** Cells of a window are this far apart, which PyTorch does not have. */
  readonly dilation: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
}
export interface AdaptiveAvgPool2d {
  readonly op: "adaptive_avg_pool2d";
  readonly output: Size;
}
export interface AdaptiveMaxPool2d {
  readonly op: "adaptive_max_pool2d";
  readonly output: Size;
}

/** Softmax over the channels (dimension 1). */
export interface Softmax {
  readonly op: "softmax";
  readonly dim: 1;
}
/** The logarithm of the softmax. */
export interface LogSoftmax {
  readonly op: "log_softmax";
  readonly dim: 1;
}

/** Flatten from dimension 1: [N, C, H, W] to [N, C * H * W], channels first. */
export interface Flatten {
  readonly op: "flatten";
}
/** ZeroPad2d; a negative number cuts. */
export interface Pad2d {
  readonly op: "pad2d";
  readonly padding: Sides;
}
/** ChannelShuffle: channels [groups, C / groups] become [C / groups, groups]. */
export interface ChannelShuffle {
  readonly op: "channel_shuffle";
  readonly groups: number;
}
/** The channels from `start` up to, and without, `end`. */
export interface Slice {
  readonly op: "slice";
  readonly start: number;
  readonly end: number;
}
/** Channels of zeros before and after. */
export interface PadChannels {
  readonly op: "pad_channels";
  readonly before: number;
  readonly after: number;
}
/** x * scale + shift, each one number for all or one a channel: constants of the net, in no checkpoint. */
export interface Affine {
  readonly op: "affine";
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** What only matters in training and is the identity here, kept for its place in keys and print. */
export interface Dropout {
  readonly op: "dropout";
  readonly p: number;
  readonly inplace: boolean;
}
export interface StochasticDepth {
  readonly op: "stochastic_depth";
  readonly p: number;
}
/** The identity; as `"Permute"`, torchvision's change between channels first and last, of which nothing is seen here. */
export interface Identity {
  readonly op: "identity";
  readonly type: "Identity" | "Permute";
}

/** A layer without children. */
export type Leaf =
  | Conv2d
  | Linear
  | Activation
  | PReLU
  | BatchNorm2d
  | LayerNorm2d
  | LocalResponseNorm
  | LayerScale
  | MaxPool2d
  | AvgPool2d
  | AdaptiveAvgPool2d
  | AdaptiveMaxPool2d
  | Softmax
  | LogSoftmax
  | Flatten
  | Pad2d
  | ChannelShuffle
  | Slice
  | PadChannels
  | Affine
  | Dropout
  | StochasticDepth
  | Identity;

export type Layer = Leaf | Module;

/**
 * A module with children: what runs is `forward`, in order, each step reading what the one before it gave.
 */
export interface Module {
  readonly op: "module";
  /** The class name that PyTorch prints. */
  readonly type: string;
  /** In PyTorch's order of registration; a child's name is its part of the checkpoint key. */
  readonly children: Readonly<Record<string, Layer>>;
  readonly forward: readonly Step[];
  toString(): string;
}

/** A whole network: a module that says how many channels it reads. */
export interface Net extends Module {
  readonly inChannels: number;
  /** Of a net that `convolutionize` made: of what. */
  readonly dense?: Dense;
}

/** What a fully convolutional net was made of. */
export interface Dense {
  readonly of: Net;
  /** The native size, [C, H, W], at which it gives a map of one cell (of a few, if fine). */
  readonly input: readonly [number, number, number];
  readonly pooling: "window" | "cell";
  readonly fine: boolean;
}

/**
 * Branches that all read the same value, brought together: joined along the channels, added or multiplied. An
 * empty branch is the value itself.
 */
export interface Join {
  readonly op: "concat" | "add" | "mul";
  readonly branches: readonly (readonly Step[])[];
}
/** Keeps the value under a name for later steps of the same module, and goes on with it. */
export interface Keep {
  readonly op: "keep";
  readonly name: string;
}
/** Goes on with the value that was kept under this name, or handed to the module by {@link Call}. */
export interface Take {
  readonly op: "take";
  readonly name: string;
}
/** Runs a child module on the value, and hands it others: by the name it takes them by, the name they are kept under here. */
export interface Call {
  readonly op: "call";
  readonly child: string;
  readonly values: Readonly<Record<string, string>>;
}

/** A step of a module: the name of a child, a layer without weights that is no child, or one of the above. */
export type Step = string | Leaf | Join | Keep | Take | Call;
