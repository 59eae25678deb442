/**
 * The meaning of a graph, written for the second time and as plainly as can be: one image at a time, maps [C, H, W] in
 * float64. What differs from PyTorch's float64 is then only the goldens' rounding.
 */
import type { Graph, GraphNode } from "../src/graph.js";
import { type Shape, shapesOf } from "../src/shape.js";
import { weightKeys } from "../src/state.js";
import type { Tensor } from "../src/tensor.js";

export type Values = Float32Array | Float64Array;
type Inner = Exclude<GraphNode, { op: "input" }>;
type Op<T extends GraphNode["op"]> = Extract<GraphNode, { op: T }>;

/** A value that a node reads or gives. */
interface Map3 {
  readonly x: Values;
  readonly shape: Shape;
}

/** The value of every node that the output needs, by id. */
export function interpret(graph: Graph, input: Tensor, weights: ReadonlyMap<string, Tensor>): Values[] {
  const shapes = shapesOf(graph, input.shape.slice(1));
  const values: Values[] = [];
  graph.nodes.forEach((node, id) => {
    const shape = shapes[id];
    if (node.op === "input") values.push(input.data);
    else if (shape === undefined) values.push(new Float64Array());
    else {
      const own = weightKeys(node).map((key) => weights.get(key)?.data ?? new Float32Array());
      const read = node.inputs.map((from) => ({ x: values[from] ?? input.data, shape: shapes[from] ?? [] }));
      values.push(compute(node, read, shape, own));
    }
  });
  return values;
}

const product = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);
const at = (values: ArrayLike<number> | undefined, i: number): number => values?.[i] ?? Number.NaN;

/** `value(x, c)` of each number and its channel. */
function each({ x, shape }: Map3, value: (x: number, c: number) => number): Float64Array {
  const area = product(shape.slice(1));
  return Float64Array.from(x, (v, i) => value(v, Math.floor(i / area)));
}

