/** Tensors as files lay them out: by strides, from an offset on, in either byte order; made row-major when they are read. */
import { ConvzooError } from "../errors.js";
import { ARRAYS, type Dtype, elementCount, viewAs, type WeightTensor } from "./dtype.js";
import { contiguous } from "./parts.js";
import type { StoredTensor } from "./stored.js";

/** Where the elements of a tensor lie in the bytes that hold them. */
export interface Layout {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** How many elements further the next index of each side is. */
  readonly strides: readonly number[];
  /** The first element, counted in elements. */
  readonly offset: number;
  readonly bigEndian: boolean;
}

/** The strides of a tensor whose last index runs fastest. */
export function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(i + 1).reduce((product, side) => product * side, 1));
}

/** The strides of a tensor whose first index runs fastest. */
export function columnMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(0, i).reduce((product, side) => product * side, 1));
}

/** From the first element to just behind the last, in elements; NaN where these are too many to be counted. */
export function spanOf({ shape, strides }: Pick<Layout, "shape" | "strides">): number {
  const count = elementCount(shape);
  if (count === 0 || Number.isNaN(count)) return count;
  const span = shape.reduce((sum, side, i) => sum + (side - 1) * strides[i]!, 1);
  return Number.isSafeInteger(span) ? span : NaN;
}

/**
 * A tensor that reads its elements when asked, and no others than those between its first and its last. `read` gives bytes by
 * their place in what holds the tensor. Row-major tensors are views of what `read` gives, the rest are copies.
 */
export function storedTensor(
  layout: Layout,
  read: (begin: number, end: number) => Promise<Uint8Array>,
): StoredTensor {
  const { dtype, shape, offset, bigEndian } = layout;
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const span = spanOf(layout);
  if (!bigEndian && isRowMajor(layout))
    return contiguous(dtype, shape, {
      read: (begin, end) => read(offset * size + begin, offset * size + end),
    });
  return {
    dtype,
    shape,
    async read() {
      const bytes = await read(offset * size, (offset + span) * size);
      try {
        const elements = viewAs(dtype, shape, bigEndian ? reversed(bytes, size) : bytes);
        return isRowMajor(layout) ? elements : gathered(elements, layout);
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause;
        const message = `A weight of shape [${shape.join(", ")}] is larger than what this runtime can hold in one piece.`;
        throw new ConvzooError("too-large", message, { cause });
      }
    },
  };
}

/** Whether the elements follow one another in row-major order. A side of 1 has no next index, whatever its stride says. */
function isRowMajor({ shape, strides }: Layout): boolean {
  const wanted = rowMajor(shape);
  return elementCount(shape) === 0 || shape.every((side, i) => side === 1 || strides[i] === wanted[i]);
}

/** Each element's bytes turned round. An element begins at a multiple of its size, which is a power of two. */
function reversed(bytes: Uint8Array, size: number): Uint8Array {
  const turned = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i++) turned[i ^ (size - 1)] = bytes[i]!;
  return turned;
}

function gathered({ dtype, data }: WeightTensor, { shape, strides }: Layout): WeightTensor {
  // The loop only copies elements, so it does not matter that some arrays hold bigints.
  const from = data as Float64Array;
  const to = new ARRAYS[dtype](elementCount(shape)) as Float64Array;
  const last = shape.length - 1;
  const [inner, step] = [shape[last]!, strides[last]!];
  const index = shape.map(() => 0);
  for (let filled = 0, at = 0; filled < to.length; ) {
    for (let i = 0; i < inner; i++) to[filled++] = from[at + i * step]!;
    for (let side = last - 1; side >= 0; side--) {
      at += strides[side]!;
      if (++index[side]! < shape[side]!) break;
      at -= shape[side]! * strides[side]!;
      index[side] = 0;
    }
  }
  return { dtype, shape, data: to } as unknown as WeightTensor;
}
