/** Networks of searched cells, as NASNet, PNASNet and the AmoebaNets are: one rule, and the cells' genotypes. */
import { integer, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  batchNorm2d,
  call,
  concat,
  conv2d,
  dropout,
  flatten,
  keep,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  type Size,
  type Step,
  sequential,
  take,
  zeroPad2d,
} from "../layers.js";
import { globalPool } from "./blocks.js";
import { type Check, optionsOf, positive, repeats } from "./options.js";
import type { ModelOptions } from "./row.js";

/**
 * A cell: operations, each on a state, of which every two are added and are a new state; and the states that are
 * joined to the cell's output. State 0 is the output of the cell before, brought to this cell's width; state 1 that
 * of the cell before it, brought to the same width and size; the sums follow from 2 on.
 */
export interface Genotype {
  readonly operations: readonly (readonly [name: string, state: number])[];
  readonly joined: readonly number[];
}

/**
 * A genotype from its words, each an operation and the state that it reads; the last word is the joined states.
 * Operations: sepK, separable K x K twice; conv1, conv3, conv7, a convolution, the last two in a quarter of the
 * width and conv7 as 1 x 7 and 7 x 1; avgK and maxK, pooling; none, the state itself.
 */
export function genotype(text: string): Genotype {
  const words = text.split(" ");
  const joined = [...(words.pop() ?? "")].map(Number);
  return { operations: words.map((word) => [word.slice(0, -1), Number(word.at(-1))]), joined };
}

/** Options of the networks of searched cells. */
export interface CellNetOptions extends ModelOptions {
  /** Cells in each of three stacks, N, without reductions that are cells of their own. */
  readonly numCells?: number;
  /** Channels of a state in the first stack, F; twice and four times as many in the other two. */
  readonly filters?: number;
  /** Channels of the first convolution. */
  readonly stemSize?: number;
  /** The probability of the dropout before the last layer, which does nothing here but shows in the print. */
  readonly dropout?: number;
}

/** What the networks differ in. */
export interface CellPlan {
  /** The class that is printed. */
  readonly type: string;
  /** The first convolution's name. */
  readonly first: string;
  readonly normal: Genotype;
  /** The cell before the second and the third stack; without one, the first cell of these halves the size. */
  readonly reduction?: Genotype;
  readonly numCells: number;
  readonly filters: number;
  readonly stemSize: number;
  readonly dropout: number;
  /** By how much the numbers of the first cells of two stacks differ at least. */
  readonly spacing?: number;
  /** Whether the definition is timm's: other names and order of layers, strided averages that count padding. */
  readonly timm?: boolean;
  /** Whether the cell behind a reduction has as its state 1 what the reduction has as its own. */
  readonly skips?: boolean;
}

const norm = (channels: number) => batchNorm2d(channels, { eps: 0.001 });

/** TensorFlow's SAME, which at stride 1 pads alike on both sides. */
function conv(from: number, to: number, kernel: Size = 1, stride: Size = 1, groups = 1): Layer {
  const [rows, columns] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  const padding = stride === 1 ? ([(rows - 1) / 2, (columns - 1) / 2] as const) : "same";
  return conv2d(from, to, kernel, { stride, padding, groups, bias: false });
}

const reluConvNorm = (from: number, to: number, stride = 1): Module => {
  const { children, forward } = sequential({ act: relu(), conv: conv(from, to, 1, stride), bn: norm(to) });
  return module("ActConvBn", children, forward);
};

const separable = (from: number, to: number, kernel: number, stride: number): Module =>
  module(
    "SeparableConv2d",
    { depthwise_conv2d: conv(from, from, kernel, stride, from), pointwise_conv2d: conv(from, to) },
    ["depthwise_conv2d", "pointwise_conv2d"],
  );

function branchSeparables(from: number, to: number, kernel: number, stride: number): Module {
  const children = {
    act_1: relu(),
    separable_1: separable(from, to, kernel, stride),
    bn_sep_1: norm(to),
    act_2: relu(),
    separable_2: separable(to, to, kernel, 1),
    bn_sep_2: norm(to),
  };
  return module("BranchSeparables", children, Object.keys(children));
}

