/** Files of the safetensors library, and ours: scripts/make_safetensors_cases.py made the former. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { openFile } from "../../src/node/open.js";
import { saveWeights } from "../../src/save.js";
import { toFloat32, type WeightTensor } from "../../src/weights/dtype.js";
import { loadWeights, openCheckpoint } from "../../src/weights/index.js";
import type { GivenWeights } from "../../src/weights/resolve.js";

const folder = new URL("../fixtures/safetensors/", import.meta.url);
const platform = {
  read: async (path: string | URL) => new Uint8Array(readFileSync(path)),
  open: openFile,
};
const file = (name: string) => new Uint8Array(readFileSync(new URL(name, folder)));
const json = (name: string) => JSON.parse(readFileSync(new URL(name, folder), "utf8"));

async function errorOf(work: Promise<unknown>): Promise<ConvzooError> {
  const error: unknown = await work.then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (error instanceof ConvzooError) return error;
  throw error;
}

describe("files of the safetensors library", () => {
  type Values = Record<string, { dtype: string; shape: number[]; values: string[] }>;

  test.each(["in memory", "as a file"])("every type, %s", async (how) => {
    const name = new URL("dtypes.safetensors", folder);
    const weights = await loadWeights(how === "in memory" ? file("dtypes.safetensors") : name, { platform });
    const wanted: Values = json("dtypes.json");
    expect([...weights.keys()].sort()).toEqual(Object.keys(wanted).sort());
    for (const [key, { dtype, shape, values }] of Object.entries(wanted)) {
      const tensor = weights.get(key)!;
      const short = dtype
        .replace("bfloat", "bf")
        .replace("float", "f")
        .replace("uint", "u")
        .replace("int", "i");
      expect([key, tensor.dtype, tensor.shape]).toEqual([key, short, shape]);
      const isBig = tensor.data instanceof BigInt64Array || tensor.data instanceof BigUint64Array;
      const numbers: readonly unknown[] = [...(isBig ? tensor.data : toFloat32(tensor))];
      const meant = values.map((text) =>
        isBig ? BigInt(text) : Number(text.replace("True", "1").replace("False", "0")),
      );
      expect([key, ...numbers]).toEqual([key, ...meant]);
    }
    expect([...weights.metadata]).toEqual(
      expect.arrayContaining([
        ["format", "pt"],
        ["größe", 'ä"\\\n{'],
      ]),
    );
  });

  /** What it lets pass and we do not: a text that is ambiguous or breaks the format's description. */
  const stricter = ["a space before", "metadata that is null", "a key twice"];

  test.each(Object.entries(json("verdicts.json") as Record<string, { file: string; read: boolean }>))(
    "its verdict on %s",
    async (name, { file, read }) => {
      const loading = loadWeights(new Uint8Array(Buffer.from(file, "base64")));
      if (read && !stricter.includes(name)) await loading;
      else expect(["bad-weights", "unknown-format"]).toContain((await errorOf(loading)).code);
      if (stricter.includes(name)) expect(read).toBe(true);
    },
  );
});