/** Error function by its series, or far out by its continued fraction: to 1e-15. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  let [sum, term] = [a, a];
  for (let n = 1; n < 120; n++) {
    term *= (-a * a) / n;
    sum += term / (2 * n + 1);
  }
  return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
}

const ACTIVATIONS: Record<Op<"activation">["kind"], (x: number) => number> = {
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  hardswish: (x) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
  hardsigmoid: (x) => Math.min(6, Math.max(0, x + 3)) / 6,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  tanh: Math.tanh,
};

function compute(node: Inner, read: readonly Map3[], shape: Shape, weights: readonly Float32Array[]): Values {
  const input = read[0] ?? { x: new Float64Array(), shape: [] };
  const { x } = input;
  const area = product(input.shape.slice(1));
  const [first, second] = weights;
  switch (node.op) {
    case "activation":
      return each(input, ACTIVATIONS[node.kind]);
    case "prelu":
      return each(input, (v, c) => (v > 0 ? v : v * at(first, node.channels === 1 ? 0 : c)));
    case "batch_norm2d": {
      const [mean, variance] = weights.slice(-2);
      const scaled = each(input, (v, c) => (v - at(mean, c)) / Math.sqrt(at(variance, c) + node.eps));
      if (!node.affine) return scaled;
      return each({ x: scaled, shape: input.shape }, (v, c) => v * at(first, c) + at(second, c));
    }
    case "layer_scale":
      return each(input, (v, c) => v * at(first, c));
    case "affine": {
      const of = (list: readonly number[], c: number) => at(list, list.length === 1 ? 0 : c);
      return each(input, (v, c) => v * of(node.scale, c) + of(node.shift, c));
    }
    case "layer_norm2d": {
      const pixel = (i: number) => Array.from({ length: node.channels }, (_, c) => at(x, c * area + i));
      const moments = Array.from({ length: area }, (_, i) => {
        const values = pixel(i);
        const mean = values.reduce((a, b) => a + b, 0) / node.channels;
        return [mean, values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / node.channels] as const;
      });
      return Float64Array.from(x, (v, i) => {
        const [mean = 0, variance = 0] = moments[i % area] ?? [];
        const c = Math.floor(i / area);
        return ((v - mean) / Math.sqrt(variance + node.eps)) * at(first, c) + at(second, c);
      });
    }
    case "local_response_norm":
      return each(input, (v) => v).map((v, i) => {
        const c = Math.floor(i / area);
        let squares = 0;
        for (let k = c - Math.floor(node.size / 2); k < c - Math.floor(node.size / 2) + node.size; k++)
          if (k >= 0 && k < (shape[0] ?? 0)) squares += at(x, k * area + (i % area)) ** 2;
        return v / (node.k + (node.alpha / node.size) * squares) ** node.beta;
      });
    case "flatten":
      return x;
    case "slice":
      return x.slice(node.start * area, node.end * area);
    case "pad_channels":
      return padded(x, node.before * area, product(shape));
    case "channel_shuffle": {
      const each = (shape[0] ?? 0) / node.groups;
      return Float64Array.from(x, (_, i) => {
        const c = Math.floor(i / area);
        return at(x, ((c % node.groups) * each + Math.floor(c / node.groups)) * area + (i % area));
      });
    }
    case "concat":
      return Float64Array.from(read.flatMap((other) => [...other.x]));
    case "add":
      return Float64Array.from(x, (_, i) => read.reduce((sum, other) => sum + at(other.x, i), 0));
    case "mul": {
      const factor = read[1];
      const whole = factor?.x.length === x.length;
      return Float64Array.from(x, (v, i) => v * at(factor?.x, whole ? i : Math.floor(i / area)));
    }
    case "softmax":
    case "log_softmax": {
      const powers = each(input, Math.exp);
      const sums = new Float64Array(area);
      for (const [i, power] of powers.entries()) sums[i % area] = at(sums, i % area) + power;
      if (node.op === "softmax") return powers.map((v, i) => v / at(sums, i % area));
      return Float64Array.from(x, (v, i) => v - Math.log(at(sums, i % area)));
    }
    case "linear":
      return new Float64Array(product(shape)).map((_, o) => {
        let sum = node.bias ? at(second, o) : 0;
        for (let i = 0; i < x.length; i++) sum += at(x, i) * at(first, o * x.length + i);
        return sum;
      });
    case "conv2d":
      return convolve(node, input, shape, weights);
    case "pad2d":
      return windowed([1, 1], [1, 1], [1, 1], node.padding, input, shape, (found) => found[0] ?? 0);
    case "max_pool2d": {
      const padding = sidesOf(node, node.dilation, input.shape, shape);
      return windowed(node.kernel, node.stride, node.dilation, padding, input, shape, (found) =>
        Math.max(...found),
      );
    }
    case "avg_pool2d": {
      const padding = sidesOf(node, node.dilation, input.shape, shape);
      return windowed(node.kernel, node.stride, node.dilation, padding, input, shape, (found, inside) => {
        return found.reduce((a, b) => a + b, 0) / (node.count_include_pad ? inside : found.length);
      });
    }
    case "adaptive_avg_pool2d":
    case "adaptive_max_pool2d":
      return adaptive(node, input, shape);
  }
}

function padded(x: Values, before: number, length: number): Float64Array {
  const out = new Float64Array(length);
  out.set(x, before);
  return out;
}

type Pair = readonly [number, number];
type Sides = readonly [number, number, number, number];

/** The padding of a window, at least on the sides at the top and left: by TensorFlow's rule where it says so. */
function sidesOf(
  node: { kernel: Pair; stride: Pair; padding: Sides; same: boolean },
  dilation: Pair,
  [, ...size]: Shape,
  [, ...out]: Shape,
): Sides {
  if (!node.same) return node.padding;
  const [[top, bottom], [left, right]] = [0, 1].map((axis) => {
    const reach =
      (at(out, axis) - 1) * at(node.stride, axis) + at(dilation, axis) * (at(node.kernel, axis) - 1) + 1;
    const total = Math.max(reach - at(size, axis), 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)] as const;
  }) as unknown as readonly [Pair, Pair];
  return [top, left, bottom, right];
}

