import { describe, expect, test } from "vitest";
import { ConvzooError, type ErrorCode } from "../../src/errors.js";
import {
  adaptiveAvgPool2d,
  add,
  affine,
  avgPool2d,
  batchNorm2d,
  type Conv2dOptions,
  call,
  channelShuffle,
  concat,
  conv2d,
  dropout,
  flatten,
  keep,
  type Layer,
  layerNorm,
  layerNorm2d,
  linear,
  localResponseNorm,
  maxPool2d,
  module,
  mul,
  net,
  padChannels,
  prelu,
  relu,
  type Step,
  sequential,
  silu,
  slice,
  softmax,
  stochasticDepth,
  take,
  zeroPad2d,
} from "../../src/layers.js";

/** What a function throws. */
function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function expectError(run: () => unknown, code: ErrorCode, message: RegExp): void {
  const error = thrown(run);
  expect(error).toBeInstanceOf(ConvzooError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
}

const untyped = <T>(value: unknown): T => value as T;

describe("defaults are PyTorch's", () => {
  test("conv2d", () => {
    expect(conv2d(3, 8, 5)).toEqual({
      op: "conv2d",
      inChannels: 3,
      outChannels: 8,
      kernel: [5, 5],
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      bias: true,
    });
  });

  test("pooling strides by its kernel, and sizes keep the form they were given in", () => {
    expect(maxPool2d([2, 3])).toMatchObject({
      kernel: [2, 3],
      stride: [2, 3],
      padding: 0,
      dilation: 1,
      ceilMode: false,
    });
    expect(avgPool2d(3, { padding: [1, 0] })).toMatchObject({
      kernel: 3,
      stride: 3,
      padding: [1, 0],
      countIncludePad: true,
    });
  });

  test("a pooling's padding is held to what its window reaches over", () => {
    expect(maxPool2d(3, { padding: 2, dilation: 2 })).toMatchObject({ padding: 2, dilation: 2 });
    expect(maxPool2d(3, { padding: [0, 0, 2, 2] })).toMatchObject({ padding: [0, 0, 2, 2] });
    expect(avgPool2d(3, { dilation: [1, 2] })).toMatchObject({ stride: 3, dilation: [1, 2] });
  });

  test("activations, norms and what leaves values alone", () => {
    expect(silu()).toEqual({ op: "activation", kind: "silu", inplace: false });
    expect(batchNorm2d(4)).toEqual({
      op: "batch_norm2d",
      channels: 4,
      eps: 1e-5,
      momentum: 0.1,
      affine: true,
    });
    expect(localResponseNorm(5)).toEqual({
      op: "local_response_norm",
      size: 5,
      alpha: 1e-4,
      beta: 0.75,
      k: 1,
    });
    expect(layerNorm2d(4)).toEqual({ op: "layer_norm2d", type: "LayerNorm2d", channels: 4, eps: 1e-5 });
    expect(prelu()).toEqual({ op: "prelu", slopes: 1 });
    expect(affine(0.5, 1)).toEqual({ op: "affine", scale: [0.5], shift: [1] });
    expect(zeroPad2d(2)).toEqual({ op: "pad2d", padding: [2, 2, 2, 2] });
    expect(linear(1, 1)).toMatchObject({ bias: true, perPixel: false });
  });

  test("an option that is undefined counts as not given", () => {
    expect(conv2d(1, 1, 1, { stride: undefined, bias: undefined })).toEqual(conv2d(1, 1, 1));
  });
});

describe("plain, immutable data", () => {
  const made = net(
    "Small",
    { body: sequential(conv2d(1, 2, 3), relu()), pool: maxPool2d([2, 2]) },
    ["body", keep("x"), concat(["pool"], ["pool", relu()]), mul([], [take("x")]), flatten()],
    { inChannels: 1 },
  );

  test("every part is frozen", () => {
    const visit = (value: unknown): number => {
      if (typeof value !== "object" || value === null) return 0;
      expect(Object.isFrozen(value)).toBe(true);
      return 1 + Object.values(value).reduce((sum: number, part) => sum + visit(part), 0);
    };
    expect(visit(made)).toBeGreaterThan(15);
  });

  test("it survives structuredClone and JSON, and equals what comes back", () => {
    expect(structuredClone(made)).toEqual({ ...made });
    expect(JSON.parse(JSON.stringify(made))).toEqual({ ...made });
    expect(Object.keys(made)).toEqual(["op", "type", "children", "forward", "inChannels"]);
  });

  test("the caller's own arrays and objects are copied, not frozen", () => {
    const kernel: [number, number] = [3, 3];
    const children = { a: relu() };
    const forward: Step[] = ["a"];
    const branch = ["a"];
    const pooled = maxPool2d(kernel);
    const owner = module("M", children, [...forward, concat(branch, [])]);
    kernel[0] = 9;
    branch.push("b");
    Object.assign(children, { b: relu() });
    expect(pooled.kernel).toEqual([3, 3]);
    expect(owner).toMatchObject({
      children: { a: { op: "activation", kind: "relu" } },
      forward: ["a", { branches: [["a"], []] }],
    });
    expect(Object.keys(owner.children)).toEqual(["a"]);
  });
});

describe("sequential", () => {
  test("numbers its layers", () => {
    const layers = sequential(relu(), flatten(), softmax());
    expect(Object.keys(layers.children)).toEqual(["0", "1", "2"]);
    expect(layers.forward).toEqual(["0", "1", "2"]);
  });

  test("takes names from a record, even one with a child called op", () => {
    const layers = sequential({ conv0: conv2d(1, 1, 1), op: relu() });
    expect(layers.forward).toEqual(["conv0", "op"]);
    expect(layers.children.op).toEqual(relu());
  });

  test("one layer is a layer, not a record; none is the identity", () => {
    expect(sequential(relu()).children).toEqual({ 0: relu() });
    expect(sequential().forward).toEqual([]);
  });
});

describe("numbers out of range are bad-option", () => {
  const cases: Record<string, [() => unknown, RegExp]> = {
    "zero channels": [
      () => conv2d(0, 1, 1),
      /conv2d: inChannels must be a whole number of at least 1, but is 0\./,
    ],
    NaN: [() => linear(4, Number.NaN), /linear: outFeatures .* but is NaN/],
    "a text": [() => linear(untyped<number>("10"), 1), /inFeatures .* but is "10"/],
    "a fraction": [() => conv2d(1, 1, 2.5), /kernel .* but is 2.5/],
    "a pair of three": [() => maxPool2d(untyped<number>([1, 2, 3])), /kernel .* but is \[1, 2, 3\]/],
    "stride zero": [() => maxPool2d(2, { stride: 0 }), /stride/],
    "negative padding": [
      () => conv2d(1, 1, 3, { padding: [0, -1] }),
      /padding .* at least 0 .* but is \[0, -1\]/,
    ],
    "over 31 bits": [() => adaptiveAvgPool2d(2 ** 31), /output/],
    "padding over half of the pooling": [
      () => avgPool2d([4, 3], { padding: 2 }),
      /at most half of the kernel, \[4, 3\]/,
    ],
    "the same for rows": [() => maxPool2d([3, 4], { padding: 2 }), /at most half of the kernel, \[3, 4\]/],
    "padding as wide as the pooling": [
      () => maxPool2d(3, { padding: [0, 0, 2, 3] }),
      /padding must be less than the kernel, \[3, 3\], but is \[0, 0, 2, 3\]/,
    ],
    "a dilation of nothing": [() => avgPool2d(3, { dilation: 0 }), /avgPool2d: dilation must be/],
    "a probability over 1": [() => dropout(1.5), /dropout: p must be a number from 0 to 1, but is 1.5/],
    "a flag that is a number": [
      () => relu({ inplace: untyped<boolean>(1) }),
      /inplace must be true or false/,
    ],
    "a misspelt option": [
      () => conv2d(1, 1, 1, untyped<Conv2dOptions>({ pading: 1 })),
      /no option "pading"; the options are stride, padding/,
    ],
    "options that are none": [
      () => conv2d(1, 1, 1, untyped<Conv2dOptions>(3)),
      /options are an object, but 3/,
    ],
    "null for options": [() => linear(1, 1, untyped<{ bias: boolean }>(null)), /but null was given/],
    "four sides of which one is negative": [
      () => conv2d(1, 1, 3, { padding: [0, 1, 0, -1] }),
      /conv2d: padding must be \[top, left, bottom, right\], .* at least 0, but is \[0, 1, 0, -1\]/,
    ],
    "padding of three sides": [
      () => zeroPad2d(untyped<number>([1, 2, 3])),
      /zeroPad2d: padding .* \[1, 2, 3\]/,
    ],
    "padding that is a word": [
      () => maxPool2d(3, { padding: untyped<"same">("valid") }),
      /padding .* "valid"/,
    ],
    "an eps of 0": [() => batchNorm2d(1, { eps: 0 }), /batchNorm2d: eps must be a number above 0, but is 0/],
    "a momentum that is NaN": [
      () => batchNorm2d(1, { momentum: Number.NaN }),
      /momentum must be a finite number/,
    ],
    "a layer norm of no channels": [() => layerNorm(0), /LayerNorm: channels/],
    "a scale without numbers": [() => affine([], 0), /affine: scale must be a list, but is \[\]/],
    "a shift that is infinite": [() => affine(1, [0, 1 / 0]), /affine: shift\[1\] .* Infinity/],
    "no slopes": [() => prelu(0), /prelu: slopes/],
    "a stochastic depth over 1": [
      () => stochasticDepth(2),
      /stochasticDepth: p must be a number from 0 to 1/,
    ],
    "half a group": [() => channelShuffle(0.5), /channelShuffle: groups/],
    "a negative slice": [() => slice(-1, 2), /slice: start/],
    "a negative number of channels to pad": [() => padChannels(0, -1), /padChannels: after/],
    "a net without channels": [
      () => net("N", {}, [], untyped<{ inChannels: number }>(undefined)),
      /inChannels/,
    ],
  };
  test.each(Object.entries(cases))("%s", (_, [run, message]) => expectError(run, "bad-option", message));

  test("pooling may pad half of its kernel", () => {
    expect(maxPool2d(2, { padding: 1 }).padding).toBe(1);
  });
});

describe("parts that do not fit together are bad-net", () => {
  const cases: Record<string, [() => unknown, RegExp]> = {
    "groups that do not divide": [
      () => conv2d(6, 9, 3, { groups: 6 }),
      /groups \(6\) must divide .* outChannels \(9\)/,
    ],
    "a child that is missing": [
      () => module("Fire", { a: relu() }, ["a", "b"]),
      /Fire: forward names "b", .* are: a\./,
    ],
    "a child that only Object has": [() => module("M", {}, ["toString"]), /forward names "toString"/],
    "a child missing in a branch": [
      () => module("M", {}, [concat([], ["x"])]),
      /forward names "x", .* are: none/,
    ],
    "a step with weights": [() => module("M", {}, [conv2d(1, 1, 1)]), /holds weights; make it a child/],
    "a step that is a module": [() => module("M", {}, [untyped<Step>(sequential())]), /make it a child/],
    "a step that is nothing": [() => module("M", {}, [untyped<Step>(null)]), /no layer/],
    "a name with a dot": [() => module("M", { "a.b": relu() }, []), /cannot be named "a\.b"/],
    "an empty name": [() => module("M", { "": relu() }, []), /cannot be named ""/],
    "a child that is no layer": [
      () => sequential(untyped<Layer>({ op: "conv3d" }), relu()),
      /child "0" is not a layer/,
    ],
    "no forward": [() => module("M", {}, untyped<Step[]>(undefined)), /steps of its forward/],
    "a slice of nothing": [() => slice(3, 3), /slice: end \(3\) must be greater than start \(3\)/],
    "a call of a child that is missing": [() => module("M", {}, [call("x", {})]), /forward names "x"/],
    "a batch norm as a step": [() => module("M", {}, [batchNorm2d(1)]), /holds weights/],
    "a joint without branches": [() => module("M", {}, [untyped<Step>({ op: "add" })]), /no layer/],
    "one summand": [() => add(["a"]), /add: pass two or more branches/],
    "three factors": [() => mul([], [], []), /mul: pass two branches/],
    "one branch": [() => concat(["a"]), /two or more branches/],
    "a branch that is a name": [() => concat(["a"], untyped<Step[]>("b")), /each an array of steps/],
  };
  test.each(Object.entries(cases))("%s", (_, [run, message]) => expectError(run, "bad-net", message));
});