describe("a checkpoint in several files", () => {
  const index = new URL("sharded/model.safetensors.index.json", folder);
  const texts = json("sharded/model.safetensors.index.json");

  test.each([index, fileURLToPath(index)])("%s", async (source) => {
    const weights = await loadWeights(source, { platform });
    expect([...weights.keys()].sort()).toEqual(["a.bias", "a.weight", "b.weight"]);
    expect(weights.get("a.weight")!.data).toEqual(new Float32Array([0, 1, 2, 3]));
    expect(toFloat32(weights.get("b.weight")!)).toEqual(new Float32Array([0, 1, 2]));
  });

  /** The same index with something changed, and a count of what was opened and closed. */
  function changed(change: unknown) {
    const text = new TextEncoder().encode(JSON.stringify(change));
    const count = { opened: 0, closed: 0, names: [] as string[] };
    const open = async (path: string | URL) => {
      count.opened++;
      count.names.push(String(path));
      const isIndex = String(path).endsWith(".json");
      const inner = isIndex ? undefined : await openFile(path);
      const close = async () => {
        count.closed++;
        await inner?.close();
      };
      if (inner) return { ...inner, close };
      return { size: text.length, read: async (begin: number, end: number) => text.slice(begin, end), close };
    };
    return { count, loading: loadWeights(index, { platform: { read: platform.read, open } }) };
  }

  const map = texts.weight_map as Record<string, string>;
  const [first, second] = [...new Set(Object.values(map))] as [string, string];
  test.each([
    ["a file in another folder", { ...map, "a.bias": `../${first}` }, /no file beside it/],
    ["an absolute path", { ...map, "a.bias": "/etc/passwd" }, /no file beside it/],
    ["a path of Windows", { ...map, "a.bias": "..\\x.safetensors" }, /no file beside it/],
    ["a drive or a scheme", { ...map, "a.bias": "c:x.safetensors" }, /no file beside it/],
    ["the folder above", { ...map, "a.bias": ".." }, /no file beside it/],
    ["no text", { ...map, "a.bias": 5 }, /no file beside it/],
    ["a key that its file lacks", { ...map, "c.weight": second }, /holds c\.weight, which it does not/],
    [
      "a key in the wrong file",
      { ...map, "a.bias": second },
      /holds a\.bias, which it does not|does not list/,
    ],
    [
      "a key that is not listed",
      { "a.bias": first, "b.weight": second },
      /holds a\.weight, which it does not list/,
    ],
  ])("refused: %s", async (_, weight_map, message) => {
    const { count, loading } = changed({ ...texts, weight_map });
    const error = await errorOf(loading);
    expect(error.code).toBe("bad-weights");
    expect(error.message).toMatch(message);
    expect(count.names.every((name) => name.startsWith(String(new URL("sharded/", folder))))).toBe(true);
    expect(count.closed).toBe(count.opened);
  });

  test("refused: a file that is not there, one that is an index, an index in memory or without a map", async () => {
    const gone = changed({ weight_map: { ...map, x: "gone.safetensors" } });
    expect(await errorOf(gone.loading)).toMatchObject({ code: "not-found" });
    expect(gone.count.closed).toBe(gone.count.opened - 1);
    const itself = changed({ weight_map: { x: "model.safetensors.index.json" } });
    expect((await errorOf(itself.loading)).message).toContain("is itself an index");
    expect((await errorOf(loadWeights(file("sharded/model.safetensors.index.json")))).code).toBe(
      "bad-option",
    );
    expect((await errorOf(changed({ metadata: {}, weight_map: [] }).loading)).message).toContain(
      "no weight_map",
    );
  });
});

