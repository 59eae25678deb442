import { deepFreeze, flag, integer, pairOf, poolPadding, probability, size, withDefaults } from "./check.js";
import { describe } from "./describe.js";
import { ConvzooError } from "./errors.js";

/** Height and width, or top-bottom and left-right. */
export type Pair = readonly [number, number];

/** Conv2d: PyTorch's, weight [out, in / groups, kh, kw]. */
export interface Conv2d {
  readonly op: "conv2d";
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
  readonly bias: boolean;
}
/** Linear: weight [out, in]; reads flat features. */
export interface Linear {
  readonly op: "linear";
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly bias: boolean;
}
export interface ReLU {
  readonly op: "relu";
  readonly inplace: boolean;
}
export interface MaxPool2d {
  readonly op: "max_pool2d";
  readonly kernel: number | Pair;
  readonly stride: number | Pair;
  readonly padding: number | Pair;
  readonly dilation: number | Pair;
  readonly ceilMode: boolean;
}
export interface AvgPool2d {
  readonly op: "avg_pool2d";
  readonly kernel: number | Pair;
  readonly stride: number | Pair;
  readonly padding: number | Pair;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
}
export interface AdaptiveAvgPool2d {
  readonly op: "adaptive_avg_pool2d";
  readonly output: number | Pair;
}
export interface Dropout {
  readonly op: "dropout";
  readonly p: number;
  readonly inplace: boolean;
}
/** Softmax over the channels (dimension 1). */
export interface Softmax {
  readonly op: "softmax";
  readonly dim: 1;
}
/** Flatten from dimension 1: [N, C, H, W] to [N, C * H * W], channels first. */
export interface Flatten {
  readonly op: "flatten";
}

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

/** Branches that all read the same value, joined along the channels. An empty branch is the value itself. */
export interface Concat {
  readonly op: "concat";
  readonly branches: readonly (readonly Step[])[];
}

export type Layer =
  | Conv2d
  | Linear
  | ReLU
  | MaxPool2d
  | AvgPool2d
  | AdaptiveAvgPool2d
  | Dropout
  | Softmax
  | Flatten
  | Module;

/** A step of a module: the name of a child, a layer that is no child (`flatten()`), or branches. */
export type Step = string | Exclude<Layer, Module> | Concat;

/** A whole network: a module that says how many channels it reads. */
export interface Net extends Module {
  readonly inChannels: number;
}

/** One number for both directions, or height and width. */
export type Size = number | Pair;