/**
 * `value` of what each window sees of the map: the numbers, and how many places of it lie on the map with its padding
 * (in ceil mode a last window hangs over even that).
 */
function windowed(
  kernel: Pair,
  stride: Pair,
  dilation: Pair,
  [top, left, bottom, right]: Sides,
  { x, shape }: Map3,
  outShape: Shape,
  value: (found: readonly number[], inside: number) => number,
): Float64Array {
  const [, height = 0, width = 0] = shape;
  const [, rows = 0, columns = 0] = outShape;
  return new Float64Array(product(outShape)).map((_, at) => {
    const channel = Math.floor(at / (rows * columns));
    const y = (Math.floor(at / columns) % rows) * stride[0] - top;
    const z = (at % columns) * stride[1] - left;
    const found: number[] = [];
    let inside = 0;
    for (let i = y; i < y + kernel[0] * dilation[0]; i += dilation[0])
      for (let j = z; j < z + kernel[1] * dilation[1]; j += dilation[1]) {
        if (i < height + bottom && j < width + right) inside++;
        if (i >= 0 && i < height && j >= 0 && j < width)
          found.push(x[(channel * height + i) * width + j] as number);
      }
    return value(found, inside);
  });
}

/** Cell i of n reads rows floor(i * H / n) up to ceil((i + 1) * H / n). */
function adaptive(
  { op }: Op<"adaptive_avg_pool2d" | "adaptive_max_pool2d">,
  { x, shape }: Map3,
  outShape: Shape,
): Float64Array {
  const [, height = 0, width = 0] = shape;
  const [, rows = 0, columns = 0] = outShape;
  return new Float64Array(product(outShape)).map((_, at) => {
    const channel = Math.floor(at / (rows * columns));
    const row = Math.floor(at / columns) % rows;
    const column = at % columns;
    const found: number[] = [];
    for (let i = Math.floor((row * height) / rows); i < Math.ceil(((row + 1) * height) / rows); i++)
      for (
        let j = Math.floor((column * width) / columns);
        j < Math.ceil(((column + 1) * width) / columns);
        j++
      )
        found.push(x[(channel * height + i) * width + j] as number);
    if (op === "adaptive_max_pool2d") return found.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return found.reduce((a, b) => a + b, 0) / found.length;
  });
}

/** Tap by tap, so that the innermost loop runs along a row. */
function convolve(
  node: Op<"conv2d">,
  { x, shape }: Map3,
  outShape: Shape,
  [filters = new Float32Array(), bias]: readonly Float32Array[],
): Float64Array {
  const [, height = 0, width = 0] = shape;
  const [channels = 0, rows = 0, columns = 0] = outShape;
  const depth = node.in_channels / node.groups;
  const [kernelRows, kernelColumns] = node.kernel;
  const [top, left] = sidesOf(node, node.dilation, shape, outShape);
  const out = new Float64Array(product(outShape)).map((_, i) =>
    node.bias ? at(bias, Math.floor(i / (rows * columns))) : 0,
  );
  for (let tap = 0; tap < channels * depth * kernelRows * kernelColumns; tap++) {
    const j = (tap % kernelColumns) * node.dilation[1];
    const i = (Math.floor(tap / kernelColumns) % kernelRows) * node.dilation[0];
    const channel = Math.floor(tap / (kernelColumns * kernelRows * depth));
    const group = Math.floor(channel / (channels / node.groups));
    const from = group * depth + (Math.floor(tap / (kernelColumns * kernelRows)) % depth);
    const factor = filters[tap] as number;
    for (let row = 0; row < rows; row++) {
      const y = row * node.stride[0] - top + i;
      if (y < 0 || y >= height) continue;
      const to = (channel * rows + row) * columns;
      const start = (from * height + y) * width;
      for (let column = 0; column < columns; column++) {
        const z = column * node.stride[1] - left + j;
        if (z >= 0 && z < width)
          out[to + column] = (out[to + column] as number) + factor * (x[start + z] as number);
      }
    }
  }
  return out;
}
