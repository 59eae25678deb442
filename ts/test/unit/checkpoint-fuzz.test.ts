/**
 * Damaged files of PyTorch and NumPy: each is refused with a ConvzooError or gives sound tensors, soon and in little memory.
 * SEED=n repeats a run; CONVZOO_FUZZ=50000 tries as many inputs a format.
 */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { ARRAYS, elementCount } from "../../src/weights/dtype.js";
import { loadWeights, type Weights } from "../../src/weights/index.js";
import { fixture, names } from "../checkpoints.js";

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const inputs = Number(process.env.CONVZOO_FUZZ ?? 8000);
/** In the long run, generously; a file of a few KiB takes a millisecond. */
const SLOWEST_MS = 1000;
/** What all tensors of one file may have: 16 MiB, and sixteen times the largest file's storages. */
const MOST_BYTES = 2 ** 25;

/** Mulberry32: whole numbers below `limit`. */
function numbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
}

type Random = (limit: number) => number;

/** Lengths, counts and opcodes that readers stumble over. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const mutations: ((bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array)[] = [
  // One bit.
  (bytes, random) => {
    bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  // One byte.
  (bytes, random) => {
    bytes[random(bytes.length)] = random(256);
    return bytes;
  },
  // A field of two, four or eight bytes.
  (bytes, random) => {
    const size = 2 ** (1 + random(3));
    if (bytes.length < size) return bytes;
    const at = random(bytes.length - size + 1);
    const view = new DataView(bytes.buffer);
    const value = EDGES[random(EDGES.length)]!;
    if (size === 2) view.setUint16(at, value & 0xffff, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value) << BigInt(random(32)), true);
    return bytes;
  },
  // The end is missing.
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  // A piece is missing, twice there, or another file's.
  (bytes, random) => join(bytes, random, () => new Uint8Array()),
  (bytes, random) => join(bytes, random, (piece) => join2(piece, piece)),
  (bytes, random, other) => {
    const at = random(other.length);
    return join(bytes, random, () => other.slice(at, at + random(64)));
  },
];

function join(bytes: Uint8Array, random: Random, replace: (piece: Uint8Array) => Uint8Array): Uint8Array {
  const begin = random(bytes.length);
  const end = Math.min(bytes.length, begin + random(64));
  return join2(join2(bytes.slice(0, begin), replace(bytes.slice(begin, end))), bytes.slice(end));
}

function join2(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}

function mutated(files: readonly Uint8Array[], random: Random): Uint8Array {
  const other = files[random(files.length)]!;
  let bytes: Uint8Array = files[random(files.length)]!.slice();
  for (let count = 1 + random(3); count > 0 && bytes.length > 0; count--) {
    bytes = mutations[random(mutations.length)]!(bytes, random, other);
  }
  return bytes;
}

/** What is wrong with weights that were accepted. */
function unsound(weights: Weights): string | undefined {
  let total = 0;
  for (const [key, { dtype, shape, data }] of weights) {
    if (!(data instanceof ARRAYS[dtype])) return `${key} is no ${dtype}`;
    if (data.length !== elementCount(shape)) return `${key} has ${data.length} elements and shape ${shape}`;
    total += data.byteLength;
  }
  return total > MOST_BYTES ? `${total} bytes of tensors` : undefined;
}

/** Files whose names match, damaged. */
function damaged(pattern: RegExp): (random: Random) => Uint8Array {
  const files = names.filter((name) => pattern.test(name)).map(fixture);
  expect(files.length).toBeGreaterThan(4);
  return (random) => mutated(files, random);
}

/** What pickles are made of: opcodes with their operands, a character a byte. */
const PIECES = [
  ..."N)]}(ta1es0ubRQ\x81\x85\x86\x87\x88\x8f\x90\x91\x93\x94",
  ...["\0", "\x01", "\x02"].flatMap((index) => [`h${index}`, `q${index}`, `K${index}`]),
  ...["storage", "cpu", "0", "model", "w"].map((text) => `\x8c${String.fromCharCode(text.length)}${text}`),
  ...["ctorch\nFloatStorage\n", "ccollections\nOrderedDict\n", "ctorch._utils\n_rebuild_parameter\n"],
  "ctorch._utils\n_rebuild_tensor_v2\n",
  "(\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01tQ",
  "ctorch._utils\n_rebuild_tensor\n((\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01NtQK\0K\x01\x85K\x01\x85tR",
];

/** A stream of pickles that PyTorch's magic number heads, with a value of random pieces and one storage. */
function scribbled(random: Random): Uint8Array {
  const value = Array.from({ length: random(40) }, () => PIECES[random(PIECES.length)]);
  const head = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02";
  const tail = ".\x80\x02]\x8c\x010a.\x01\0\0\0\0\0\0\0\0\0\x80?";
  return new Uint8Array(Buffer.from(`${head}}\x8c\x01w${value.join("")}s${tail}`, "latin1"));
}

const formats: [name: string, make: (random: Random) => Uint8Array][] = [
  [
    "PyTorch's archive",
    damaged(
      /^(dtypes|dtypes_big.*|layouts|layouts_deflated|layouts_zip64|checkpoint|protocol_\d|state_.*)\.pth$/,
    ),
  ],
  ["PyTorch's stream of pickles", damaged(/legacy\.pth$/)],
  ["NumPy", damaged(/\.np[yz]$/)],
  ["attacks", damaged(/^(unsafe|bad)_/)],
  ["pickles of any pieces", scribbled],
];

describe("damaged files", () => {
  test.each(formats)("%s", { timeout: 3_600_000 }, async (_, make) => {
    let refused = 0;
    for (let i = 0; i < inputs; i++) {
      const bytes = make(numbers(seed + i));
      const what = `SEED=${seed + i} CONVZOO_FUZZ=1`;
      const start = performance.now();
      try {
        const problem = unsound(await loadWeights(bytes));
        expect(problem, what).toBeUndefined();
      } catch (error) {
        if (!(error instanceof ConvzooError))
          throw new Error(`${what} is not refused as it should`, { cause: error });
        refused++;
      }
      expect(performance.now() - start, what).toBeLessThan(SLOWEST_MS);
    }
    expect(refused).toBeGreaterThanOrEqual(Math.floor(inputs / 100));
  });
});
