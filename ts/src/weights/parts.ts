/** Tensors that can be read a part at a time, so that a large one is never in memory as a whole. */
import type { Bytes } from "./bytes.js";
import { ARRAYS, type Dtype, elementCount, viewAs, type WeightTensor } from "./dtype.js";
import type { StoredTensor } from "./stored.js";

/** A stored tensor of which elements can be read alone. */
export interface PartedTensor extends StoredTensor {
  /** Whether what `part` gives is the reader's own, to change or give away. */
  readonly fresh: boolean;
  /** The elements from `begin` up to `end`, counted row-major, as a tensor of one dimension. */
  part(begin: number, end: number): Promise<WeightTensor>;
}

/** Whether a tensor can be read in parts; of others, the compressed ones for instance, all is read at once. */
export const hasParts = (tensor: StoredTensor): tensor is PartedTensor => "part" in tensor;

/** A tensor whose elements follow one another little-endian and row-major; `read` gives bytes of it by their place in it. */
export function contiguous(
  dtype: Dtype,
  shape: readonly number[],
  { read, fresh = false }: Pick<Bytes, "read" | "fresh">,
): PartedTensor {
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  const bytesOf = async (begin: number, end: number) => read(begin * size, end * size);
  return {
    dtype,
    shape,
    fresh,
    read: async () => viewAs(dtype, shape, await bytesOf(0, elementCount(shape))),
    part: async (begin, end) => viewAs(dtype, [end - begin], await bytesOf(begin, end)),
  };
}
