/** What convolutionize refuses, by which layer's name and with which words. */
import { describe, expect, test } from "vitest";
import { type ConvolutionizeOptions, convolutionize } from "../../src/convolutionize.js";
import { isConvzooError } from "../../src/errors.js";
import {
  adaptiveAvgPool2d,
  concat,
  conv2d,
  flatten,
  identity,
  type Layer,
  linear,
  maxPool2d,
  module,
  mul,
  type Net,
  net,
  prelu,
  relu,
  sequential,
  softmax,
} from "../../src/layers.js";
import {
  alexnet,
  bninception,
  legacy_seresnet50,
  lenet5,
  mobilenet_v2,
  nasnetamobile,
  prelu_net_a,
} from "../../src/zoo/builders.js";

/** A net of one Sequential, its layers in a row. */
const inRow = (inChannels: number, ...layers: readonly Layer[]): Net =>
  net("Row", { body: sequential(...layers) }, ["body"], { inChannels });

function errorOf(what: Net | readonly Layer[], shape: readonly number[], options?: ConvolutionizeOptions) {
  try {
    convolutionize(what, shape, options);
  } catch (error) {
    if (isConvzooError(error)) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("fine", () => {
  test.each<[string, Net, readonly number[], string | undefined, RegExp]>([
    ["no max-pooling", mobilenet_v2(), [3, 224, 224], undefined, /has no max-pooling with a stride/],
    ["a squeeze", legacy_seresnet50(), [3, 224, 224], "layer1.0.se_module", /squeeze would average/],
    [
      "TensorFlow's padding",
      nasnetamobile(),
      [3, 224, 224],
      "reduction_cell_1.comb_iter_0_left.separable_1.depthwise_conv2d",
      /pads follows from the input's size/,
    ],
    ["branches that pad differently", bninception(), [3, 224, 224], "inception_4e_pool", /different sizes/],
    [
      "a stride of 3 beside one of 2",
      net(
        "Two",
        { pool: maxPool2d(2), conv: conv2d(1, 1, 3, { stride: 3 }), fc: linear(2, 1) },
        [concat(["pool"], ["conv"]), flatten(), "fc"],
        { inChannels: 1 },
      ),
      [1, 3, 3],
      "conv",
      /joined with the result of pool cannot give up as much/,
    ],
    [
      "what is not pooled at all",
      net(
        "Skip",
        { pool: maxPool2d(2), fc: linear(2, 1) },
        [concat(["pool", adaptiveAvgPool2d(1)], [adaptiveAvgPool2d(1)]), flatten(), "fc"],
        { inChannels: 1 },
      ),
      [1, 4, 4],
      undefined,
      /joined with the result of pool cannot give up as much/,
    ],
  ])("is refused for %s", (_, given, shape, node, words) => {
    const error = errorOf(given, shape, { fine: true });
    expect(error.code).toBe("not-convolutional");
    expect(error.node).toBe(node);
    expect(error.message).toMatch(words);
    expect(error.message).toMatch(/leave fine out\.$/);
    expect(String(convolutionize(given, shape))).toContain("(");
  });
});

describe("refused by name", () => {
  const pyramid = { a: adaptiveAvgPool2d(1), b: adaptiveAvgPool2d(4), fc: linear(17, 2) };
  const cases: Readonly<Record<string, readonly [Net, readonly number[], string | undefined, RegExp]>> = {
    "a pyramid of poolings": [prelu_net_a(), [3, 224, 224], "spp", /14 x 14 cells to 7 x 7/],
    "flattened maps of several sizes": [
      net("Pyramid", pyramid, [concat(["a", flatten()], ["b", flatten()]), "fc"], { inChannels: 1 }),
      [1, 4, 4],
      undefined,
      /concat joins what comes of 1 x 1 x 1 and 1 x 4 x 4/,
    ],
    "another size than the pooling's": [alexnet(), [3, 256, 256], "avgpool", /7 x 7 cells to 6 x 6/],
    "a softmax of a flattened map": [
      inRow(1, flatten(), softmax(), linear(4, 1)),
      [1, 2, 2],
      "body.1",
      /softmax reads a flattened map of 1 x 2 x 2/,
    ],
    "a slope for each of its features": [
      inRow(1, flatten(), prelu(4), linear(4, 1)),
      [1, 2, 2],
      "body.1",
      /prelu reads a flattened map/,
    ],
    "a flattened map for an output": [
      inRow(1, conv2d(1, 1, 1), flatten()),
      [1, 2, 2],
      undefined,
      /its output is a flattened map of 1 x 2 x 2/,
    ],
    "factors of another map": [
      net("Other", { a: conv2d(1, 1, 1) }, [mul(["a"], [relu(), adaptiveAvgPool2d(1)]), flatten()], {
        inChannels: 1,
      }),
      [1, 2, 2],
      undefined,
      /mul joins what comes of 1 x 2 x 2 and 1 x 1 x 1/,
    ],
    "a layer that would become two": [
      net("Twice", { fc: linear(4, 4) }, [flatten(), "fc", "fc"], { inChannels: 1 }),
      [1, 2, 2],
      "fc",
      /runs more than once/,
    ],
  };

  test.each(Object.entries(cases))("%s", (_, [given, shape, node, words]) => {
    const error = errorOf(given, shape);
    expect(error).toMatchObject({ code: "not-convolutional" });
    expect(error.message).toMatch(words);
    expect(error.node).toBe(node);
  });

  test("a second time", () => {
    const once = convolutionize(lenet5(), [1, 28, 28]);
    expect(errorOf(once, [1, 28, 28]).message).toMatch(/convolutional already/);
  });

  test("options and sizes that are none", () => {
    const wrong = (options: object) => errorOf(lenet5(), [1, 28, 28], options as ConvolutionizeOptions);
    expect(wrong({ pooling: "max" })).toMatchObject({ code: "bad-option" });
    expect(wrong({ squeeze: true }).message).toMatch(/squeeze must be "global" or "refuse", but is true/);
    expect(wrong({ fine: 1 })).toMatchObject({ code: "bad-option" });
    expect(wrong({ pool: "cell" }).message).toMatch(/no option "pool"/);
    expect(errorOf(lenet5(), [1, 40, 40])).toMatchObject({ code: "bad-shape", node: "classifier.0" });
    expect(errorOf(lenet5(), [3, 28, 28])).toMatchObject({ code: "bad-shape" });
    const nothing = undefined as unknown as number[];
    expect(errorOf([relu()], nothing).message).toMatch(/pass the native input's shape/);
    expect(errorOf({} as Net, [3, 28, 28])).toMatchObject({ code: "bad-net" });
    expect(errorOf(module("M", { a: identity() }, ["a"]) as Net, [1, 2, 2])).toMatchObject({
      code: "bad-net",
    });
  });

  test("a squeeze, where that is asked for", () => {
    const error = errorOf(legacy_seresnet50(), [3, 224, 224], { squeeze: "refuse" });
    expect(error).toMatchObject({ code: "not-convolutional", node: "layer1.0.se_module" });
    expect(error.message).toMatch(/squeeze: "global" accepts that/);
  });

  test("a list whose layers do not fit together", () => {
    const error = errorOf([conv2d(1, 2, 3), linear(9, 5)], [1, 8, 8]);
    expect(error).toMatchObject({ code: "bad-shape", node: "1" });
    expect(errorOf([conv2d(1, 2, 3)], [1, 8])).toMatchObject({ code: "bad-shape" });
  });
});
