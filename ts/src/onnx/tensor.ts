/** A tensor of an ONNX file as a weight. */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "../weights/bytes.js";
import { ARRAYS, type Dtype, elementCount, viewAs, type WeightTensor } from "../weights/dtype.js";
import type { StoredTensor } from "../weights/stored.js";
import { guarded, longs, type Range, type TensorProto } from "./proto.js";

/** Opens a file that lies beside the model, by the name that the model has for it. */
export type Beside = (location: string) => Promise<Bytes>;

/** TensorProto.DataType; the rest (text, complex numbers, 8 bits and fewer of a float) have no use here. */
const DTYPES: Readonly<Record<number, Dtype>> = {
  1: "f32",
  2: "u8",
  3: "i8",
  4: "u16",
  5: "i16",
  6: "i32",
  7: "i64",
  9: "bool",
  10: "f16",
  11: "f64",
  12: "u32",
  13: "u64",
  16: "bf16",
};

const RAW_DATA = 9;
/** Fields that hold an element type as it lies in memory, and those that hold it as integers of any length. */
const FIXED: Partial<Record<Dtype, number>> = { f32: 4, f64: 10 };
const VARINTS: Partial<Record<Dtype, number>> = { i64: 7, u32: 11, u64: 11 };
const INT32_DATA = 5;

/** Throws `unsupported` for an element type that is none of ours or data that lies elsewhere, `bad-weights` for a wrong length. */
export function storedTensor(proto: TensorProto, beside?: Beside): StoredTensor {
  const { source, name: key, dims: shape, dataType } = proto;
  const file = source.bytes.name;
  const fail = (code: "bad-weights" | "unsupported", message: string): never => {
    throw new ConvzooError(code, `${file}: the tensor ${key} ${message}`, { key, source: file });
  };
  const dtype = DTYPES[dataType];
  if (dtype === undefined)
    return fail(
      "unsupported",
      `has ONNX's element type ${dataType}; only plain floats and integers are read.`,
    );
  const count = elementCount(shape);
  const size = count * ARRAYS[dtype].BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(size) || shape.length > MOST_SIDES)
    return fail(
      "bad-weights",
      `has the shape [${shape.slice(0, MOST_SIDES).join(", ")}], which no tensor has.`,
    );
  if (proto.external && !beside) {
    const advice = "Export with external_data=False, or use fromOnnx with the other file as externalData.";
    return fail("unsupported", `has its data in another file. ${advice}`);
  }
  const checked = (bytes: Uint8Array): WeightTensor => {
    if (bytes.length === size) return viewAs(dtype, shape, bytes);
    return fail("bad-weights", `needs ${size} bytes of data and has ${bytes.length}: the file is damaged.`);
  };
  const pieces = (field: number | undefined) => (field === undefined ? undefined : proto.data.get(field));
  const read = async (): Promise<WeightTensor> => {
    if (proto.external && beside) return checked(await readExternal(proto.external, size, beside, fail));
    const plain = pieces(RAW_DATA) ?? pieces(FIXED[dtype]);
    if (plain || count === 0) return checked(await joined(proto, plain ?? []));
    const written = pieces(VARINTS[dtype] ?? INT32_DATA);
    if (!written) return fail("bad-weights", "has no data: the file is damaged.");
    const numbers = await guarded(file, async () => longs(await joined(proto, written)));
    if (numbers.length !== count)
      return fail("bad-weights", `has ${numbers.length} elements where its shape says ${count}.`);
    return narrowed(dtype, shape, numbers);
  };
  return { dtype, shape, read };
}

const MOST_SIDES = 8;

/** The pieces of a field one after another; one alone, as it nearly always is, is not copied. */
async function joined({ source }: TensorProto, ranges: readonly Range[]): Promise<Uint8Array> {
  // Not through the window: a tensor's data is read once, and kept.
  const read = async ({ begin, end }: Range) => source.bytes.read(begin, end);
  if (ranges.length === 1) return read(ranges[0]!);
  const whole = new Uint8Array(ranges.reduce((sum, { begin, end }) => sum + end - begin, 0));
  let at = 0;
  for (const range of ranges) {
    whole.set(await read(range), at);
    at += range.end - range.begin;
  }
  return whole;
}

async function readExternal(
  entries: ReadonlyMap<string, string>,
  size: number,
  beside: Beside,
  fail: (code: "bad-weights", message: string) => never,
): Promise<Uint8Array> {
  const begin = Number(entries.get("offset") ?? 0);
  const length = Number(entries.get("length") ?? size);
  const location = entries.get("location") ?? "";
  const file = await beside(location);
  const fits = Number.isSafeInteger(begin) && begin >= 0 && length === size && begin + size <= file.size;
  if (!fits) {
    const wanted = `${size} bytes from byte ${begin}`;
    return fail(
      "bad-weights",
      `wants ${wanted} of ${location}, which has ${file.size}: is it the model's own?`,
    );
  }
  return file.read(begin, begin + size);
}

/** Integers in the array of their type; f16 and bf16 are their 16 bits, as the file has them. */
function narrowed(dtype: Dtype, shape: readonly number[], numbers: BigInt64Array): WeightTensor {
  if (dtype === "i64") return { dtype, shape, data: numbers };
  if (dtype === "u64") return { dtype, shape, data: new BigUint64Array(numbers.buffer) };
  return { dtype, shape, data: new ARRAYS[dtype](Array.from(numbers, Number)) } as WeightTensor;
}