/** A 3 x 3, or a 1 x 7 and a 7 x 1, in a quarter of the width. */
function narrow(from: number, to: number, kernel: number, stride: number): Module {
  const inside = Math.floor(to / 4);
  const middle: readonly (readonly [string, Size, Size])[] =
    kernel === 3
      ? [["", 3, stride]]
      : [
          ["_1x7", [1, 7], [1, stride]],
          ["_7x1", [7, 1], [stride, 1]],
        ];
  const children: Record<string, Layer> = {};
  const layer = (name: string, a: number, b: number, size: Size, step: Size) =>
    Object.assign(children, {
      [`act${name}`]: relu(),
      [`conv${name}`]: conv(a, b, size, step),
      [`bn${name}`]: norm(b),
    });
  layer("_pre", from, inside, 1, 1);
  for (const [name, size, step] of middle) layer(name, inside, inside, size, step);
  layer("_post", inside, to, 1, 1);
  return sequential(children);
}

/** An operation from `from` to `to` channels; undefined where it is the identity. */
function operation(
  name: string,
  from: number,
  to: number,
  stride: number,
  { timm = false }: CellPlan,
): Layer | undefined {
  if (name === "none" && stride === 1 && from === to) return undefined;
  if (name === "none" || name === "conv1") return reluConvNorm(from, to, stride);
  const kernel = Number(name.at(-1));
  if (name.startsWith("sep")) return branchSeparables(from, to, kernel, stride);
  if (name.startsWith("conv")) return narrow(from, to, kernel, stride);
  const shape = { stride, padding: stride === 1 && kernel === 3 ? 1 : "same" } as const;
  const pool = name.startsWith("avg")
    ? avgPool2d(kernel, { ...shape, countIncludePad: timm && stride > 1 })
    : maxPool2d(kernel, shape);
  return from === to ? pool : sequential({ pool, conv: conv(from, to), bn: norm(to) });
}

/** Half the size from all pixels: every other one, and every other one of the map shifted by one, side by side. */
function halving(from: number, to: number): { children: Record<string, Layer>; steps: readonly Step[] } {
  const half = Math.floor(to / 2);
  const pick = avgPool2d(1, { stride: 2, countIncludePad: false });
  const children = {
    path_1: sequential({ avgpool: pick, conv: conv(from, half) }),
    path_2: sequential({ pad: zeroPad2d([-1, -1, 1, 1]), avgpool: pick, conv: conv(from, to - half) }),
    final_path_bn: norm(to),
  };
  return { children, steps: [concat(["path_1"], ["path_2"]), "final_path_bn"] };
}

/** A cell's name, genotype, width (the channels of each state), and whether it halves the size. */
type Planned = readonly [name: string, genotype: Genotype, width: number, halves: boolean];

/** An earlier cell, or the first convolution. */
interface Earlier {
  readonly name: string;
  readonly channels: number;
  readonly halves: boolean;
}

