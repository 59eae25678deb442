/**
 * The safetensors format (https://huggingface.co/docs/safetensors): 8 bytes with the length of a JSON header, the header
 * (key -> dtype, shape, place), then the elements of all tensors without a gap, little-endian and row-major.
 */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "./bytes.js";
import { ARRAYS, type Dtype, elementCount, type WeightTensor } from "./dtype.js";
import { contiguous } from "./parts.js";
import type { StoredTensor, StoredWeights } from "./stored.js";

/** Weights by checkpoint key, in the order of the file. */
export interface Weights extends ReadonlyMap<string, WeightTensor> {
  /** What the file says about itself: free text by name. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** The format's names of element types that are read; the rest (8 bits and fewer, complex) have no use here. */
const DTYPES: ReadonlyMap<string, Dtype> = /* @__PURE__ */ new Map<string, Dtype>([
  ["F64", "f64"],
  ["F32", "f32"],
  ["F16", "f16"],
  ["BF16", "bf16"],
  ["I64", "i64"],
  ["U64", "u64"],
  ["I32", "i32"],
  ["U32", "u32"],
  ["I16", "i16"],
  ["U16", "u16"],
  ["I8", "i8"],
  ["U8", "u8"],
  ["BOOL", "bool"],
]);

/** The reference implementation's limit: a header this large is an attack or an accident. */
const MAX_HEADER_BYTES = 100_000_000;

type Header = Readonly<Record<string, unknown>>;

interface Entry {
  readonly key: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A checkpoint's tensors, in the order of their data, and what the file says about itself. */
export interface Checkpoint {
  readonly tensors: StoredWeights;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Opens a .safetensors file: reads its header, and each tensor when it is asked for. Of a file in memory the tensors are
 * views (copies only where the file put them off an element boundary).
 *
 * As strict as the reference implementation, and also refuses keys that occur twice.
 *
 * @throws {ConvzooError} `bad-weights`, with `key` where one tensor is to blame
 */
export async function readSafetensors(bytes: Bytes): Promise<Checkpoint> {
  const source = bytes.name;
  const fail = (message: string, key?: string, cause?: unknown): never => {
    const advice = "Download it again, or write it again with the safetensors library as F32, F16 or BF16.";
    throw new ConvzooError("bad-weights", `${source} cannot be read as safetensors: ${message}. ${advice}`, {
      source,
      key,
      cause,
    });
  };
  const { header, dataStart } = await readHeader(bytes, fail);
  const dataBytes = bytes.size - dataStart;
  const metadata = readMetadata(header, fail);
  const entries = Object.entries(header)
    .filter(([key]) => key !== "__metadata__")
    .map(([key, value]) => readEntry(key, value, fail))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);

  let covered = 0;
  for (const { key, begin, end } of entries) {
    if (begin !== covered) {
      fail(
        `tensor ${key} begins at byte ${begin} of the data, but the one before it ends at ${covered}`,
        key,
      );
    }
    covered = end;
  }
  if (covered !== dataBytes) {
    const problem = covered > dataBytes ? "it was cut short" : "bytes are left over";
    fail(`its tensors need ${covered} bytes of data and it has ${dataBytes} (${problem})`);
  }

