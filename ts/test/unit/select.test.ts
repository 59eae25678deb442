/** Which dictionary of a PyTorch checkpoint is the weights. */
import { describe, expect, test } from "vitest";
import { selectWeights } from "../../src/weights/pytorch/select.js";
import { Call, type Value } from "../../src/weights/pytorch/value.js";

const tensor = new Call("torch._utils._rebuild_tensor_v2", []);

/** A plain object as a pickle's dictionary, all the way down. */
const dict = (object: object): Value =>
  new Map(
    Object.entries(object).map(([key, value]) => [
      key,
      Object.getPrototypeOf(value) === Object.prototype ? dict(value) : value,
    ]),
  );

const weights = { "conv.weight": tensor, "conv.bias": tensor };
const others = { "conv.weight": tensor };

describe("what is taken", () => {
  test.each<[name: string, file: object, path: string[], select?: string]>([
    ["a state dict", weights, []],
    ["one with entries that are no tensors", { ...weights, epoch: 3 }, []],
    ["one with layers' own state", { ...weights, "bn._extra_state": { scale: tensor } }, []],
    ["state_dict", { state_dict: weights, epoch: 3 }, ["state_dict"]],
    ["model, not its average", { ema: others, model: weights }, ["model"]],
    [
      "state_dict, not the accuracy beside it",
      { best: tensor, epoch: 3, state_dict: weights },
      ["state_dict"],
    ],
    [
      "a usual name in a usual name",
      { model: { state_dict: weights, name: "net" } },
      ["model", "state_dict"],
    ],
    ["the only one, whatever its name", { teacher: weights, epoch: 3 }, ["teacher"]],
    ["what is selected", { ema: others, model: weights }, ["ema"], "ema"],
    ["what is selected by its path", { model: { a: weights, b: others } }, ["model", "b"], "model.b"],
    [
      "the only one in what is selected",
      { ema: { module: others, decay: 0.9 }, model: weights },
      ["ema", "module"],
      "ema",
    ],
  ])("%s", (_, file, path, select) => {
    const root = dict(file);
    const wanted = path.reduce((value, key) => (value as Map<Value, Value>).get(key)!, root);
    expect(selectWeights(root, "a file", select)).toBe(wanted);
  });
});

describe("what needs to be selected, or is not there", () => {
  const gan = { generator: weights, critic: others };
  test.each<[name: string, file: object, select: string | undefined, message: RegExp]>([
    [
      "two",
      gan,
      undefined,
      /it holds several sets of weights\. Choose .*"generator" \(tensors: 2\), "critic" \(tensors: 1\)/,
    ],
    ["two usual names", { model: weights, net: others }, undefined, /several sets.*"model".*"net"/],
    ["two in a usual name", { model: gan }, undefined, /several sets.*"model\.generator".*"model\.critic"/],
    [
      "two in what is selected",
      { a: gan, b: weights },
      "a",
      /"a" names several sets.*"a\.generator".*"a\.critic"/,
    ],
    ["none of the name", gan, "ema", /"ema" names no weights.*"generator"/],
    ["a piece of a name", gan, "gen", /"gen" names no weights/],
    ["no choice", weights, "ema", /one set of weights\. Leave select out/],
    [
      "more than fit in a message",
      Object.fromEntries([..."abcdefghijkl"].map((name) => [name, weights])),
      undefined,
      /"j" \(tensors: 2\) and 2 more/,
    ],
    ["nothing", { epoch: 3 }, undefined, /holds no tensors by name/],
  ])("%s", (_, file, select, message) => {
    expect(() => selectWeights(dict(file), "a file", select)).toThrow(message);
  });

  test("keys that are no text", () => {
    expect(() => selectWeights(new Map([[1, tensor]]), "a file")).toThrow(/holds no tensors by name/);
  });
});
