/**
 * NumPy's files (numpy.lib.format, versions 1.0 to 3.0): .npy is one array behind a header, .npz a zip archive of such files,
 * one a key. Arrays of Python objects, which are pickles, are refused.
 */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "./bytes.js";
import { ARRAYS, type Dtype, elementCount } from "./dtype.js";
import { columnMajor, rowMajor, storedTensor } from "./layout.js";
import type { StoredTensor, StoredWeights } from "./stored.js";
import { decodeUtf8 } from "./text.js";
import { readZip } from "./zip.js";

/** The key of a .npy file's array: what numpy.savez calls the first array that was given no name. */
const UNNAMED = "arr_0";

/** A header states dtype, order and shape: a hundred characters. */
const MAX_HEADER_BYTES = 2 ** 16;

const DTYPES: ReadonlyMap<string, Dtype> = /* @__PURE__ */ new Map<string, Dtype>([
  ["f8", "f64"],
  ["f4", "f32"],
  ["f2", "f16"],
  ["i8", "i64"],
  ["u8", "u64"],
  ["i4", "i32"],
  ["u4", "u32"],
  ["i2", "i16"],
  ["u2", "u16"],
  ["i1", "i8"],
  ["u1", "u8"],
  ["b1", "bool"],
]);

/** One array's bytes: a file, or an entry of an archive. */
type ArrayFile = Pick<Bytes, "size" | "read">;
type Fail = (message: string) => never;

/**
 * The arrays of a .npz archive by key, or that of a .npy file under the key `arr_0`. Their data is read when it is asked for;
 * any order of sides or bytes becomes row-major and the machine's.
 *
 * @throws {ConvzooError} `bad-weights`, with `key`; `unsupported` for a compressed archive where the runtime cannot inflate
 */
export async function readNumpy(bytes: Bytes): Promise<StoredWeights> {
  const start = await bytes.read(0, Math.min(2, bytes.size));
  if (start[0] === 0x93) return new Map([[UNNAMED, await readArray(UNNAMED, bytes, bytes.name)]]);
  const tensors = new Map<string, StoredTensor>();
  for (const entry of (await readZip(bytes)).values()) {
    const key = entry.name.replace(/\.npy$/, "");
    if (tensors.has(key)) refusal(key, bytes.name)("it occurs twice");
    tensors.set(key, await readArray(key, entry, bytes.name));
  }
  return tensors;
}

function refusal(key: string, source: string): Fail {
  return (message) => {
    const advice = "Download it again, or write it again with numpy.savez as float32";
    const text = `${source} cannot be read as NumPy's: array ${key}: ${message}. ${advice}.`;
    throw new ConvzooError("bad-weights", text, { source, key });
  };
}

async function readArray(key: string, file: ArrayFile, source: string): Promise<StoredTensor> {
  const fail = refusal(key, source);
  const { text, end } = await readHeader(file, fail);
  const shape = shapeOf(valueIn(text, "shape", fail), fail);
  const isColumnMajor = valueIn(text, "fortran_order", fail) === "True";
  const descr = valueIn(text, "descr", fail).slice(1, -1);
  const dtype = DTYPES.get(descr.slice(1));
  if (!dtype || !"<>|".includes(descr[0]!)) {
    const what = descr.includes("O") ? "Python objects, which could run code" : `dtype "${descr}"`;
    return fail(`it has ${descr === "" ? "a structured dtype" : what}; real numbers are read`);
  }
  const wanted = elementCount(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT;
  if (wanted !== file.size - end) {
    fail(
      `its shape [${shape.join(", ")}] and dtype "${descr}" do not fit its ${file.size - end} bytes of data`,
    );
  }
  const strides = isColumnMajor ? columnMajor(shape) : rowMajor(shape);
  const layout = { dtype, shape, strides, offset: 0, bigEndian: descr[0] === ">" };
  return storedTensor(layout, (from, to) => file.read(end + from, end + to));
}

/** The header's text, a Python dictionary, and where it ends. */
async function readHeader(file: ArrayFile, fail: Fail): Promise<{ text: string; end: number }> {
  const start = await file.read(0, Math.min(12, file.size));
  if (start.length < 12 || String.fromCharCode(...start.subarray(0, 6)) !== "\x93NUMPY") {
    fail("it does not begin as a .npy file does");
  }
  const version = start[6]!;
  if (version < 1 || version > 3) fail(`its format's version ${version} is not known here`);
  const view = new DataView(start.buffer, start.byteOffset);
  const [begin, length] =
    version === 1 ? [10, view.getUint16(8, true)] : ([12, view.getUint32(8, true)] as const);
  const end = begin + length;
  if (length > MAX_HEADER_BYTES) fail(`its header has ${length} bytes; at most 64 KiB are read`);
  if (end > file.size) fail("it was cut short");
  const text = decodeUtf8(await file.read(begin, end));
  return text === undefined ? fail("its header is not valid UTF-8") : { text, end };
}

/** A header's values, of which what is in parentheses counts. */
const VALUES = {
  shape: /["']shape["']\s*:\s*\(([\d\sL,]*)\)/,
  fortran_order: /["']fortran_order["']\s*:\s*(True|False)/,
  descr: /["']descr["']\s*:\s*("[^"]*"|'[^']*'|\[)/,
} as const;

function valueIn(header: string, name: keyof typeof VALUES, fail: Fail): string {
  return VALUES[name].exec(header)?.[1] ?? fail(`its header lacks ${name}`);
}

function shapeOf(text: string, fail: Fail): number[] {
  const sides = text.split(",").map((side) => side.trim());
  // A tuple of one, and what most writers put behind every side.
  if (sides.at(-1) === "") sides.pop();
  // Python 2 writes an L behind some integers.
  if (!sides.every((side) => /^\d+L?$/.test(side))) fail("its shape is not a list of integers");
  const shape = sides.map((side) => Number.parseInt(side, 10));
  if (Number.isNaN(elementCount(shape))) fail("its shape has more elements than can be counted");
  return shape;
}
