/** One layer of a convolutional net. */
import { deepFreeze, pairOf, type Sides } from "../check.js";
import {
  type AdaptiveAvgPool2d,
  type AdaptiveMaxPool2d,
  type AvgPool2d,
  avgPool2d,
  type Conv2d,
  conv2d,
  type Leaf,
  type MaxPool2d,
  maxPool2d,
  type Pair,
  type Size,
} from "../layers.js";
import type { Shape } from "../shape.js";
import { isOneCell, refuse, same, type Value, WITHOUT } from "./value.js";

/** How a layer is to be converted. */
export interface How {
  readonly pooling: "window" | "cell";
  readonly squeeze: "global" | "refuse";
  /** Whether it is a pooling whose result scales the map that it reads. */
  readonly squeezes: boolean;
  /** Whether it gives its stride up. */
  readonly gives: boolean;
}

type Windowed = Conv2d | MaxPool2d | AvgPool2d;

/** The layer in the convolutional net, undefined where it goes, and what it gives there. */
export type Converted = readonly [layer: Leaf | undefined, value: Value];

/** The layer at `path`, which reads `x` and natively gives `shape`. Throws `not-convolutional`. */
export function convert(layer: Leaf, path: string, x: Value, shape: Shape, how: How): Converted {
  const [channels = 0, height = 1, width = 1] = shape;
  const given: Value = { ...x, map: [channels, height, width] };
  if (x.whole) return [layer, { ...given, flat: shape.length === 1 }];
  switch (layer.op) {
    case "flatten":
      return [undefined, { ...x, flat: true }];
    case "linear": {
      if (layer.perPixel) return [layer, given];
      const [from, ...kernel] = x.map;
      const options = { bias: layer.bias, dilation: dilated(kernel, [1, 1], x.fine) };
      const conv = conv2d(from, layer.outFeatures, kernel, options);
      return [deepFreeze({ ...conv, linear: [layer.outFeatures, layer.inFeatures] as const }), given];
    }
    case "adaptive_avg_pool2d":
    case "adaptive_max_pool2d":
      return adaptive(layer, path, x, given, how);
    case "conv2d":
    case "max_pool2d":
    case "avg_pool2d":
      if (how.pooling === "cell" && isGlobal(layer, x, given)) return [undefined, given];
      return [
        windowed(layer, path, x, how.gives),
        how.gives ? { ...given, fine: pairOf(layer.stride) } : given,
      ];
    case "pad2d": {
      const [rows, columns] = x.fine;
      if (same(x.fine, [1, 1])) return [layer, given];
      const [top, left, bottom, right] = layer.padding;
      const padding: Sides = [top * rows, left * columns, bottom * rows, right * columns];
      return [deepFreeze({ ...layer, padding }), given];
    }
    default:
      if (!x.flat || isOneCell(x)) return [layer, given];
      if (isAlikeEverywhere(layer)) return [layer, x];
      return refuse(
        path,
        `${layer.op} reads a flattened map of ${x.map.join(" x ")}, not channels of a cell`,
      );
  }
}

/** Whether all numbers are treated alike, wherever they stand. */
const isAlikeEverywhere = (layer: Leaf): boolean =>
  layer.op === "activation" ||
  (layer.op === "prelu" && layer.slopes === 1) ||
  (layer.op === "affine" && layer.scale.length === 1 && layer.shift.length === 1);

/** Whether a pooling averages all of the native map, and is global pooling by another name. */
const isGlobal = (layer: Windowed, { map: [, ...size] }: Value, given: Value): boolean =>
  layer.op === "avg_pool2d" &&
  isOneCell(given) &&
  same(pairOf(layer.kernel), size) &&
  same(sidesOf(layer.padding) ?? [], [0, 0, 0, 0]);

