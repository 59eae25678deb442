import { ConvzooError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { MAX_SIDE } from "./pixels.js";

/** The filters that PyTorch has for tensors. */
const FILTERS = ["nearest", "bilinear", "bicubic"] as const;
type TensorFilter = (typeof FILTERS)[number];

/** An output's sources along an axis, and their weights. */
interface Taps {
  readonly at: readonly number[];
  readonly weights: readonly number[];
}

/** What a tensor is resized to. */
export interface Interpolation {
  readonly width: number;
  readonly height: number;
  readonly filter: string;
  /** Whether the filter is widened when shrinking, so that every source counts. */
  readonly antialias: boolean;
}

/**
 * Resizes a tensor [..., H, W] as torchvision's `resize` of tensors does, which is PyTorch's `interpolate` with
 * `align_corners=False`. Nearest never antialiases. Throws `bad-shape`, `bad-option`, `too-large`.
 */
export function interpolate(input: Tensor, options: Interpolation): Tensor {
  const { outer, rows, columns } = checkTensor(input);
  const { width, height, filter, antialias } = options;
  if (!isFilter(filter)) {
    throw new ConvzooError(
      "bad-option",
      `A tensor is resized by one of ${FILTERS.join(", ")}, not ${filter}.`,
    );
  }
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE)
      throw new ConvzooError("bad-option", `width and height are whole numbers from 1 to ${MAX_SIDE}.`);
  }
  if (outer * Math.max(rows, height) * width > 2 ** 29)
    throw new ConvzooError(
      "too-large",
      `A tensor of ${width} x ${height} takes more memory than is allowed.`,
    );
  const across = tapsOf(filter, columns, width, antialias);
  const down = tapsOf(filter, rows, height, antialias);
  const wide = alongRows(input.data, columns, across);
  const data = new Float32Array(outer * height * width);
  for (let plane = 0; plane < outer; plane++) {
    for (const [y, { at, weights }] of down.entries()) {
      const to = (plane * height + y) * width;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < at.length; k++) sum += weights[k]! * wide[(plane * rows + at[k]!) * width + x]!;
        data[to + x] = sum;
      }
    }
  }
  return { shape: [...input.shape.slice(0, -2), height, width], data };
}

/** Each row of `columns` numbers, resized. */
function alongRows(data: Float32Array, columns: number, taps: readonly Taps[]): Float32Array {
  const rows = data.length / columns;
  const out = new Float32Array(rows * taps.length);
  for (let y = 0, to = 0; y < rows; y++) {
    for (const { at, weights } of taps) {
      let sum = 0;
      for (let k = 0; k < at.length; k++) sum += weights[k]! * data[y * columns + at[k]!]!;
      out[to++] = sum;
    }
  }
  return out;
}

function tapsOf(filter: TensorFilter, from: number, to: number, antialias: boolean): Taps[] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    if (filter === "nearest") {
      // In single precision, which decides ties, as PyTorch's.
      const source = Math.min(Math.floor(Math.fround(i * Math.fround(scale))), from - 1);
      return { at: [source], weights: [1] };
    }
    return antialias ? widened(filter, from, scale, i) : plain(filter, from, scale, i);
  });
}

/** Every source under the filter, which is as wide as the scale; cut at the edges and made to sum to one, as Pillow does. */
function widened(filter: TensorFilter, from: number, scale: number, i: number): Taps {
  const stretch = Math.max(scale, 1);
  const support = (filter === "bilinear" ? 1 : 2) * stretch;
  const center = (i + 0.5) * scale;
  const first = Math.max(Math.trunc(center - support + 0.5), 0);
  const last = Math.min(Math.trunc(center + support + 0.5), from);
  const at = Array.from({ length: last - first }, (_, k) => first + k);
  // Antialiased, PyTorch's cubic is Pillow's.
  const values = at.map((x) => kernel(filter, (x - center + 0.5) / stretch, -0.5));
  const sum = values.reduce((a, b) => a + b, 0);
  return { at, weights: values.map((value) => value / sum) };
}

/** The two or four sources nearest to the place; beyond the edges, the edge's. */
function plain(filter: TensorFilter, from: number, scale: number, i: number): Taps {
  const center = (i + 0.5) * scale - 0.5;
  const place = filter === "bilinear" ? Math.max(center, 0) : center;
  const floor = Math.floor(place);
  const offsets = filter === "bilinear" ? [0, 1] : [-1, 0, 1, 2];
  return {
    at: offsets.map((offset) => Math.min(Math.max(floor + offset, 0), from - 1)),
    weights: offsets.map((offset) => kernel(filter, place - floor - offset, -0.75)),
  };
}

/** The filter at `x`; `a` is the slope of Keys' cubic at 1. */
function kernel(filter: TensorFilter, x: number, a: number): number {
  const d = Math.abs(x);
  if (filter === "bilinear") return Math.max(1 - d, 0);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((d - 5) * d + 8) * d * a - 4 * a;
  return 0;
}

function isFilter(filter: string): filter is TensorFilter {
  return (FILTERS as readonly string[]).includes(filter);
}

function checkTensor({ shape, data }: Tensor): { outer: number; rows: number; columns: number } {
  const isShape =
    Array.isArray(shape) && shape.length >= 2 && shape.every((side) => Number.isInteger(side) && side > 0);
  const size = isShape ? shape.reduce((a: number, b: number) => a * b, 1) : 0;
  if (!isShape || !(data instanceof Float32Array) || data.length !== size) {
    throw new ConvzooError(
      "bad-shape",
      "A tensor to resize is { shape: [..., H, W], data }, where data is a Float32Array of as many numbers.",
    );
  }
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { outer: size / (rows * columns), rows, columns };
}