/** Options of {@link conv2d}, in [rows, columns] where a pair. */
export interface Conv2dOptions {
  readonly stride?: Size;
  readonly padding?: Size;
  readonly dilation?: Size;
  readonly groups?: number;
  readonly bias?: boolean;
}
/** Options of {@link maxPool2d}; the stride is the kernel unless given. */
export interface MaxPool2dOptions {
  readonly stride?: Size;
  readonly padding?: Size;
  readonly dilation?: Size;
  readonly ceilMode?: boolean;
}
/** Options of {@link avgPool2d}; the stride is the kernel unless given. */
export interface AvgPool2dOptions {
  readonly stride?: Size;
  readonly padding?: Size;
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

/**
 * Conv2d from `inChannels` to `outChannels`: [inChannels, H, W] to [outChannels, H', W']. Throws `bad-option`
 * for a number out of range, `bad-net` where `groups` does not divide both channel counts.
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernel: Size,
  options: Conv2dOptions = {},
): Conv2d {
  const defaults = { stride: 1, padding: 0, dilation: 1, groups: 1, bias: true };
  const o = withDefaults<Required<Conv2dOptions>>("conv2d", defaults, options);
  const layer: Conv2d = {
    op: "conv2d",
    inChannels: integer("conv2d", "inChannels", inChannels, 1),
    outChannels: integer("conv2d", "outChannels", outChannels, 1),
    kernel: pairOf(size("conv2d", "kernel", kernel, 1)),
    stride: pairOf(size("conv2d", "stride", o.stride, 1)),
    padding: pairOf(size("conv2d", "padding", o.padding, 0)),
    dilation: pairOf(size("conv2d", "dilation", o.dilation, 1)),
    groups: integer("conv2d", "groups", o.groups, 1),
    bias: flag("conv2d", "bias", o.bias),
  };
  if (inChannels % o.groups !== 0 || outChannels % o.groups !== 0) {
    const counts = `inChannels (${inChannels}) and outChannels (${outChannels})`;
    throw new ConvzooError("bad-net", `conv2d: groups (${o.groups}) must divide ${counts}.`);
  }
  return deepFreeze(layer);
}

/** Linear from [inFeatures] to [outFeatures]. Throws `bad-option` for a number out of range. */
export function linear(
  inFeatures: number,
  outFeatures: number,
  options: { readonly bias?: boolean } = {},
): Linear {
  const { bias } = withDefaults("linear", { bias: true }, options);
  return deepFreeze({
    op: "linear",
    inFeatures: integer("linear", "inFeatures", inFeatures, 1),
    outFeatures: integer("linear", "outFeatures", outFeatures, 1),
    bias: flag("linear", "bias", bias),
  });
}

/** ReLU; `inplace` is only what PyTorch prints: nothing here overwrites a value that is read again. */
export function relu(options: { readonly inplace?: boolean } = {}): ReLU {
  const { inplace } = withDefaults("relu", { inplace: false }, options);
  return deepFreeze({ op: "relu", inplace: flag("relu", "inplace", inplace) });
}

/** MaxPool2d. Throws `bad-option` for a number out of range, also for a padding over half of the kernel. */
export function maxPool2d(kernel: Size, options: MaxPool2dOptions = {}): MaxPool2d {
  const defaults = { stride: kernel, padding: 0, dilation: 1, ceilMode: false };
  const o = withDefaults<Required<MaxPool2dOptions>>("maxPool2d", defaults, options);
  return deepFreeze({
    op: "max_pool2d",
    kernel: size("maxPool2d", "kernel", kernel, 1),
    stride: size("maxPool2d", "stride", o.stride, 1),
    padding: poolPadding("maxPool2d", o.padding, kernel),
    dilation: size("maxPool2d", "dilation", o.dilation, 1),
    ceilMode: flag("maxPool2d", "ceilMode", o.ceilMode),
  });
}

/** AvgPool2d. Throws `bad-option` for a number out of range, also for a padding over half of the kernel. */
export function avgPool2d(kernel: Size, options: AvgPool2dOptions = {}): AvgPool2d {
  const defaults = { stride: kernel, padding: 0, ceilMode: false, countIncludePad: true };
  const o = withDefaults<Required<AvgPool2dOptions>>("avgPool2d", defaults, options);
  return deepFreeze({
    op: "avg_pool2d",
    kernel: size("avgPool2d", "kernel", kernel, 1),
    stride: size("avgPool2d", "stride", o.stride, 1),
    padding: poolPadding("avgPool2d", o.padding, kernel),
    ceilMode: flag("avgPool2d", "ceilMode", o.ceilMode),
    countIncludePad: flag("avgPool2d", "countIncludePad", o.countIncludePad),
  });
}

/** AdaptiveAvgPool2d: [C, H, W] to [C, ...output]. Throws `bad-option` for a number out of range. */
export function adaptiveAvgPool2d(output: Size): AdaptiveAvgPool2d {
  return deepFreeze({ op: "adaptive_avg_pool2d", output: size("adaptiveAvgPool2d", "output", output, 1) });
}

/**
 * Dropout: the identity here, since nothing is trained; kept for its place in keys and print. Throws
 * `bad-option`.
 */
export function dropout(p = 0.5, options: { readonly inplace?: boolean } = {}): Dropout {
  const { inplace } = withDefaults("dropout", { inplace: false }, options);
  return deepFreeze({
    op: "dropout",
    p: probability("dropout", "p", p),
    inplace: flag("dropout", "inplace", inplace),
  });
}

/** Softmax over the channels. */
export function softmax(): Softmax {
  return deepFreeze({ op: "softmax", dim: 1 });
}

/** Flatten: [C, H, W] to [C * H * W]. */
export function flatten(): Flatten {
  return deepFreeze({ op: "flatten" });
}

/**
 * Branches that read the same value, joined along the channels in order. Throws `bad-net` for fewer than two.
 */
export function concat(...branches: readonly (readonly Step[])[]): Concat {
  if (branches.length < 2 || !branches.every(Array.isArray)) {
    throw new ConvzooError("bad-net", "concat: pass two or more branches, each an array of steps.");
  }
  return deepFreeze({ op: "concat", branches: branches.map((steps) => [...steps]) });
}

/**
 * Sequential: runs its layers in order. They are named "0", "1", ... or by the keys of the one record given.
 */
export function sequential(...layers: readonly Layer[]): Module;
export function sequential(layers: Readonly<Record<string, Layer>>): Module;
export function sequential(...layers: readonly (Layer | Readonly<Record<string, Layer>>)[]): Module {
  const [first] = layers;
  const named = layers.length === 1 && isRecord(first) && typeof first.op !== "string";
  const children = (named ? first : { ...layers }) as Readonly<Record<string, Layer>>;
  return module("Sequential", children, Object.keys(children));
}

/**
 * A module of class `type`. `forward` is what runs, in order: names of children, `flatten()` and other layers
 * without weights, `concat(...)`. A child that it does not name is part of the checkpoint but never runs.
 *
 * JavaScript puts keys that are whole numbers first and in ascending order, so number children upwards.
 *
 * Throws `bad-net` where a name is empty or has a dot, a child is no layer, or `forward` names a child that
 * is not there.
 */
export function module(
  type: string,
  children: Readonly<Record<string, Layer>>,
  forward: readonly Step[],
): Module {
  return finish(parts(type, children, forward));
}

/**
 * A {@link module} that is a whole network and reads [inChannels, H, W]. Throws as `module` does, and
 * `bad-option`.
 */
export function net(
  type: string,
  children: Readonly<Record<string, Layer>>,
  forward: readonly Step[],
  options: { readonly inChannels: number },
): Net {
  const inChannels = integer("net", "inChannels", options?.inChannels, 1);
  return finish({ ...parts(type, children, forward), inChannels });
}

type Parts = Omit<Module, "toString">;

function parts(type: string, children: Readonly<Record<string, Layer>>, forward: readonly Step[]): Parts {
  if (typeof type !== "string" || type === "" || !isRecord(children) || !Array.isArray(forward)) {
    const wanted = "a class name, an object with its children, and an array with the steps of its forward";
    throw new ConvzooError("bad-net", `module: pass ${wanted}.`);
  }
  return { op: "module", type, children: { ...children }, forward: [...forward] };
}

function finish<T extends Parts>(made: T): T {
  for (const [name, child] of Object.entries(made.children)) {
    if (name === "" || name.includes(".")) {
      throw new ConvzooError(
        "bad-net",
        `${made.type}: a child cannot be named "${name}", since it is a part of a key.`,
      );
    }
    if (!isLayer(child)) {
      throw new ConvzooError(
        "bad-net",
        `${made.type}: its child "${name}" is not a layer; make it with a builder.`,
      );
    }
  }
  checkSteps(made, made.forward);
  // Not enumerable, so that the net compares, clones and serialises as the plain data it is.
  Object.defineProperty(made, "toString", { value: () => describe(made) });
  return deepFreeze(made);
}

function checkSteps(owner: Parts, steps: readonly Step[]): void {
  for (const step of steps) {
    if (typeof step === "string") {
      if (Object.hasOwn(owner.children, step)) continue;
      const names = Object.keys(owner.children).join(", ") || "none";
      throw new ConvzooError(
        "bad-net",
        `${owner.type}: forward names "${step}", but its children are: ${names}.`,
      );
    }
    if (isRecord(step) && step.op === "concat" && Array.isArray(step.branches)) {
      for (const branch of step.branches) checkSteps(owner, branch);
    } else if (!isLayer(step) || ["module", "conv2d", "linear"].includes(step.op)) {
      const advice = "make it a child and name it, since a checkpoint key needs a name";
      throw new ConvzooError(
        "bad-net",
        `${owner.type}: a step of forward is no layer or holds weights; ${advice}.`,
      );
    }
  }
}

const OPS: readonly string[] = [
  "conv2d",
  "linear",
  "relu",
  "max_pool2d",
  "avg_pool2d",
  "adaptive_avg_pool2d",
  "dropout",
  "softmax",
  "flatten",
  "module",
] satisfies Layer["op"][];

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const isLayer = (value: unknown): value is Layer => isRecord(value) && OPS.includes(value.op as string);
