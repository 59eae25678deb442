/** Networks from ONNX files on the real core: onnxruntime's numbers. */
import { describe, expect, test } from "vitest";
import { computedCases, errorOf, inputOf, onnxBytes } from "../onnx-cases.js";
import { convzoo } from "./package.js";

const { convolutionize, fromOnnx, load } = convzoo;

/** Ours stay within this part of the largest magnitude. */
const LIMIT = 1e-5;

describe("models of single operators, and small exports", () => {
  // A net reads [N, C, H, W] whatever the model did; the unit test turns that one's input.
  const cases = computedCases.filter(({ name }) => name !== "input_channels_last");

  test.each(cases)("$name", async (one) => {
    const { net, weights } = await fromOnnx(onnxBytes(one.name));
    using model = await load(net, { weights, threads: 1 });
    const { shape, data } = await model.run(inputOf(one));
    expect(shape).toEqual(one.output_shape);
    expect(errorOf(one, data)).toBeLessThan(LIMIT);
  });
});

test.each(["torchscript_17", "dynamo_20"])(
  "%s, convolutional: the same where it fits once, a map beyond",
  async (name) => {
    const one = computedCases.find((other) => other.name === name)!;
    const { net, weights } = await fromOnnx(onnxBytes(name));
    using model = await load(convolutionize(net, [3, 20, 20]), { weights, threads: 1 });
    const { shape, data } = await model.run(inputOf(one));
    expect(shape).toEqual([...one.output_shape, 1, 1]);
    expect(errorOf(one, data)).toBeLessThan(LIMIT);
    const wide = { shape: [1, 3, 20, 60], data: new Float32Array(3 * 20 * 60).fill(0.5) };
    expect((await model.run(wide)).shape).toEqual([1, 5, 1, 6]);
  },
);
