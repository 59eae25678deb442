/** Element types of weights, and their exact conversion to float32. */

/** The array that holds each element type. f16 and bf16 are kept as their 16 bits, bool as bytes. */
export interface DataOf {
  f64: Float64Array;
  f32: Float32Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  i64: BigInt64Array;
  u64: BigUint64Array;
  i32: Int32Array;
  u32: Uint32Array;
  i16: Int16Array;
  u16: Uint16Array;
  i8: Int8Array;
  u8: Uint8Array;
  bool: Uint8Array;
}

export type Dtype = keyof DataOf;

/** One weight: `data` has as many elements as the product of `shape` (row-major), in the array that `dtype` says. */
export type WeightTensor = {
  [D in Dtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: DataOf[D] };
}[Dtype];

/** The constructor of each element type's array. */
export const ARRAYS = {
  f64: Float64Array,
  f32: Float32Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  i32: Int32Array,
  u32: Uint32Array,
  i16: Int16Array,
  u16: Uint16Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<Dtype, unknown>;

/** Elements in a tensor of this shape, 1 for a scalar's []. NaN where a side or a product of sides is no safe integer. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce(
    (product, side) => (Number.isSafeInteger(product * side) && side >= 0 ? product * side : NaN),
    1,
  );
}

/** A view of bytes as elements; a copy only where the bytes do not lie on an element boundary. */
export function viewAs(dtype: Dtype, shape: readonly number[], bytes: Uint8Array): WeightTensor {
  const ArrayType: new (buffer: ArrayBufferLike, offset: number, length: number) => DataOf[Dtype] =
    ARRAYS[dtype];
  const size = ARRAYS[dtype].BYTES_PER_ELEMENT;
  // Not slice(), which makes another view where the bytes are a Buffer.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return {
    dtype,
    shape,
    data: new ArrayType(aligned.buffer, aligned.byteOffset, bytes.length / size),
  } as WeightTensor;
}

/**
 * The tensor's elements as float32, each rounded to nearest, ties to even. f16 and bf16 are exact, subnormals, infinities
 * and NaN included. An f32 tensor's own array comes back, not a copy.
 */
export function toFloat32(tensor: WeightTensor): Float32Array {
  switch (tensor.dtype) {
    case "f32":
      return tensor.data;
    case "f16":
      return fromF16(tensor.data);
    case "bf16":
      return fromBf16(tensor.data);
    case "i64":
    case "u64":
      return fromBigInts(tensor.data);
    default:
      return new Float32Array(tensor.data);
  }
}

function fromBf16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

/**
 * IEEE 754 binary16. Moved up by 13 bits, exponent and fraction are a float32 that is 2^112 too small, whether normal or
 * not; multiplying puts that right without rounding. Only the largest exponent (infinity, NaN) must be set by hand.
 */
function fromF16(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length);
  const bits = new Uint32Array(floats.buffer);
  for (let i = 0; i < bits.length; i++) {
    const half = halves[i]!;
    bits[i] = ((half & 0x8000) << 16) | ((half & 0x7fff) << 13);
  }
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & 0x0f800000) === 0x0f800000) bits[i]! |= 0x7f800000;
    else floats[i]! *= 2 ** 112;
  }
  return floats;
}

/** Rounded once: bits that float64 would drop are gathered into one that float32 sees as "more than half" or not. */
function fromBigInts(integers: BigInt64Array | BigUint64Array): Float32Array {
  return Float32Array.from(integers, (n) => {
    if (n <= Number.MAX_SAFE_INTEGER && n >= -Number.MAX_SAFE_INTEGER) return Number(n);
    return Number(n & 0x7ffn ? (n | 0x800n) & ~0x7ffn : n);
  });
}

/**
 * The index of the first element that float32 cannot hold as a finite number, or -1: NaN, an infinity, or a float64
 * beyond float32's range.
 */
export function firstNotFinite(tensor: WeightTensor): number {
  switch (tensor.dtype) {
    case "f32":
    case "f64": {
      const data: ArrayLike<number> = tensor.data;
      for (let i = 0; i < data.length; i++) if (!Number.isFinite(Math.fround(data[i]!))) return i;
      return -1;
    }
    case "f16":
      return firstWithExponent(tensor.data, 0x7c00);
    case "bf16":
      return firstWithExponent(tensor.data, 0x7f80);
    default:
      return -1;
  }
}

function firstWithExponent(halves: Uint16Array, exponent: number): number {
  for (let i = 0; i < halves.length; i++) if ((halves[i]! & exponent) === exponent) return i;
  return -1;
}