describe("saveWeights", () => {
  const rounding = () => loadWeights(file("rounding.safetensors"));

  test.each([
    ["float32", "f16"],
    ["float32", "bf16"],
    ["float64", "f16"],
    ["float64", "bf16"],
  ] as const)("%s to %s rounds once, to nearest, ties to even, as torch does", async (from, dtype) => {
    const cases = await rounding();
    const key = `${from}_${dtype}`;
    const saved = await loadWeights(await saveWeights({ x: cases.get(key)! }, { dtype }));
    const wanted = cases.get(`${key}_rounded`)!;
    expect(wanted.data.length).toBeGreaterThan(500);
    expect(saved.get("x")).toEqual({ ...wanted, shape: wanted.shape });
  });

  test("float64 to float32, subnormal numbers and signs of zero too", async () => {
    const data = Float64Array.of(
      1 + 2 ** -24,
      1 + 3 * 2 ** -24,
      -(2 ** -149),
      1.4e-45 / 2.1,
      -0,
      -1e-320,
      NaN,
      -Infinity,
    );
    const saved = await loadWeights(await saveWeights({ x: { shape: [8], data } }, { dtype: "f32" }));
    expect(saved.get("x")!.data).toEqual(new Float32Array(data));
    expect(Object.is(saved.get("x")!.data[5], -0)).toBe(true);
  });

  test("every half survives float32 and comes back", async () => {
    for (const dtype of ["f16", "bf16"] as const) {
      const data = Uint16Array.from({ length: 65536 }, (_, i) => i);
      const floats = await loadWeights(
        await saveWeights({ x: { shape: [65536], dtype, data } }, { dtype: "f32" }),
      );
      const back = await loadWeights(await saveWeights(floats, { dtype }));
      // NaN has many patterns and becomes one.
      const isNoNumber = (bits: number) => (bits & 0x7fff) > (dtype === "f16" ? 0x7c00 : 0x7f80);
      const wrong = [...back.get("x")!.data].filter((bits, i) => !isNoNumber(i) && bits !== i);
      expect(wrong).toEqual([]);
      expect(toFloat32(back.get("x")!).filter(Number.isNaN)).toHaveLength(
        [...data].filter(isNoNumber).length,
      );
    }
  });

  test("a file comes back bit for bit; integers stay what they are", async () => {
    const weights = await loadWeights(file("dtypes.safetensors"));
    const sorted = (all: Iterable<[string, WeightTensor]>) => [...all].sort(([a], [b]) => (a < b ? -1 : 1));
    const again = await loadWeights(await saveWeights(weights));
    expect(sorted(again)).toEqual(sorted(weights));
    expect([...again.metadata].sort()).toEqual([...weights.metadata].sort());
    const halves = await loadWeights(await saveWeights(weights, { dtype: "f16" }));
    const dtypes = Object.fromEntries([...halves].map(([key, { dtype }]) => [key, dtype]));
    expect(dtypes).toMatchObject({
      float64: "f16",
      float32: "f16",
      bfloat16: "f16",
      int64: "i64",
      bool: "bool",
      ends: "i64",
    });
    expect(halves.get("ends")).toEqual(weights.get("ends"));
  });

  test("each tensor begins where its elements may lie", async () => {
    const bytes = await saveWeights(await loadWeights(file("dtypes.safetensors")));
    for (const { data } of (await loadWeights(bytes)).values()) expect(data.buffer).toBe(bytes.buffer);
  });

  test("metadata are texts of the caller's, or the weights'", async () => {
    const bytes = await saveWeights({}, { metadata: { licence: "MIT", __proto__x: "" } });
    expect([...(await loadWeights(bytes)).metadata]).toEqual([
      ["licence", "MIT"],
      ["__proto__x", ""],
    ]);
    const kept = await saveWeights(await loadWeights(bytes), { dtype: "f16" });
    expect((await loadWeights(kept)).metadata.get("licence")).toBe("MIT");
  });

  const one = (data: number[]) => ({ "a.weight": { shape: [data.length], data: Float32Array.from(data) } });
  const cases: [string, unknown, object, string, RegExp][] = [
    [
      "65520 as f16",
      one([1, -65520]),
      { dtype: "f16" },
      "bad-weights",
      /Element 1 of a\.weight, -65520, is too large for f16/,
    ],
    [
      "the largest float32 as bf16",
      one([3.4028234663852886e38]),
      { dtype: "bf16" },
      "bad-weights",
      /Element 0 of a\.weight/,
    ],
    [
      "1e39 as f32",
      { x: { shape: [1], data: Float64Array.of(1e39) } },
      { dtype: "f32" },
      "bad-weights",
      /of x, 1e\+39/,
    ],
    ["another type", one([1]), { dtype: "int8" }, "bad-option", /f32, f16 or bf16/],
    ["metadata of numbers", one([1]), { metadata: { x: 1 } }, "bad-option", /metadata\.x/],
    [
      "a key that the format has itself",
      { __metadata__: one([1])["a.weight"] },
      {},
      "bad-option",
      /__metadata__/,
    ],
    ["half a surrogate pair", { "\ud800": one([1])["a.weight"] }, {}, "bad-option", /cannot be a key/],
    ["no weights", null, {}, "bad-option", /Map or an object/],
    [
      "data of another length",
      { x: { shape: [2], data: new Float32Array(3) } },
      {},
      "weight-shape",
      /3 elements/,
    ],
    ["no tensor", { x: 5 }, {}, "bad-weights", /x has no shape/],
  ];
  test.each(cases)("refused: %s", async (_, weights, options, code, message) => {
    const error = await errorOf(saveWeights(weights as GivenWeights, options));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("infinities stay, and what rounds below the smallest number is zero", async () => {
    const weights = one([Infinity, -Infinity, 1e-30, -1e-30, 65504, 65519]);
    const { data } = (await loadWeights(await saveWeights(weights, { dtype: "f16" }))).get("a.weight")!;
    expect([...data]).toEqual([0x7c00, 0xfc00, 0, 0x8000, 0x7bff, 0x7bff]);
  });
});

test("an open checkpoint reads parts, and nothing after its end", async () => {
  const { tensors, close } = await openCheckpoint(new URL("rounding.safetensors", folder), { platform });
  const tensor = tensors.get("float64_f16") as unknown as {
    part(a: number, b: number): Promise<WeightTensor>;
  };
  const whole = await tensors.get("float64_f16")!.read();
  expect((await tensor.part(3, 9)).data).toEqual(whole.data.slice(3, 9));
  await close();
  await expect(tensor.part(0, 1)).rejects.toMatchObject({ code: "fetch-failed" });
});
