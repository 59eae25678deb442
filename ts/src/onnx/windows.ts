/** Operators with sliding windows: Conv, MaxPool, AveragePool. */
import type { Sides } from "../check.js";
import { avgPool2d, conv2d, type Leaf, type MaxPool2dOptions, maxPool2d, type Pair } from "../layers.js";
import { windowCount } from "../shape.js";
import type { WeightTensor } from "../weights/dtype.js";
import { asWeight } from "./constant.js";
import type { At, MapValue, Value } from "./node.js";
import type { Dim } from "./view.js";

interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Sides | "same";
  readonly ceil: boolean;
}

/** A convolution of maps; its bias is a weight as well. */
export function conv(at: At): Value {
  const x = at.map(0);
  const filters = at.constant(1);
  const [outChannels = 0, depth = 0, ...kernel] = filters.shape;
  if (filters.shape.length !== 4)
    return at.refuse(`has weights of ${filters.shape.length} dimensions, and not the 4 of images`);
  if (String(at.ints("kernel_shape", 2, 0)) !== String(kernel) && at.has("kernel_shape"))
    return at.fail("bad-net", "has a kernel_shape that is not its weights'");
  const groups = at.int("group", 1);
  const inChannels = depth * groups;
  expectChannels(at, x, inChannels);
  const windows = windowsOf(at, kernel as unknown as Pair, x);
  const bias = at.optional(2);
  const { stride, dilation } = windows;
  const layer = conv2d(inChannels, outChannels, windows.kernel, {
    stride,
    dilation,
    groups,
    padding: paddingOf(windows),
    bias: bias !== undefined,
  });
  const weight = asWeight(filters, filters.shape) ?? at.refuse("has weights that are not known before a run");
  const weights = { weight, ...(bias && { bias: vector(at, bias, outChannels) }) };
  return at.layer(layer, x, [x.shape[0], outChannels, ...sizes(at, windows, x)], weights);
}

/** A constant as a weight of one number a channel. */
export function vector(at: At, constant: Parameters<typeof asWeight>[0], channels: number): WeightTensor {
  const count = constant.shape.reduce((a, b) => a * b, 1);
  const weight = count === channels ? asWeight(constant, [channels]) : undefined;
  return weight ?? at.fail("bad-net", `has ${count} numbers where it has ${channels} channels`);
}

export function expectChannels(at: At, x: Value, channels: number): void {
  const given = x.shape[1];
  if (given === channels) return;
  at.fail("bad-net", `reads ${channels} channels, but gets ${given}`);
}

export function maxPool(at: At): Value {
  if (at.node.outputs[1]) return at.refuse("gives the places of its maxima");
  return pooled(at, (kernel, options) => maxPool2d(kernel, options));
}

export function averagePool(at: At): Value {
  const countIncludePad = at.int("count_include_pad", 0) === 1;
  return pooled(at, (kernel, options) => avgPool2d(kernel, { ...options, countIncludePad }));
}

function pooled(at: At, layer: (kernel: Pair, options: MaxPool2dOptions) => Leaf): Value {
  const x = at.map(0);
  const windows = windowsOf(at, undefined, x);
  const { kernel, stride, dilation, ceil } = windows;
  const made = layer(kernel, { stride, dilation, padding: paddingOf(windows), ceilMode: ceil });
  return at.layer(made, x, [x.shape[0], x.shape[1], ...sizes(at, windows, x)]);
}

/** As PyTorch writes padding, where it is the same at both ends. */
function paddingOf({ padding }: Windows): Pair | Sides | "same" {
  if (padding === "same") return padding;
  const [top, left, bottom, right] = padding;
  return top === bottom && left === right ? [top, left] : padding;
}

function windowsOf(at: At, own: Pair | undefined, x: MapValue): Windows {
  const kernel = own ?? (at.ints("kernel_shape", 2, 0) as Pair);
  const stride = at.ints("strides", 2, 1) as Pair;
  const dilation = at.ints("dilations", 2, 1) as Pair;
  const isSound = [kernel, stride, dilation].every((pair) =>
    pair.every((side) => Number.isInteger(side) && side > 0),
  );
  if (!isSound) return at.fail("bad-net", "has a kernel, stride or dilation that is none");
  const ceil = at.int("ceil_mode", 0) === 1;
  const auto = at.string("auto_pad", "NOTSET");
  const found = { kernel, stride, dilation, ceil };
  if (auto === "SAME_UPPER") return { ...found, padding: "same", ceil: false };
  if (auto === "SAME_LOWER") return { ...found, padding: sameLower(at, found, x), ceil: false };
  if (auto === "VALID") return { ...found, padding: [0, 0, 0, 0] };
  if (auto !== "NOTSET") return at.refuse(`has auto_pad ${auto}`);
  const padding = at.ints("pads", 4, 0) as unknown as Sides;
  if (padding.some((side) => side < 0)) return at.refuse(`has negative padding ([${padding.join(", ")}])`);
  return { ...found, padding };
}

/** SAME with the odd pixel in front, which depends on the input's size. */
function sameLower(at: At, { kernel, stride, dilation }: Omit<Windows, "padding">, x: MapValue): Sides {
  const ends = ([0, 1] as const).map((axis) => {
    const size = x.shape[2 + axis] as Dim;
    const reach = dilation[axis] * (kernel[axis] - 1) + 1;
    if (typeof size !== "number" && stride[axis] > 1)
      return at.refuse("pads by SAME_LOWER at a size that is not fixed");
    const last =
      typeof size === "number" ? (Math.ceil(size / stride[axis]) - 1) * stride[axis] + 1 - size : 0;
    const total = Math.max(0, last + reach - 1);
    return [Math.ceil(total / 2), Math.floor(total / 2)] as const;
  });
  const [[top, bottom], [left, right]] = ends as unknown as readonly [Pair, Pair];
  return [top, left, bottom, right];
}

/** Rows and columns of the result; a name where the input's are not known. */
function sizes(at: At, windows: Windows, x: MapValue): readonly [Dim, Dim] {
  const along = (axis: 0 | 1): Dim => {
    const size = x.shape[2 + axis] as Dim;
    if (typeof size !== "number") return `${at.name}.${axis}`;
    const { padding } = windows;
    const [kernel, stride, dilation] = [windows.kernel[axis], windows.stride[axis], windows.dilation[axis]];
    if (padding === "same") return Math.ceil(size / stride);
    const ends = [padding[axis], padding[axis === 0 ? 2 : 3]] as const;
    const count = windowCount(size, { kernel, stride, dilation, padding: ends, ceil: windows.ceil });
    return count > 0 ? count : at.fail("bad-shape", `has a window of ${kernel} that does not fit on ${size}`);
  };
  return [along(0), along(1)];
}
