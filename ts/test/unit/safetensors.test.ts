import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { inMemory } from "../../src/weights/bytes.js";
import { type Dtype, elementCount } from "../../src/weights/dtype.js";
import { loadWeights } from "../../src/weights/index.js";
import { readSafetensors } from "../../src/weights/safetensors.js";

type Header = Record<string, unknown> | string;

/** A file with this header (JSON, or text as it is) and data; `padding` spaces put the data where a test wants it. */
function file(header: Header, data = new Uint8Array(8), statedLength?: number): Uint8Array {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(statedLength ?? text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const entry = (dtype = "F32", shape: unknown = [2], offsets: unknown = [0, 8]) => ({
  dtype,
  shape,
  data_offsets: offsets,
});
const ENTRY = '{"dtype":"F32","shape":[2],"data_offsets":[0,8]}';

async function errorOf(bytes: Uint8Array): Promise<ConvzooError> {
  const error: unknown = await readSafetensors(inMemory(bytes, "some.safetensors")).then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}

describe("what is read", () => {
  test("tensors by key, in the order of their data, and metadata", async () => {
    const data = new Uint8Array(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
    const header = {
      "1": entry("F32", [2, 2], [8, 24]),
      __metadata__: { format: "pt" },
      z: entry("F32", [2], [0, 8]),
    };
    const weights = await loadWeights(file(header, data));
    expect([...weights.keys()]).toEqual(["z", "1"]);
    expect(weights.get("1")).toEqual({ dtype: "f32", shape: [2, 2], data: new Float32Array([3, 4, 5, 6]) });
    expect(weights.get("z")!.data).toEqual(new Float32Array([1, 2]));
    expect(weights.metadata.get("format")).toBe("pt");
    expect(weights.size).toBe(2);
  });

  test("no tensors, a scalar, tensors without elements", async () => {
    expect((await loadWeights(file({}, new Uint8Array()))).size).toBe(0);
    expect(
      (await loadWeights(file({ a: entry("F32", [], [0, 4]) }, new Uint8Array(4)))).get("a")!.data,
    ).toHaveLength(1);
    const empty = await loadWeights(
      file({ b: entry(), a: entry("F32", [0, 3], [0, 0]), c: entry("I8", [0], [8, 8]) }),
    );
    expect([...empty.keys()]).toEqual(["a", "b", "c"]);
    expect(empty.get("a")!.data).toHaveLength(0);
  });

  test.each([
    ["F64", "f64", 8, Float64Array],
    ["F32", "f32", 4, Float32Array],
    ["F16", "f16", 2, Uint16Array],
    ["BF16", "bf16", 2, Uint16Array],
    ["I64", "i64", 8, BigInt64Array],
    ["U64", "u64", 8, BigUint64Array],
    ["I32", "i32", 4, Int32Array],
    ["U32", "u32", 4, Uint32Array],
    ["I16", "i16", 2, Int16Array],
    ["U16", "u16", 2, Uint16Array],
    ["I8", "i8", 1, Int8Array],
    ["U8", "u8", 1, Uint8Array],
    ["BOOL", "bool", 1, Uint8Array],
  ] as [string, Dtype, number, new (buffer: ArrayBuffer) => object][])(
    "%s at every alignment",
    async (name, dtype, size, Type) => {
      const data = Uint8Array.from({ length: 3 * size }, (_, i) => (37 * i + 1) & 0xff);
      for (let padding = 0; padding < 8; padding++) {
        const header = JSON.stringify({ a: entry(name, [3], [0, 3 * size]) }) + " ".repeat(padding);
        const tensor = (await loadWeights(file(header, data))).get("a")!;
        expect(tensor.dtype).toBe(dtype);
        expect(tensor.data).toEqual(new Type(data.slice().buffer));
      }
    },
  );

  test("aligned tensors are views of the file, also of a file inside a larger buffer", async () => {
    const header = JSON.stringify({ a: entry() });
    const bytes = file(header + " ".repeat(-header.length & 7));
    const within = new Uint8Array(bytes.length + 32);
    within.set(bytes, 16);
    expect((await loadWeights(bytes)).get("a")!.data.buffer).toBe(bytes.buffer);
    expect((await loadWeights(within.subarray(16, 16 + bytes.length))).get("a")!.data.buffer).toBe(
      within.buffer,
    );
  });

  test("shared memory", async () => {
    const bytes = file({ a: entry() });
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    expect((await loadWeights(shared)).get("a")!.data).toHaveLength(2);
  });

  test("keys that are properties of every object are only keys", async () => {
    const header = `{"__metadata__":{"__proto__":"m"},"__proto__":${ENTRY.replace("}", ',"polluted":1}')}}`;
    const weights = await loadWeights(file(header));
    expect([...weights.keys()]).toEqual(["__proto__"]);
    expect([...weights.metadata]).toEqual([["__proto__", "m"]]);
    expect("polluted" in {}).toBe(false);
    expect((await loadWeights(file({ constructor: entry() }))).get("toString")).toBeUndefined();
  });

  test("strings may hold what would be structure outside them", async () => {
    const header = { __metadata__: { 'a":{"-1.5e3\\': '"b": {1.5, "b": \\' }, 'k"{[-1.5\\': entry() };
    const weights = await loadWeights(file(JSON.stringify(header, null, 1)));
    expect([...weights.keys()]).toEqual(['k"{[-1.5\\']);
  });
});

describe("what is refused", () => {
  const f32 = (from: number, to: number) => entry("F32", [(to - from) / 4], [from, to]);
  const abuses: [name: string, bytes: Uint8Array, key: string | undefined, message: RegExp][] = [
    ["fewer than 8 bytes", new Uint8Array(7), undefined, /7 bytes/],
    ["a header of no bytes", new Uint8Array(8), undefined, /begin with \{/],
    ["a header longer than the file", file({ a: entry() }, undefined, 5000), undefined, /cut short/],
    ["a header longer than 100 MB", file({ a: entry() }, undefined, 100_000_001), undefined, /100 MB/],
    ["a header of 2^63 bytes", file({ a: entry() }, undefined, 2 ** 63), undefined, /100 MB/],
    ["a header that is a list", file("[1]"), undefined, /begin with \{/],
    ["a header that begins with a space", file(` {"a":${ENTRY}}`), undefined, /begin with \{/],
    ["a header that is not JSON", file(`{"a":${ENTRY},}`), undefined, /not valid JSON/],
    ["a header followed by more", file(`{"a":${ENTRY}}{}`), undefined, /not valid JSON/],
    ["a header padded with zeros", file(`{"a":${ENTRY}}\0\0`), undefined, /not valid JSON/],
    [
      "a header that is not UTF-8",
      file({ a: entry() }).map((b, i) => (i === 10 ? 0xff : b)),
      undefined,
      /not valid JSON/,
    ],
    ["half a surrogate pair", file(`{"\\ud800":${ENTRY}}`), "\ud800", /Unicode/],
    ["a key twice", file(`{"a":${ENTRY},"a":${ENTRY}}`), "a", /twice/],
    ["a key twice, once escaped", file(`{"a":${ENTRY},"\\u0061" :${ENTRY}}`), "a", /twice/],
    ["a field twice", file(`{"a":${ENTRY.replace("}", ',"dtype":"F32"}')}}`), "dtype", /twice/],
    [
      "__metadata__ twice",
      file(`{"__metadata__":{},"__metadata__":{},"a":${ENTRY}}`),
      "__metadata__",
      /twice/,
    ],
    ["a metadata key twice", file(`{"__metadata__":{"x":"","x":""},"a":${ENTRY}}`), "x", /twice/],
    ["metadata that is no object", file({ __metadata__: "x", a: entry() }), "__metadata__", /not an object/],
    ["metadata that is false", file({ __metadata__: false, a: entry() }), "__metadata__", /not an object/],
    [
      "metadata with a number",
      file({ __metadata__: { x: 1 }, a: entry() }),
      "__metadata__",
      /x is not a string/,
    ],
    ["an entry that is null", file({ a: null }), "a", /not an object/],
    ["an entry that is a list", file({ a: ["F32", [2], [0, 8]] }), "a", /not an object/],
    ["an entry without a dtype", file({ a: { shape: [2], data_offsets: [0, 8] } }), "a", /no dtype/],
    ["an entry without a shape", file({ a: { dtype: "F32", data_offsets: [0, 8] } }), "a", /shape/],
    ["an entry without offsets", file({ a: { dtype: "F32", shape: [2] } }), "a", /data_offsets/],
    ["an unknown dtype", file({ a: entry("f32") }), "a", /dtype f32/],
    ["a dtype that every object has", file({ a: entry("constructor") }), "a", /dtype constructor/],
    ["a dtype of 8 bits", file({ a: entry("F8_E4M3", [8]) }), "a", /dtype F8_E4M3/],
    [
      "a side of 2.0",
      file(`{"a":${ENTRY.replace("[2]", "[2.0]")}}`),
      undefined,
      /plain non-negative integer/,
    ],
    [
      "a side of 2e0",
      file(`{"a":${ENTRY.replace("[2]", "[2e0]")}}`),
      undefined,
      /plain non-negative integer/,
    ],
    ["a side of -0", file(`{"a":${ENTRY.replace("[2]", "[-0]")}}`), undefined, /plain non-negative integer/],
    ["a side below 0", file({ a: entry("F32", [-2]) }), undefined, /plain non-negative integer/],
    ["a side that is text", file({ a: entry("F32", ["2"]) }), "a", /shape/],
    ["a side beyond 2^53", file({ a: entry("F32", [0, 2 ** 60], [0, 0]) }), "a", /shape/],
    ["a shape whose product overflows", file({ a: entry("F32", [2 ** 40, 2 ** 40]) }), "a", /counted/],
    [
      "the same with a 0 at its end",
      file({ a: entry("F32", [2 ** 40, 2 ** 40, 0], [0, 0]) }),
      "a",
      /counted/,
    ],
    ["three offsets", file({ a: entry("F32", [2], [0, 8, 8]) }), "a", /data_offsets/],
    ["offsets the wrong way round", file({ a: entry("F32", [2], [8, 0]) }), "a", /offsets give -8/],
    [
      "offsets that are not the shape's",
      file({ a: entry("F32", [3]) }),
      "a",
      /needs 12 bytes, its offsets give 8/,
    ],
    [
      "a gap before the first tensor",
      file({ a: f32(8, 16) }, new Uint8Array(16)),
      "a",
      /begins at byte 8 .* ends at 0/,
    ],
    [
      "a gap",
      file({ a: f32(0, 8), b: f32(16, 24) }, new Uint8Array(24)),
      "b",
      /begins at byte 16 .* ends at 8/,
    ],
    [
      "an overlap",
      file({ a: f32(0, 8), b: f32(4, 12) }, new Uint8Array(12)),
      "b",
      /begins at byte 4 .* ends at 8/,
    ],
    ["the same bytes twice", file({ a: f32(0, 8), b: f32(0, 8) }), "b", /begins at byte 0 .* ends at 8/],
    ["an empty tensor inside another", file({ a: f32(0, 8), b: f32(4, 4) }), "b", /begins at byte 4/],
    ["bytes left over", file({ a: entry() }, new Uint8Array(9)), undefined, /left over/],
    ["a file that was cut short", file({ a: entry() }, new Uint8Array(7)), undefined, /cut short/],
  ];
  test.each(abuses)("%s", async (_, bytes, key, message) => {
    const error = await errorOf(bytes);
    expect(error.code).toBe("bad-weights");
    expect(error.key).toBe(key);
    expect(error.message).toMatch(message);
    expect(error.message).toContain("some.safetensors");
    expect(error.source).toBe("some.safetensors");
  });

  test("every way to cut a file short, and every change of one header byte, ends in an answer or a ConvzooError", async () => {
    const good = file(
      { __metadata__: { x: "y" }, a: f32(0, 8), b: entry("F16", [2, 2], [8, 16]) },
      new Uint8Array(16),
    );
    for (let length = 0; length < good.length; length++) {
      expect((await errorOf(good.subarray(0, length))).code).toBe("bad-weights");
    }
    let refused = 0;
    for (let at = 0; at < good.length - 16; at++) {
      for (const value of [0, 0x20, 0x22, 0x2d, 0x30, 0x39, 0x5c, 0x7b, 0x7d, 0xff]) {
        const bytes = good.map((byte, i) => (i === at ? value : byte));
        try {
          await loadWeights(bytes);
        } catch (error) {
          expect((error as ConvzooError).code).toBe("bad-weights");
          refused++;
        }
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});

const real = new URL("../../../../shared/real/", import.meta.url);
test
  .skipIf(!existsSync(real))
  .each(["squeezenet1_1/squeezenet1_1.safetensors", "mobilenetv2_tf/mobilenetv2_tf.safetensors"])(
  "a real checkpoint: %s (skipped where ../shared is absent)",
  async (path) => {
    const bytes = readFileSync(new URL(path, real));
    const weights = await loadWeights(bytes);
    let covered = 0;
    for (const { shape, data, dtype } of weights.values()) {
      expect(dtype).toBe("f32");
      expect(data.length).toBe(elementCount(shape));
      covered += data.byteLength;
    }
    expect(covered).toBe(bytes.length - 8 - Number(bytes.readBigUInt64LE(0)));
  },
);
