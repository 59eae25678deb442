/** Headers of NumPy's files; the fixtures of checkpoints.test.ts are NumPy's own. */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { inMemory } from "../../src/weights/bytes.js";
import { readNumpy } from "../../src/weights/numpy.js";
import { text, zip } from "../zip.js";

/** A .npy file with this header and so many bytes of data. */
function npy(header: string, dataBytes: number, version = 1, statedLength = header.length): Uint8Array {
  const start = Buffer.alloc(version === 1 ? 10 : 12);
  start.write("\x93NUMPY", "latin1");
  start[6] = version;
  if (version === 1) start.writeUInt16LE(statedLength, 8);
  else start.writeUInt32LE(statedLength, 8);
  return new Uint8Array(Buffer.concat([start, Buffer.from(header), Buffer.alloc(dataBytes, 1)]));
}

const open = (bytes: Uint8Array) => readNumpy(inMemory(bytes, "some.npz"));
const header = (descr: string, order: string, shape: string) =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

describe("headers", () => {
  test.each<[name: string, header: string, bytes: number, dtype: string, shape: number[]]>([
    ["as NumPy writes them", header("'<f4'", "False", "(2, 3)"), 24, "f32", [2, 3]],
    ["padded", `${header("'<f4'", "False", "(1,)")}${" ".repeat(40)}\n`, 4, "f32", [1]],
    ["a scalar", header("'|b1'", "False", "()"), 1, "bool", []],
    ["no elements", header("'>i8'", "True", "(0, 5)"), 0, "i64", [0, 5]],
    ["in another order and other quotes", `{"shape":(4,),"fortran_order":True,"descr":"|u1"}`, 4, "u8", [4]],
  ])("%s", async (_, text, bytes, dtype, shape) => {
    for (const version of [1, 2, 3]) {
      const tensor = (await open(npy(text, bytes, version))).get("arr_0")!;
      expect(tensor).toMatchObject({ dtype, shape });
      expect((await tensor.read()).data).toHaveLength(shape.reduce((a, b) => a * b, 1));
    }
  });

  test.each<[name: string, file: Uint8Array, message: RegExp]>([
    ["an unknown version", npy(header("'<f4'", "False", "(1,)"), 4, 4), /version 4/],
    ["a missing shape", npy("{'descr': '<f4', 'fortran_order': False}", 4), /lacks shape/],
    ["a missing order", npy("{'descr': '<f4', 'shape': (1,)}", 4), /lacks fortran_order/],
    ["a missing type", npy("{'fortran_order': False, 'shape': (1,)}", 4), /lacks descr/],
    ["a negative side", npy(header("'<f4'", "False", "(-1,)"), 4), /lacks shape/],
    ["a side that is none", npy(header("'<f4'", "False", "(1,,2)"), 8), /not a list of integers/],
    [
      "sides beyond counting",
      npy(header("'<f4'", "False", `(${2 ** 40}, ${2 ** 40})`), 4),
      /more elements than can be counted/,
    ],
    ["too few data", npy(header("'<f4'", "False", "(2,)"), 7), /do not fit its 7 bytes/],
    ["another type", npy(header("'<M8'", "False", "(2,)"), 16), /dtype "<M8"/],
    ["no order of bytes", npy(header("'f4'", "False", "(2,)"), 8), /dtype "f4"/],
    ["a header that ends too late", npy(header("'<f4'", "False", "(1,)"), 4, 1, 60000), /cut short/],
    ["a header that never ends", npy(header("'<f4'", "False", "(1,)"), 4, 2, 2 ** 31), /2147483648 bytes/],
    ["hardly anything", npy("", 0).slice(0, 9), /does not begin/],
    [
      "an entry that is no array",
      zip([{ name: "notes.txt", data: text("some notes about it") }]),
      /array notes\.txt: it does not begin/,
    ],
    [
      "a key that occurs twice",
      zip(["w", "w.npy"].map((name) => ({ name, data: npy(header("'<f4'", "False", "(1,)"), 4) }))),
      /array w: it occurs twice/,
    ],
  ])("%s is refused", async (_, file, message) => {
    const error: unknown = await open(file).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConvzooError);
    expect(error).toMatchObject({
      code: "bad-weights",
      source: "some.npz",
      message: expect.stringMatching(message),
    });
    expect((error as ConvzooError).key).toBeDefined();
  });
});
