import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { convolutionize } from "../../src/convolutionize.js";
import { ConvzooError } from "../../src/errors.js";
import type { Net } from "../../src/layers.js";
import { stateShapes } from "../../src/state.js";
import type { WeightTensor } from "../../src/weights/dtype.js";
import {
  type GivenTensor,
  type GivenWeights,
  type MatchOptions,
  resolveWeights,
} from "../../src/weights/resolve.js";
import type { StoredTensor, StoredWeights } from "../../src/weights/stored.js";
import { alexnet, nin_imagenet, squeezenet1_1 } from "../../src/zoo/builders.js";

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

/** The tensors, read. */
async function readAll(weights: StoredWeights): Promise<Map<string, WeightTensor>> {
  const read = new Map<string, WeightTensor>();
  for (const [key, tensor] of weights) read.set(key, await tensor.read());
  return read;
}

async function errorOf(given: unknown, options: MatchOptions = {}): Promise<ConvzooError> {
  try {
    await readAll(resolveWeights(shapes, given as GivenWeights, "w.safetensors", options));
  } catch (error) {
    if (error instanceof ConvzooError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("what fits", () => {
  test("a plain object and a Map, in the network's order, arrays not copied", async () => {
    const given = Object.fromEntries(Object.entries(checkpoint()).reverse());
    for (const form of [given, new Map(Object.entries(given))]) {
      const weights = await readAll(resolveWeights(shapes, form));
      expect([...weights.keys()]).toEqual([...shapes.keys()]);
      expect(weights.get("classifier.bias")).toEqual({
        dtype: "f32",
        shape: [10],
        data: new Float32Array(10),
      });
      expect(weights.get("classifier.bias")!.data).toBe(given["classifier.bias"]!.data);
    }
  });

  test("arrays and Maps made in another realm", async () => {
    const make =
      "new Map(keys.map(([key, { shape }]) => [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) }]))";
    const foreign = runInNewContext(make, { keys: [...shapes] }) as ReadonlyMap<string, GivenTensor>;
    expect(foreign).not.toBeInstanceOf(Map);
    expect(resolveWeights(shapes, foreign).size).toBe(4);
  });

  test("counters of training batches are ignored on both sides", async () => {
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

  test("a prefix that the network itself has stays", async () => {
    const wanted = new Map([["features.features.weight", { shape: [1] }]]);
    expect(resolveWeights(wanted, { "features.features.weight": zeros([1]) }).size).toBe(1);
  });

  test("the dtype that is stated", async () => {
    const given = checkpoint({ "features.0.bias": { dtype: "bf16", shape: [2], data: new Uint16Array(2) } });
    expect(resolveWeights(shapes, given).get("features.0.bias")!.dtype).toBe("bf16");
  });
});

describe("a prefix that is asked for", () => {
  test("is taken off; keys without it are not looked at", async () => {
    const given = { ...checkpoint({}, "backbone."), "head.weight": zeros([3]), features: zeros([1]) };
    expect((await errorOf(given)).code).toBe("missing-weight");
    const found = resolveWeights(shapes, given, "w", { prefix: "backbone." });
    expect([...found.keys()]).toEqual([...shapes.keys()]);
  });

  test("that no key has", async () => {
    const error = await errorOf(checkpoint(), { prefix: "encoder." });
    expect(error.code).toBe("bad-option");
    expect(error.message).toContain('the prefix "encoder."; its first is features.0.weight');
  });

  test("of nothing: none is looked for", async () => {
    expect((await errorOf(checkpoint({}, "module."), { prefix: "" })).code).toBe("missing-weight");
  });
});

describe("what other versions write", () => {
  const layer = "features.denseblock1.denselayer12";
  const dense = (dot: string) => [
    `${layer}.norm${dot}2.bias`,
    `${layer}.conv${dot}1.weight`,
    "features.conv0.weight",
  ];
  const wanted = new Map(dense("").map((key) => [key, { shape: [1] }]));
  const ones = Object.fromEntries(dense(".").map((key) => [key, zeros([1])]));

  test("old DenseNets: a dot more", async () => {
    expect([...resolveWeights(wanted, ones).keys()]).toEqual(dense(""));
    const prefixed = Object.fromEntries(Object.entries(ones).map(([key, one]) => [`module.${key}`, one]));
    expect([...resolveWeights(wanted, prefixed).keys()]).toEqual(dense(""));
  });

  test("both spellings at once are one too many", () => {
    const both = { ...ones, [dense("")[0]!]: zeros([1]) };
    expect(() => resolveWeights(wanted, both)).toThrow(expect.objectContaining({ code: "extra-weight" }));
  });

  test.each(["aux1.conv.weight", "AuxLogits.fc.bias"])("%s is left over only without such heads", (key) => {
    const given = { ...checkpoint(), [key]: zeros([1]) };
    expect([...resolveWeights(shapes, given).keys()]).toEqual([...shapes.keys()]);
    const withHead = new Map([...shapes, ["aux2.fc.weight", { shape: [1] }]]);
    expect(() => resolveWeights(withHead, { ...given, "aux2.fc.weight": zeros([1]) })).toThrow(
      expect.objectContaining({ code: "extra-weight", key }),
    );
  });

  test("a network with auxiliary heads and a checkpoint without: what to do", () => {
    const withHead = new Map([...shapes, ["aux1.fc.weight", { shape: [1] }]]);
    expect(() => resolveWeights(withHead, checkpoint())).toThrow(/aux1\.fc\.weight.*\n.*auxLogits: false/);
  });
});

describe("adaptHead", () => {
  const given = { "classifier.weight": zeros([1000, 2]), "classifier.bias": zeros([1000]) };

  test("makes a classifier of another number of classes zeros", async () => {
    const ones = { shape: [2], data: new Float32Array([1, 2]) };
    const all = checkpoint({ ...given, "features.0.bias": ones });
    const weights = await readAll(resolveWeights(shapes, all, "w", { adaptHead: true }));
    expect(weights.get("classifier.weight")).toEqual({
      dtype: "f32",
      shape: [10, 2],
      data: new Float32Array(20),
    });
    expect(weights.get("classifier.bias")!.data).toEqual(new Float32Array(10));
    expect(weights.get("features.0.bias")!.data).toEqual(ones.data);
  });

  test.each<[string, Net, Net]>([
    ["SqueezeNet's", squeezenet1_1({ classes: 7 }), squeezenet1_1()],
    ["NiN's", nin_imagenet({ classes: 7 }), nin_imagenet()],
    ["that of a net made convolutional", convolutionize(alexnet({ classes: 7 }), [3, 224, 224]), alexnet()],
    [
      "that of a checkpoint made so too",
      convolutionize(alexnet({ classes: 7 }), [3, 224, 224]),
      convolutionize(alexnet(), [3, 224, 224]),
    ],
  ])("of convolutions: %s", async (_, net, from) => {
    const wanted = stateShapes(net);
    const all = new Map<string, StoredTensor>(
      [...stateShapes(from)].map(([key, { shape }]) => {
        const read = async () => expect.fail("no weights are read");
        return [key, { dtype: "f32", shape, read }];
      }),
    );
    const resolved = resolveWeights(wanted, all, "w", { adaptHead: true });
    expect([...resolved.keys()]).toEqual([...wanted.keys()]);
    const heads = [...wanted].filter(([, { shape }]) => shape[0] === 7);
    expect(heads).toHaveLength(2);
    for (const [key, { shape }] of heads) {
      const { data } = await resolved.get(key)!.read();
      expect(data).toEqual(new Float32Array(shape.reduce((a, b) => a * b, 1)));
    }
  });

  test.each([
    ["without being asked for", {}, given],
    ["of other features", { adaptHead: true }, { "classifier.weight": zeros([1000, 3]) }],
    ["of two numbers of classes", { adaptHead: true }, { ...given, "classifier.bias": zeros([999]) }],
    [
      "where another layer differs too",
      { adaptHead: true },
      { ...given, "features.0.weight": zeros([2, 2, 3, 3]) },
    ],
  ])("not %s", async (_, options, changes) => {
    expect((await errorOf(checkpoint(changes), options)).code).toBe("weight-shape");
  });

  test("keys that miss stay missing", async () => {
    const error = await errorOf(checkpoint({ "classifier.bias": undefined }), { adaptHead: true });
    expect(error.code).toBe("missing-weight");
  });
});

describe("adaptStem", () => {
  const data = Float32Array.from({ length: 2 * 3 * 9 }, (_, i) => i);
  const rgb = { "features.0.weight": { shape: [2, 3, 3, 3], data } };

  test("sums a first layer's weights over its three channels", async () => {
    const weights = await readAll(resolveWeights(shapes, checkpoint(rgb), "w", { adaptStem: true }));
    const sums = Float32Array.from({ length: 18 }, (_, i) => {
      const at = Math.floor(i / 9) * 27 + (i % 9);
      return at + (at + 9) + (at + 18);
    });
    expect(weights.get("features.0.weight")).toEqual({ dtype: "f32", shape: [2, 1, 3, 3], data: sums });
  });

  test("together with adaptHead", () => {
    const all = checkpoint({ ...rgb, "classifier.weight": zeros([7, 2]), "classifier.bias": zeros([7]) });
    expect(resolveWeights(shapes, all, "w", { adaptStem: true, adaptHead: true }).size).toBe(4);
  });

  test.each([
    ["without being asked for", {}, rgb],
    ["of four channels", { adaptStem: true }, { "features.0.weight": zeros([2, 4, 3, 3]) }],
    ["of another kernel", { adaptStem: true }, { "features.0.weight": zeros([2, 3, 5, 5]) }],
  ])("not %s", async (_, options, changes) => {
    expect((await errorOf(checkpoint(changes), options)).code).toBe("weight-shape");
  });

  test("NaN is still found", async () => {
    const bad = data.slice();
    bad[20] = NaN;
    const changes = { "features.0.weight": { shape: [2, 3, 3, 3], data: bad } };
    expect((await errorOf(checkpoint(changes), { adaptStem: true })).message).toContain("Element 20 of");
  });
});

test("a Map that makes its tensors on demand holds none of them", async () => {
  let made = 0;
  const lazy = {
    keys: () => shapes.keys(),
    entries: () => expect.fail("asked for all at once"),
    get: (key: string) => {
      made++;
      return zeros(shapes.get(key)!.shape);
    },
  } as unknown as ReadonlyMap<string, GivenTensor>;
  const weights = resolveWeights(shapes, lazy);
  expect(made).toBe(4);
  await weights.get("classifier.bias")!.read();
  expect(made).toBe(5);
});

describe("what is refused", () => {
  test("a missing key, with its shape and the nearest key", async () => {
    const error = await errorOf(
      checkpoint({ "features.0.weight": undefined, "feature.0.weight": zeros([1]), other: zeros([1]) }),
    );
    expect(error).toMatchObject({
      code: "missing-weight",
      key: "features.0.weight",
      source: "w.safetensors",
    });
    expect(error.message).toContain("features.0.weight [2, 1, 3, 3]");
    expect(error.message).toContain("; the nearest it has instead is feature.0.weight\n");
  });

  test("several wrong keys: all of them, and how many of each kind", async () => {
    const wrong = {
      "features.0.weight": undefined,
      "features.0.bias": undefined,
      x: zeros([1]),
      "classifier.bias": zeros([3]),
    };
    const error = await errorOf(checkpoint(wrong));
    expect(error.key).toBe("features.0.weight");
    expect(error.message).toBe(
      `w.safetensors does not fit the network; keys: 2 missing, 1 not known to the network, 1 of another shape.
2 missing:
  features.0.weight [2, 1, 3, 3]; the nearest it has instead is x
  features.0.bias [2]; the nearest it has instead is x
1 not known to the network:
  x [1]
1 of another shape:
  classifier.bias has shape [3], the network wants [10]
Build the network and the options that the checkpoint is of, or name the prefix of its keys.`,
    );
  });

  test("of many wrong keys the first ten of each kind", async () => {
    const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`x.${i}`, zeros([1])]));
    const { message } = await errorOf({ ...checkpoint(), ...many });
    expect(message).toContain("keys: 3000 not known to the network.");
    expect(message).toContain("\n  x.9 [1]\n  and 2990 more\n");
    expect(message).not.toContain("x.10");
  });

  test("nothing at all", async () => {
    expect(await errorOf({})).toMatchObject({ code: "missing-weight", key: "features.0.weight" });
    expect((await errorOf({})).message).toContain("keys: 4 missing.");
  });

  test("an extra key", async () => {
    const error = await errorOf(checkpoint({ "aux.weight": zeros([4, 1]), "aux.bias": zeros([4]) }));
    expect(error).toMatchObject({ code: "extra-weight", key: "aux.weight" });
    expect(error.message).toContain("aux.weight [4, 1]");
    expect(error.message).toContain("keys: 2 not known to the network.");
  });

  test("another shape, even with as many elements", async () => {
    const error = await errorOf(checkpoint({ "classifier.weight": zeros([2, 10]) }));
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.weight" });
    expect(error.message).toContain("has shape [2, 10], the network wants [10, 2]");
  });

  test("keys under a prefix are named as the checkpoint has them", async () => {
    const error = await errorOf(checkpoint({ "module.classifier.bias": zeros([1000]) }, "module."));
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.bias" });
    expect(error.message).toContain("module.classifier.bias has shape [1000]");
  });

  test("data of another length than the shape", async () => {
    const error = await errorOf(
      checkpoint({ "classifier.bias": { shape: [10], data: new Float32Array(9) } }),
    );
    expect(error).toMatchObject({ code: "weight-shape", key: "classifier.bias" });
    expect(error.message).toContain("9 elements");
  });

  test.each([NaN, Infinity, -Infinity])("%d in a weight, with its index", async (value) => {
    const data = new Float32Array(20);
    data[13] = value;
    const error = await errorOf(checkpoint({ "classifier.weight": { shape: [10, 2], data } }));
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
  ])("no tensor: %s", async (_, tensor) => {
    const given = new Map<string, unknown>(Object.entries(checkpoint())).set("classifier.bias", tensor);
    expect(await errorOf(given)).toMatchObject({ code: "bad-weights", key: "classifier.bias" });
  });

  test.each([[null], [undefined], ["squeezenet"], [3]])("no weights: %s", async (given) => {
    expect((await errorOf(given)).code).toBe("bad-option");
  });
});