  const tensors = entries.map(({ key, dtype, shape, begin }): [string, StoredTensor] => {
    const start = dataStart + begin;
    const read = (from: number, to: number) => bytes.read(start + from, start + to);
    return [key, contiguous(dtype, shape, { read, fresh: bytes.fresh })];
  });
  return { tensors: new Map(tensors), metadata };
}

type Fail = (message: string, key?: string, cause?: unknown) => never;

async function readHeader(bytes: Bytes, fail: Fail): Promise<{ header: Header; dataStart: number }> {
  if (bytes.size < 8) fail(`it has ${bytes.size} bytes, fewer than the 8 that state the header's length`);
  const head = await bytes.read(0, Math.min(9, bytes.size));
  const length = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES)
    fail(`it states a header of ${length} bytes; more than 100 MB are not allowed`);
  if (length > bytes.size - 8) {
    fail(`it states a header of ${length} bytes, but only ${bytes.size - 8} follow (it was cut short)`);
  }
  if (head[8] !== 0x7b || length === 0) fail("its header does not begin with {");
  // A copy, since decoders refuse shared memory.
  const encoded = (await bytes.read(8, 8 + length)).slice();
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(encoded);
    const header: Header = JSON.parse(text);
    const problem = hiddenProblem(text);
    if (problem !== undefined) fail(problem.message, problem.key);
    return { header, dataStart: 8 + length };
  } catch (cause) {
    if (cause instanceof ConvzooError) throw cause;
    return fail("its header is not valid JSON", undefined, cause);
  }
}

/**
 * What JSON.parse lets through unseen: a key that occurs twice in one object (the last one wins silently), a number not
 * written as a plain integer (1.0 looks like 1 afterwards), half a surrogate pair. `text` must be valid JSON.
 */
function hiddenProblem(text: string): { message: string; key?: string } | undefined {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "{" || c === "[") open.push(new Set());
    else if (c === "}" || c === "]") open.pop();
    // The letter stands in "true" and "false", too.
    else if (c === "." || c === "-" || ((c === "e" || c === "E") && /\d/.test(text[i - 1]!))) {
      return { message: "its header has a number that is not a plain non-negative integer" };
    } else if (c === '"') {
      const start = i++;
      while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
      if (!isKey(text, i + 1)) continue;
      const key: string = JSON.parse(text.slice(start, i + 1));
      if (/\p{Surrogate}/u.test(key)) return { message: "a key is not valid Unicode", key };
      if (open.at(-1)!.has(key)) return { message: `the key ${key} occurs twice in its header`, key };
      open.at(-1)!.add(key);
    }
  }
  return undefined;
}

/** Whether the string that ended just before `i` is a key: a colon comes next. */
function isKey(text: string, i: number): boolean {
  while (text.charCodeAt(i) <= 0x20) i++;
  return text[i] === ":";
}

function readMetadata(header: Header, fail: Fail): ReadonlyMap<string, string> {
  if (!Object.hasOwn(header, "__metadata__")) return new Map();
  const value = header.__metadata__;
  if (!isRecord(value)) return fail("its __metadata__ is not an object", "__metadata__");
  const texts = Object.entries(value);
  const bad = texts.find(([, text]) => typeof text !== "string");
  if (bad) fail(`__metadata__.${bad[0]} is not a string`, "__metadata__");
  return new Map(texts as [string, string][]);
}

function readEntry(key: string, value: unknown, fail: Fail): Entry {
  if (!isRecord(value)) return fail(`the entry of ${key} is not an object`, key);
  const { dtype: name, shape, data_offsets: offsets } = value;
  if (typeof name !== "string") return fail(`tensor ${key} has no dtype`, key);
  const dtype = DTYPES.get(name);
  if (!dtype)
    return fail(`tensor ${key} has dtype ${name}, which is none of ${[...DTYPES.keys()].join(", ")}`, key);
  if (!isCounts(shape)) return fail(`the shape of ${key} is not a list of non-negative integers`, key);
  if (!isCounts(offsets) || offsets.length !== 2) {
    return fail(`the data_offsets of ${key} are not two non-negative integers`, key);
  }
  const [begin, end] = offsets as [number, number];
  const wanted = elementCount(shape) * ARRAYS[dtype].BYTES_PER_ELEMENT;
  if (!Number.isSafeInteger(wanted)) fail(`the shape of ${key} has more elements than can be counted`, key);
  if (end - begin !== wanted) {
    fail(
      `tensor ${key} (${name}, [${shape.join(", ")}]) needs ${wanted} bytes, its offsets give ${end - begin}`,
      key,
    );
  }
  return { key, dtype, shape, begin, end };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}