/** A cell that reads the value and, as `previous`, the output of the cell before the last, if there is one. */
function cell(plan: CellPlan, planned: Planned, last: Earlier, previous: Earlier | undefined): Module {
  const [, { operations, joined }, width, halves] = planned;
  const before = previous?.channels;
  // What makes state 1. PNASNet, which has no reduction cell, halves in a module where the others have paths.
  const reaching: Record<string, Layer> = {};
  const reach: Step[] = previous ? [take("previous")] : [];
  if (before !== undefined && last.halves) {
    const half = halving(before, width);
    if (plan.reduction) {
      Object.assign(reaching, half.children);
      reach.push(relu(), ...half.steps);
    } else {
      const { children, steps } = half;
      reaching.conv_prev_1x1 = module("FactorizedReduction", { act: relu(), ...children }, ["act", ...steps]);
    }
  } else if (before !== undefined && before !== width) reaching.conv_prev_1x1 = reluConvNorm(before, width);
  if (reaching.conv_prev_1x1) reach.push("conv_prev_1x1");
  const conv_1x1 = reluConvNorm(last.channels, width);
  const children: Record<string, Layer> =
    plan.timm && reaching.conv_prev_1x1 ? { ...reaching, conv_1x1 } : { conv_1x1, ...reaching };
  const steps: Step[] = [keep("x"), ...reach, keep("1"), take("x"), "conv_1x1", keep("0")];
  const branches = operations.map(([name, state], i): Step[] => {
    const from = state === 1 && !previous ? last.channels : width;
    const made = operation(name, from, width, halves && state < 2 ? 2 : 1, plan);
    const child = `comb_iter_${i >> 1}_${i % 2 === 0 ? "left" : "right"}`;
    if (made) children[child] = made;
    return [take(String(state)), ...(made ? [child] : [])];
  });
  for (let i = 0; i < branches.length; i += 2)
    steps.push(add(...branches.slice(i, i + 2)), keep(String(i / 2 + 2)));
  if (halves && joined.includes(0)) {
    const half = halving(width, width);
    children.reduction_0 = module("Halving", half.children, half.steps);
    steps.push(take("0"), "reduction_0", keep("0"));
  }
  return module("Cell", children, [...steps, concat(...joined.map((state) => [take(String(state))]))]);
}

/** Two reductions, then three stacks of cells. */
function cellsOf(
  { normal, reduction, spacing = 0 }: CellPlan,
  n: number,
  filters: number,
): readonly Planned[] {
  const stem = [4, 2].map((part, i): Planned => {
    return [`cell_stem_${i}`, reduction ?? normal, Math.floor(filters / part), true];
  });
  const stacks = [0, 1, 2].flatMap((stack): Planned[] => {
    const width = filters * 2 ** stack;
    const cells = Array.from({ length: n }, (_, i): Planned => {
      return [`cell_${stack * Math.max(n, spacing) + i}`, normal, width, !reduction && stack > 0 && i === 0];
    });
    return reduction && stack > 0
      ? [[`reduction_cell_${stack - 1}`, reduction, width, true], ...cells]
      : cells;
  });
  return [...stem, ...stacks];
}

/** The first cell has a quarter of the filters, of which conv3 and conv7 take a quarter. */
const filterCount: Check<number> = (where, name, value) => integer(where, name, value, 16);

/** A builder: a strided 3 x 3 convolution, the cells in order, and a linear layer behind the average. */
export const cellNet =
  (name: string, plan: CellPlan) =>
  (options: CellNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      numCells: [plan.numCells, repeats],
      filters: [plan.filters, filterCount],
      stemSize: [plan.stemSize, positive],
      dropout: [plan.dropout, probability],
    });
    const { first, timm = false } = plan;
    const conv0 = conv2d(o.inChannels, o.stemSize, 3, { stride: 2, bias: false });
    const children: Record<string, Layer> = { [first]: sequential({ conv: conv0, bn: norm(o.stemSize) }) };
    const steps: Step[] = [first, keep(first)];
    let last: Earlier = { name: first, channels: o.stemSize, halves: false };
    let previous: Earlier | undefined;
    for (const [i, planned] of cellsOf(plan, o.numCells, o.filters).entries()) {
      const [at, { joined }, width, halves] = planned;
      children[at] = cell(plan, planned, last, previous);
      steps.push(previous ? call(at, { previous: previous.name }) : at, keep(at));
      // Not in the stem, where one reduction follows the other.
      if (!(plan.skips && halves && i > 1)) previous = last;
      last = { name: at, channels: width * joined.length, halves };
    }
    const [act, pool, drop] = timm
      ? (["act", "global_pool", "head_drop"] as const)
      : (["relu", "avg_pool", "dropout"] as const);
    Object.assign(children, {
      [act]: relu(),
      [pool]: timm ? globalPool : adaptiveAvgPool2d(1),
      [drop]: dropout(o.dropout),
      last_linear: linear(last.channels, o.classes),
    });
    const flat = timm ? [] : [flatten()];
    return net(plan.type, children, [...steps, act, pool, ...flat, drop, "last_linear"], o);
  };
