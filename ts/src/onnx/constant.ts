/** Constants of a graph: its tensors, and the small numbers (mostly shapes) that exporters compute from them. */
import { elementCount, toFloat32, type WeightTensor } from "../weights/dtype.js";
import type { Dim } from "./view.js";

/** Either a tensor of the file, or numbers computed from one; sizes that only a run knows are names. */
export interface Constant {
  readonly kind: "constant";
  readonly shape: readonly number[];
  readonly isInteger: boolean;
  readonly tensor?: WeightTensor;
  readonly numbers?: readonly Dim[];
}

/** The most elements that are computed with one by one. */
export const MOST_NUMBERS = 1 << 16;

export function constantOf(tensor: WeightTensor): Constant {
  const isInteger = !["f64", "f32", "f16", "bf16"].includes(tensor.dtype);
  return { kind: "constant", shape: tensor.shape, isInteger, tensor };
}

export const computed = (shape: readonly number[], numbers: readonly Dim[], isInteger = true): Constant => ({
  kind: "constant",
  shape,
  isInteger,
  numbers,
});

/** The elements in order; undefined where they are too many. */
export function numbersOf({ shape, tensor, numbers }: Constant): readonly Dim[] | undefined {
  if (numbers) return numbers;
  if (!tensor || elementCount(shape) > MOST_NUMBERS) return undefined;
  // float64 holds integers to 2^53; the largest stands for "to the end" in slices, where it is as good.
  const { dtype, data } = tensor;
  if (dtype === "i64" || dtype === "u64") return Array.from<bigint, number>(data, Number);
  return dtype === "f16" || dtype === "bf16" ? [...toFloat32(tensor)] : [...data];
}

/** The elements where all are known and finite, else undefined. */
export function knownNumbers(constant: Constant): readonly number[] | undefined {
  const numbers = numbersOf(constant);
  return numbers?.every((n): n is number => Number.isFinite(n)) ? numbers : undefined;
}

/** The constant as a weight of this shape, which has as many elements. */
export function asWeight(constant: Constant, shape: readonly number[]): WeightTensor | undefined {
  if (constant.tensor) return { ...constant.tensor, shape };
  const numbers = knownNumbers(constant);
  return numbers && { dtype: "f32", shape, data: Float32Array.from(numbers) };
}

/** The same elements under another shape. */
export function underShape(constant: Constant, shape: readonly number[]): Constant {
  const tensor = constant.tensor && { ...constant.tensor, shape };
  return { ...constant, shape, ...(tensor && { tensor }) };
}

/** `of` for each pair of elements, as ONNX broadcasts them; undefined where the shapes do not go together. */
export function pairwise(a: Constant, b: Constant, of: (x: Dim, y: Dim) => Dim): Constant | undefined {
  const [xs, ys] = [numbersOf(a), numbersOf(b)];
  const shape = broadcast(a.shape, b.shape);
  if (!xs || !ys || !shape || !(elementCount(shape) <= MOST_NUMBERS)) return undefined;
  const numbers = Array.from({ length: elementCount(shape) }, (_, i) =>
    of(xs[sourceOf(i, shape, a.shape)] as Dim, ys[sourceOf(i, shape, b.shape)] as Dim),
  );
  return computed(shape, numbers, a.isInteger && b.isInteger);
}

function broadcast(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const [x, y] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1];
    return x === y || y === 1 ? x : x === 1 ? y : NaN;
  });
  return shape.some(Number.isNaN) ? undefined : shape;
}

/** Which element of a constant goes to element `i` of what it is broadcast to. */
function sourceOf(i: number, shape: readonly number[], own: readonly number[]): number {
  let [rest, index, step] = [i, 0, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const side = own[axis - shape.length + own.length] ?? 1;
    if (side > 1) index += (rest % (shape[axis] as number)) * step;
    step *= side;
    rest = Math.floor(rest / (shape[axis] as number));
  }
  return index;
}

/** A matrix [rows, columns] as [columns, rows], in float32. */
export function transposed(tensor: WeightTensor): WeightTensor {
  const [rows = 0, columns = 0] = tensor.shape;
  const from = toFloat32(tensor);
  const data = new Float32Array(from.length);
  // In squares, since a column's numbers lie far apart.
  for (let top = 0; top < rows; top += 32)
    for (let left = 0; left < columns; left += 32)
      for (let i = top; i < Math.min(rows, top + 32); i++)
        for (let j = left; j < Math.min(columns, left + 32); j++)
          data[j * rows + i] = from[i * columns + j] as number;
  return { dtype: "f32", shape: [columns, rows], data };
}
