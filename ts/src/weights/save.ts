/** Writing checkpoints: .safetensors, as it is or rounded to another floating-point type. */
import { ConvzooError } from "../errors.js";
import { type Dtype, toFloat32, type WeightTensor } from "./dtype.js";
import { checkTensor, type GivenTensor, type GivenWeights } from "./resolve.js";

/** Options of `saveWeights`. */
export interface SaveOptions {
  /** What floating-point tensors become: float32, float16 or bfloat16; unless given they stay as they are. */
  readonly dtype?: "f32" | "f16" | "bf16";
  /** Free text by name, kept in the file; that of the weights unless given. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A type that numbers are rounded to: bits of the fraction, exponents of the smallest and the largest numbers. */
interface Format {
  readonly fraction: number;
  readonly least: number;
  readonly most: number;
}

const FORMATS: Readonly<Record<NonNullable<SaveOptions["dtype"]>, Format>> = {
  f32: { fraction: 23, least: -126, most: 127 },
  f16: { fraction: 10, least: -14, most: 15 },
  bf16: { fraction: 7, least: -126, most: 127 },
};

/** The reference implementation's limit. */
const MAX_HEADER_BYTES = 100_000_000;

/** See `saveWeights`. */
export function save(weights: GivenWeights, options: SaveOptions): Uint8Array {
  const { dtype, metadata = metadataOf(weights) } = options;
  if (dtype !== undefined && !Object.hasOwn(FORMATS, dtype)) {
    throw new ConvzooError("bad-option", `dtype is f32, f16 or bf16, not ${JSON.stringify(dtype)}.`);
  }
  const bad = Object.entries(metadata).find(([, text]) => typeof text !== "string");
  if (bad)
    throw new ConvzooError("bad-option", `metadata.${bad[0]} is not a text; metadata are texts by name.`);
  const tensors = [...entriesOf(weights)].map(([key, given]) => {
    const tensor = checkTensor(checkKey(key), given, (code, message, key) => {
      throw new ConvzooError(code, message, { key });
    });
    return { key, tensor: dtype ? convert(key, tensor, dtype) : tensor };
  });
  // Wide elements first, so that each tensor begins at a multiple of its elements' size.
  tensors.sort((a, b) => widthOf(b.tensor) - widthOf(a.tensor));

  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [["__metadata__", metadata]] : [];
  let end = 0;
  for (const { key, tensor } of tensors) {
    const begin = end;
    end += tensor.data.byteLength;
    const { dtype, shape } = tensor;
    header.push([key, { dtype: dtype.toUpperCase(), shape, data_offsets: [begin, end] }]);
  }
  const fields = header.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(text.length / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    const message = `The keys of these weights take ${length} bytes; a .safetensors file may have 100 MB of them.`;
    throw new ConvzooError("too-large", message);
  }
  const file = allocate(8 + length + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length).set(text, 8);
  let at = 8 + length;
  for (const { tensor } of tensors) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    file.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return file;
}

const widthOf = ({ data }: WeightTensor): number => data.BYTES_PER_ELEMENT;

function entriesOf(weights: GivenWeights): Iterable<[string, GivenTensor]> {
  if (typeof weights !== "object" || weights === null) {
    const message = "Weights are a Map or an object from key to { shape, data }, or what loadWeights gives.";
    throw new ConvzooError("bad-option", message);
  }
  // Not by instanceof: a Map of another realm, or a class of the user's own, is one too.
  const isMap = typeof weights.entries === "function";
  return isMap ? (weights as ReadonlyMap<string, GivenTensor>).entries() : Object.entries(weights);
}

function metadataOf(weights: GivenWeights): Readonly<Record<string, string>> {
  const metadata: unknown = weights instanceof Map && "metadata" in weights ? weights.metadata : undefined;
  return metadata instanceof Map ? Object.fromEntries(metadata) : {};
}

function checkKey(key: string): string {
  if (typeof key === "string" && key !== "__metadata__" && !/\p{Surrogate}/u.test(key)) return key;
  const message = `${JSON.stringify(key)} cannot be a key of a .safetensors file; give the tensor another name.`;
  throw new ConvzooError("bad-option", message, { key: String(key) });
}

function allocate(length: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    const message = `The file has ${length} bytes, more than this runtime can hold in one piece; save fewer tensors at a time.`;
    throw new ConvzooError("too-large", message, { cause });
  }
}

const FLOATS: readonly Dtype[] = ["f64", "f32", "f16", "bf16"];

/** A tensor of floats as another type, each rounded once, to nearest, ties to even; integers stay. */
export function convert(
  key: string,
  tensor: WeightTensor,
  dtype: NonNullable<SaveOptions["dtype"]>,
): WeightTensor {
  if (tensor.dtype === dtype || !FLOATS.includes(tensor.dtype)) return tensor;
  const { shape } = tensor;
  // Of float64 the numbers themselves: rounding them to float32 first would round twice.
  const numbers = tensor.dtype === "f64" ? tensor.data : toFloat32(tensor);
  const rounded = new Float32Array(numbers.length);
  const round = rounding(FORMATS[dtype]);
  for (let i = 0; i < numbers.length; i++) {
    rounded[i] = round(numbers[i]!);
    if (Number.isFinite(numbers[i]!) && !Number.isFinite(rounded[i]!)) {
      const message = `Element ${i} of ${key}, ${numbers[i]}, is too large for ${dtype}; save it as bf16 or f32.`;
      throw new ConvzooError("bad-weights", message, { key });
    }
  }
  if (dtype === "f32") return { dtype, shape, data: rounded };
  const bits = new Uint32Array(rounded.buffer);
  return { dtype, shape, data: dtype === "bf16" ? bits16(bits, (b) => b >>> 16) : bits16(bits, halfOf) };
}

/**
 * Rounds to the numbers of a format. A sum with a power of two so large that its last digit is the format's drops all digits
 * below that, rounding as every sum does; the difference then is exact.
 */
function rounding({ fraction, least, most }: Format): (x: number) => number {
  const float = new Float64Array(1);
  const words = new Uint32Array(float.buffer);
  const largest = (2 - 2 ** -fraction) * 2 ** most;
  return (x) => {
    float[0] = x;
    const exponent = ((words[1]! >>> 20) & 0x7ff) - 1023;
    if (exponent > most) return Number.isFinite(x) ? x * Infinity : x;
    const digit = 1.5 * 2 ** (52 + Math.max(exponent, least) - fraction);
    const rounded = x + digit - digit;
    if (Math.abs(rounded) > largest) return x < 0 ? -Infinity : Infinity;
    // A negative number that is rounded to zero keeps its sign.
    return rounded === 0 && (x < 0 || Object.is(x, -0)) ? -0 : rounded;
  };
}

function bits16(bits: Uint32Array, of: (bits: number) => number): Uint16Array {
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) halves[i] = of(bits[i]!);
  return halves;
}

/** The bits of float16 for those of a float32 with the same value. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude === 0x7f800000) return sign | 0x7c00;
  // Below 2^-14 the bits count multiples of 2^-24: the float32's digits, with the one that goes without saying, moved down.
  if (magnitude < 0x38800000) {
    const down = 126 - (magnitude >>> 23);
    return sign | (down > 31 ? 0 : ((magnitude & 0x7fffff) | 0x800000) >>> down);
  }
  return sign | ((magnitude >>> 13) - ((127 - 15) << 10));
}
