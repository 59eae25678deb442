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
import { isOneCell, refuse, same, type Value } from "./value.js";

/** How a layer is to be converted. */
export interface How {
  readonly pooling: "window" | "cell";
  readonly squeeze: "global" | "refuse";
  /** Whether it is a pooling whose result scales the map that it reads. */
  readonly squeezes: boolean;
  /** Whether it gives its stride up. */
  readonly gives: boolean;
}

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
    case "avg_pool2d":
      if (how.pooling === "cell" && isGlobal(layer, x, given)) return [undefined, given];
      return [windowed(layer, path, x, how.gives), given];
    case "conv2d":
    case "max_pool2d":
      return [windowed(layer, path, x, how.gives), given];
    case "pad2d": {
      const [rows, columns] = x.fine;
      if (same(x.fine, [1, 1])) return [layer, given];
      const [top, left, bottom, right] = layer.padding;
      const padding: Sides = [top * rows, left * columns, bottom * rows, right * columns];
      return [deepFreeze({ ...layer, padding }), given];
    }
    default: {
      if (!x.flat || isOneCell(x)) return [layer, given];
      // Each number by itself, wherever it stands.
      if (layer.op === "activation" || layer.op === "affine" || layer.op === "prelu") {
        const many = layer.op === "affine" ? layer.scale.length + layer.shift.length - 1 : 1;
        if ((layer.op === "prelu" ? layer.slopes : many) === 1) return [layer, x];
      }
      return refuse(path, `${layer.op} reads a flattened map of ${x.map.join(" x ")}, ${BEFORE_LINEAR}`);
    }
  }
}

const BEFORE_LINEAR = "of which a convolution can only be made by a linear layer right behind the flattening";

/** Whether a pooling averages all of the native map, and is global pooling by another name. */
const isGlobal = (layer: AvgPool2d, { map: [, ...size] }: Value, given: Value): boolean =>
  isOneCell(given) && same(pairOf(layer.kernel), size) && sidesOf(layer).every((side) => side === 0);

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
      refuse(path, 'its squeeze averages the whole map, of any size: accept that with squeeze: "global"');
    if (!same(x.fine, [1, 1]))
      refuse(path, "its squeeze would average places that fine keeps apart: leave fine out");
    return [layer, { ...given, whole: true }];
  }
  if (same(output, size)) return [undefined, x];
  if (!same(output, [1, 1])) {
    const what = `${layer.op} to ${output.join(" x ")} cells of ${size.join(" x ")} is neither global nor the identity`;
    refuse(
      path,
      `${what}, so no window that slides is the same: pass the input shape that the network is for`,
    );
  }
  if (pooling === "cell") return [undefined, given];
  const pool = layer.op === "adaptive_avg_pool2d" ? avgPool2d : maxPool2d;
  const dilation = sizeOf(dilated(size, [1, 1], x.fine));
  return [pool(sizeOf(size), { stride: 1, dilation }), given];
}

/** A layer of windows that gives its stride up, or that reads what lies finer than it used to. */
function windowed<T extends Conv2d | MaxPool2d | AvgPool2d>(
  layer: T,
  path: string,
  x: Value,
  gives: boolean,
): T {
  const finer = !same(x.fine, [1, 1]);
  if (!gives && !finer) return layer;
  const stride = pairOf(layer.stride);
  const strides = !same(stride, [1, 1]);
  const ceil = layer.op !== "conv2d" && layer.ceilMode;
  if (strides && layer.padding === "same")
    refuse(
      path,
      "its padding follows from the input's size, so fine would shift its windows: leave fine out",
    );
  if (strides && ceil && (finer || layer.op === "avg_pool2d"))
    refuse(path, "in ceil mode its last windows hang over the map, where fine has no like: leave fine out");
  const sides = sidesOf(layer);
  if (gives) {
    // Ceil mode's windows that hang over the end, now one behind the other: those that begin inside or in the padding before.
    const more = (axis: 0 | 1) =>
      ceil ? Math.min((sides[axis + 2] ?? 0) + stride[axis] - 1, reachOf(layer, axis) - 1) : sides[axis + 2];
    const padding = ceil ? [sides[0], sides[1], more(0), more(1)] : layer.padding;
    const one = layer.op === "conv2d" ? [1, 1] : 1;
    return deepFreeze({ ...layer, stride: one, padding, ...(ceil && { ceilMode: false }) } as T);
  }
  const dilation = dilated(pairOf(layer.kernel), pairOf(layer.dilation), x.fine);
  const [top, left, bottom, right] = sides.map((side, i) => side * (x.fine[i % 2] ?? 1)) as unknown as Sides;
  const even = top === bottom && left === right;
  const isConv = layer.op === "conv2d";
  const pair: Pair = [top, left];
  const padding = even ? (isConv ? pair : sizeOf(pair)) : [top, left, bottom, right];
  return deepFreeze({ ...layer, padding, dilation: isConv ? dilation : sizeOf(dilation) } as T);
}

/** Zeros on each side of a layer that, where they follow from the input's size, does not stride. */
function sidesOf(layer: Conv2d | MaxPool2d | AvgPool2d): Sides {
  if (layer.padding === "same") {
    const all = ([0, 1] as const).map((axis) => reachOf(layer, axis) - 1);
    const [top = 0, left = 0] = all.map((total) => Math.floor(total / 2));
    return [top, left, (all[0] ?? 0) - top, (all[1] ?? 0) - left];
  }
  if (typeof layer.padding === "number") return [layer.padding, layer.padding, layer.padding, layer.padding];
  const [top, left, bottom = top, right = left] = layer.padding;
  return [top, left, bottom, right];
}

const reachOf = (layer: Conv2d | MaxPool2d | AvgPool2d, axis: 0 | 1): number =>
  (pairOf(layer.kernel)[axis] - 1) * pairOf(layer.dilation)[axis] + 1;

/** A window of one cell has nothing to spread. */
const dilated = (kernel: Pair, [rows, columns]: Pair, fine: Pair): Pair => [
  kernel[0] > 1 ? rows * fine[0] : rows,
  kernel[1] > 1 ? columns * fine[1] : columns,
];

/** As one would write it: a number where both directions are alike. */
const sizeOf = (pair: Pair): Size => (pair[0] === pair[1] ? pair[0] : pair);
