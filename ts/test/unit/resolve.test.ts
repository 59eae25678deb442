import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { type GivenTensor, type GivenWeights, resolveWeights } from "../../src/weights/resolve.js";

const shapes = new Map([
  ["features.0.weight", { shape: [2, 1, 3, 3] }],
  ["features.0.bias", { shape: [2] }],
  ["classifier.weight", { shape: [10, 2] }],
  ["classifier.bias", { shape: [10] }],
]);

const zeros = (shape: readonly number[]): GivenTensor => ({
  shape,
  data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
});

/** A fitting checkpoint, with the keys of `changes` set or (undefined) removed. */
function checkpoint(
  changes: Record<string, GivenTensor | undefined> = {},
  prefix = "",
): Record<string, GivenTensor> {
  const all = {
    ...Object.fromEntries([...shapes].map(([key, { shape }]) => [prefix + key, zeros(shape)])),
    ...changes,
  };
  return Object.fromEntries(
    Object.entries(all).filter((pair): pair is [string, GivenTensor] => pair[1] !== undefined),
  );
}

function errorOf(given: unknown): ConvzooError {
  try {
    resolveWeights(shapes, given as GivenWeights, "w.safetensors");
  } catch (error) {
    if (error instanceof ConvzooError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("what fits", () => {
  test("a plain object and a Map, in the network's order, arrays not copied", () => {
    const given = Object.fromEntries(Object.entries(checkpoint()).reverse());
    for (const form of [given, new Map(Object.entries(given))]) {
      const weights = resolveWeights(shapes, form);
      expect([...weights.keys()]).toEqual([...shapes.keys()]);
      expect(weights.get("classifier.bias")).toEqual({
        dtype: "f32",
        shape: [10],
        data: new Float32Array(10),
      });
      expect(weights.get("classifier.bias")!.data).toBe(given["classifier.bias"]!.data);
    }
  });

  test("arrays and Maps made in another realm", () => {
    const make =
      "new Map(keys.map(([key, { shape }]) => [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) }]))";
    const foreign = runInNewContext(make, { keys: [...shapes] }) as ReadonlyMap<string, GivenTensor>;
    expect(foreign).not.toBeInstanceOf(Map);
    expect(resolveWeights(shapes, foreign).size).toBe(4);
  });

  test("counters of training batches are ignored on both sides", () => {
    const counter = { shape: [], data: new BigInt64Array(1) };
    const keys = [...shapes.keys()];
    expect([...resolveWeights(shapes, checkpoint({ "bn.num_batches_tracked": counter })).keys()]).toEqual(
      keys,
    );
    const wanting = new Map([...shapes, ["bn.num_batches_tracked", { shape: [] }]]);
    expect([...resolveWeights(wanting, checkpoint()).keys()]).toEqual(keys);
  });

  test.each(["module.", "module.model.", "features."])("the prefix %s on all keys is taken off", (prefix) => {
    const counter = { [`${prefix}bn.num_batches_tracked`]: { shape: [], data: new BigInt64Array(1) } };
    expect([...resolveWeights(shapes, checkpoint(counter, prefix)).keys()]).toEqual([...shapes.keys()]);
  });

  test("a prefix that the network itself has stays", () => {
    const wanted = new Map([["features.features.weight", { shape: [1] }]]);
    expect(resolveWeights(wanted, { "features.features.weight": zeros([1]) }).size).toBe(1);
  });

  test("the dtype that is stated", () => {
    const given = checkpoint({ "features.0.bias": { dtype: "bf16", shape: [2], data: new Uint16Array(2) } });
    expect(resolveWeights(shapes, given).get("features.0.bias")!.dtype).toBe("bf16");
  });
});

describe("what is refused", () => {
  test("a missing key, with its shape and the nearest key", () => {
    const error = errorOf(
      checkpoint({ "features.0.weight": undefined, "feature.0.weight": zeros([1]), other: zeros([1]) }),
    );
    expect(error).toMatchObject({
      code: "missing-weight",
      key: "features.0.weight",
      source: "w.safetensors",
    });
    expect(error.message).toContain("features.0.weight [2, 1, 3, 3]");
    expect(error.message).toContain("nearest key it has instead is feature.0.weight.");
  });

  test("several wrong keys: the first, and how many more of each kind", () => {
    const wrong = {
      "features.0.weight": undefined,
      "features.0.bias": undefined,
      x: zeros([1]),
      "classifier.bias": zeros([3]),
    };
    const error = errorOf(checkpoint(wrong));
    expect(error.key).toBe("features.0.weight");
    expect(error.message).toContain("(and 1 more missing, 1 unknown, 1 of another shape)");
  });

  test("nothing at all", () => {
    expect(errorOf({})).toMatchObject({ code: "missing-weight", key: "features.0.weight" });
    expect(errorOf({}).message).toContain("(and 3 more missing)");
  });

  test("an extra key", () => {
    const error = errorOf(checkpoint({ "aux.weight": zeros([4, 1]), "aux.bias": zeros([4]) }));
    expect(error).toMatchObject({ code: "extra-weight", key: "aux.weight" });
    expect(error.message).toContain("aux.weight [4, 1]");
    expect(error.message).toContain("(and 1 more unknown)");
  });

  test("another shape, even with as many elements", () => {
    const error = errorOf(checkpoint({ "classifier.weight": zeros([2, 10]) }));
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.weight" });
    expect(error.message).toContain("has shape [2, 10], the network wants [10, 2]");
  });

  test("keys under a prefix are named as the checkpoint has them", () => {
    const error = errorOf(checkpoint({ "module.classifier.bias": zeros([1000]) }, "module."));
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.bias" });
    expect(error.message).toContain("module.classifier.bias has shape [1000]");
  });

  test("data of another length than the shape", () => {
    const error = errorOf(checkpoint({ "classifier.bias": { shape: [10], data: new Float32Array(9) } }));
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.bias" });
    expect(error.message).toContain("9 elements");
  });

  test.each([NaN, Infinity, -Infinity])("%d in a weight, with its index", (value) => {
    const data = new Float32Array(20);
    data[13] = value;
    const error = errorOf(checkpoint({ "classifier.weight": { shape: [10, 2], data } }));
    expect(error).toMatchObject({ code: "bad-weights", key: "classifier.weight" });
    expect(error.message).toContain("Element 13 of classifier.weight");
  });

  test.each([
    ["no shape", new Float32Array(10)],
    ["null", null],
    ["undefined", undefined],
    ["no data", { shape: [10] }],
    ["a plain list", { shape: [10], data: Array(10).fill(0) }],
    ["16 bits without a dtype", { shape: [10], data: new Uint16Array(10) }],
    ["an array that is not the dtype's", { shape: [10], dtype: "f16", data: new Float32Array(10) }],
    ["a dtype that does not exist", { shape: [10], dtype: "toString", data: new Float32Array(10) }],
  ])("no tensor: %s", (_, tensor) => {
    const given = new Map<string, unknown>(Object.entries(checkpoint())).set("classifier.bias", tensor);
    expect(errorOf(given)).toMatchObject({ code: "bad-weights", key: "classifier.bias" });
  });

  test.each([[null], [undefined], ["squeezenet"], [3]])("no weights: %s", (given) => {
    expect(errorOf(given).code).toBe("bad-option");
  });
});