function adaptive(
  layer: AdaptiveAvgPool2d | AdaptiveMaxPool2d,
  path: string,
  x: Value,
  given: Value,
  { pooling, squeeze, squeezes }: How,
): Converted {
  const [, ...size] = x.map;
  const output = pairOf(layer.output);
  if (squeezes) {
    if (squeeze === "refuse")
      refuse(path, 'its squeeze averages the whole map, of any size: squeeze: "global" accepts that');
    if (!same(x.fine, [1, 1])) refuse(path, `its squeeze would average what fine keeps apart: ${WITHOUT}`);
    return [layer, { ...given, whole: true }];
  }
  if (same(output, size)) return [undefined, x];
  if (!same(output, [1, 1])) {
    const what = `pools ${size.join(" x ")} cells to ${output.join(" x ")}, which no sliding window does`;
    refuse(path, `${what}: pass the input shape of which it is the identity, if there is one`);
  }
  if (pooling === "cell") return [undefined, given];
  const pool = layer.op === "adaptive_avg_pool2d" ? avgPool2d : maxPool2d;
  return [pool(sizeOf(size), { stride: 1, dilation: sizeOf(dilated(size, [1, 1], x.fine)) }), given];
}

/** A layer of windows that gives its stride up, or that reads what lies finer than it used to. */
function windowed(layer: Windowed, path: string, x: Value, gives: boolean): Windowed {
  if (!gives && same(x.fine, [1, 1])) return layer;
  const [kernel, stride, dilation] = [layer.kernel, layer.stride, layer.dilation].map(pairOf) as [
    Pair,
    Pair,
    Pair,
  ];
  const span = kernel.map((side, axis) => (side - 1) * (dilation[axis] ?? 1));
  const strides = !same(stride, [1, 1]);
  const hangs = strides && layer.op !== "conv2d" && layer.ceilMode;
  const sides = sidesOf(layer.padding);
  const countsPadding = layer.op === "avg_pool2d" && layer.countIncludePad && sides?.some((side) => side > 0);
  const fits = sides
    ? !hangs || (!countsPadding && (gives || same(stride, x.fine)))
    : !strides && span.every((side) => side % 2 === 0);
  if (!fits) refuse(path, `what it pads follows from the input's size, and with fine would not: ${WITHOUT}`);
  // In ceil mode a window may hang over the end by less than a stride, but begins before it.
  const over = (side: number, axis: number) =>
    Math.min(side + (stride[axis] ?? 1) - 1, Math.max(side, span[axis] ?? 0));
  const padding = sides?.map((side, i) => (hangs && i > 1 ? over(side, i % 2) : side) * (x.fine[i % 2] ?? 1));
  const written = (pair: Pair) => (layer.op === "conv2d" ? pair : sizeOf(pair));
  const [top = 0, left = 0, bottom, right] = padding ?? [];
  const isEven = top === bottom && left === right;
  return deepFreeze({
    ...layer,
    stride: gives ? written([1, 1]) : layer.stride,
    padding: isEven ? written([top, left]) : (padding ?? layer.padding),
    dilation: written(dilated(kernel, dilation, x.fine)),
    ...(hangs && { ceilMode: false }),
    ...(hangs && layer.op === "avg_pool2d" && { countIncludePad: false }),
  } as Windowed);
}

/** Zeros on each side; undefined where they follow from the input's size. */
function sidesOf(padding: Conv2d["padding"] | MaxPool2d["padding"]): Sides | undefined {
  if (padding === "same") return undefined;
  const [top, left, bottom = top, right = left] = typeof padding === "number" ? pairOf(padding) : padding;
  return [top, left, bottom, right];
}

/** A window of one cell has nothing to spread. */
const dilated = (kernel: Pair, dilation: Pair, fine: Pair): Pair => [
  kernel[0] > 1 ? dilation[0] * fine[0] : dilation[0],
  kernel[1] > 1 ? dilation[1] * fine[1] : dilation[1],
];

/** As one would write it: a number where both directions are alike. */
const sizeOf = (pair: Pair): Size => (pair[0] === pair[1] ? pair[0] : pair);
