import { describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/errors.js";
import { lower } from "../../src/graph.js";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  add,
  affine,
  avgPool2d,
  batchNorm2d,
  channelShuffle,
  concat,
  conv2d,
  flatten,
  keep,
  type Layer,
  linear,
  maxPool2d,
  mul,
  type Net,
  net,
  padChannels,
  prelu,
  relu,
  type Step,
  sequential,
  slice,
  take,
  zeroPad2d,
} from "../../src/layers.js";
import { shapesOf, smallestSide, type Window, windowCount } from "../../src/shape.js";
import { alexnet } from "../../src/zoo/alexnet.js";
import { lenet5 } from "../../src/zoo/lenet.js";

describe("windowCount", () => {
  // A window is placed at every multiple of the stride, from the left end of the padded input.
  function byPlacing(size: number, { kernel, stride, dilation, padding, ceil }: Window): number {
    const [before, after] = padding;
    const reach = dilation * (kernel - 1);
    const last = before + size + after - 1;
    let windows = 0;
    for (let start = 0; start + reach <= last; start += stride) windows++;
    if (!ceil) return windows;
    // Ceil mode adds one window where the whole ones leave pixels over (or would reach the end from less than
    // a stride off), unless it would begin behind the input.
    const start = windows * stride;
    const whole = (windows - 1) * stride + reach === last;
    const near = start + reach - last < stride;
    return !whole && near && start < before + size ? windows + 1 : windows;
  }

  // The formula of the documentation of MaxPool2d, with its note on windows that would start in the right
  // padding.
  function byFormula(size: number, { kernel, stride, dilation, padding, ceil }: Window): number {
    const exact = (size + padding[0] + padding[1] - dilation * (kernel - 1) - 1) / stride + 1;
    let count = ceil ? Math.ceil(exact) : Math.floor(exact);
    if (ceil && (count - 1) * stride >= size + padding[0]) count -= 1;
    return Math.max(0, count);
  }

  test("equals PyTorch's formula and the placing of windows one by one, in random cases", () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    let state = seed;
    const upTo = (n: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * n);
    };
    for (let i = 0; i < 20_000; i++) {
      const kernel = 1 + upTo(7);
      const side = () => upTo(Math.floor(kernel / 2) + 1);
      const stride = 1 + upTo(5);
      const window: Window = {
        kernel,
        stride,
        dilation: 1 + upTo(3),
        padding: [side(), side()],
        ceil: upTo(2) === 1,
      };
      const size = 1 + upTo(40);
      const about = `SEED=${seed}: ${size} ${JSON.stringify(window)}`;
      const count = windowCount(size, window);
      expect(count, about).toBe(byFormula(size, window));
      expect(count, about).toBe(byPlacing(size, window));
    }
  });

  test.each([
    ["floor drops the rest", 6, 3, 2, 0, false, 2],
    ["ceil keeps it", 6, 3, 2, 0, true, 3],
    ["a last window never begins in the padding", 3, 2, 3, 1, true, 2],
    ["one that hangs over a tiny input", 2, 3, 2, 0, true, 1],
    ["nothing fits", 1, 4, 2, 0, true, 0],
  ])("%s", (_, size, kernel, stride, pad, ceil, wanted) => {
    expect(windowCount(size, { kernel, stride, dilation: 1, padding: [pad, pad], ceil })).toBe(wanted);
  });
});

/** A net of one channel that runs these layers in order. */
const chain = (...layers: Layer[]): Net =>
  net("N", { body: sequential(...layers) }, ["body"], { inChannels: 1 });
const outputOf = (made: Net, input: readonly number[]) => {
  const graph = lower(made);
  return shapesOf(graph, input)[graph.output];
};

describe("shapesOf", () => {
  test("rows and columns have their own kernel, stride, padding and dilation", () => {
    const conv = conv2d(1, 5, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 4] });
    expect(outputOf(chain(conv), [1, 9, 8])).toEqual([5, 5, 4]);
    expect(outputOf(chain(avgPool2d([2, 3], { ceilMode: true })), [1, 5, 7])).toEqual([1, 3, 3]);
    expect(outputOf(chain(maxPool2d(2, { dilation: 3 })), [1, 7, 8])).toEqual([1, 2, 3]);
  });

  test("adaptive pooling, flatten and concat", () => {
    const children = { pool: adaptiveAvgPool2d([2, 3]), wide: conv2d(1, 4, 1) };
    const steps: Step[] = ["pool", concat([], ["wide"], [concat([], ["wide"])]), flatten()];
    expect(outputOf(net("N", children, steps, { inChannels: 1 }), [1, 1, 9])).toEqual([(1 + 4 + 5) * 2 * 3]);
  });

  test("padding as TensorFlow has it gives size / stride, rounded up", () => {
    const conv = conv2d(1, 2, [5, 2], { stride: [3, 2], padding: "same", dilation: 2 });
    expect(outputOf(chain(conv), [1, 10, 7])).toEqual([2, 4, 4]);
    expect(outputOf(chain(maxPool2d(3, { stride: 2, padding: "same" })), [1, 1, 8])).toEqual([1, 1, 4]);
  });

  test("layers that move or add channels and pixels", () => {
    const steps = [padChannels(3, 2), slice(1, 5), channelShuffle(2), zeroPad2d([-2, 1, 0, 3])];
    const made = net("N", {}, steps, { inChannels: 1 });
    expect(outputOf(made, [1, 5, 6])).toEqual([4, 3, 10]);
    expect(outputOf(chain(adaptiveMaxPool2d([2, 3]), batchNorm2d(1), prelu()), [1, 1, 9])).toEqual([1, 2, 3]);
    const flat = [flatten(), affine(1, [1, 2, 3, 4])];
    expect(outputOf(net("N", {}, flat, { inChannels: 1 }), [1, 2, 2])).toEqual([4]);
  });

  test("values that are added have one shape; a factor may be one a channel", () => {
    const children = { pool: maxPool2d(2), wide: conv2d(2, 3, 1), gate: adaptiveAvgPool2d(1) };
    const of = (...steps: Step[]) => net("N", children, steps, { inChannels: 2 });
    expect(outputOf(of(mul([], ["gate"])), [2, 4, 4])).toEqual([2, 4, 4]);
    expect(outputOf(of(add([], [], [])), [2, 4, 4])).toEqual([2, 4, 4]);
    expectError(of(add([], ["pool"])), [2, 4, 4], "bad-shape", /branches of add have different sizes/);
    expectError(of(mul(["gate"], [])), [2, 4, 4], "bad-shape", /branches of mul have different sizes/);
    expectError(
      of(add([], ["wide"])),
      [2, 4, 4],
      "bad-net",
      /reads values of one shape, but gets 2 x 4 x 4 and 3 /,
    );
    expectError(
      of(add([flatten()], ["pool", flatten()])),
      [2, 4, 4],
      "bad-shape",
      /different sizes, 32 and 8/,
    );
  });

  test("what the output does not need has no shape where it does not fit", () => {
    const children = { aux: sequential(flatten(), linear(16, 2)), after: relu() };
    const made = net("N", children, [keep("x"), "aux", take("x"), "after"], { inChannels: 1 });
    const graph = lower(made);
    expect(shapesOf(graph, [1, 4, 4])[graph.paths.aux ?? -1]).toEqual([2]);
    expect(shapesOf(graph, [1, 5, 5])).toEqual([[1, 5, 5], [25], undefined, [1, 5, 5]]);
    expect(smallestSide(graph)).toBe(1);
  });

  function expectError(
    made: Net,
    input: unknown,
    code: ErrorCode,
    message: RegExp | string,
    node?: string,
  ): void {
    const wanted = typeof message === "string" ? message : expect.stringMatching(message);
    const run = () => shapesOf(lower(made), input as number[]);
    expect(run).toThrow(
      expect.objectContaining({ code, message: wanted, ...(node === undefined ? {} : { node }) }),
    );
  }

  test("an input that is too small: layer, both shapes, and what would do", () => {
    expectError(
      alexnet(),
      [3, 20, 300],
      "bad-shape",
      "features.5: a pooling window of 3 x 3 does not fit on the layer's input, 192 x 1 x 36. " +
        "The input 3 x 20 x 300 is too small for this network: " +
        "the smallest square input that works is 63 x 63.",
      "features.5",
    );
    expectError(
      lenet5(),
      [1, 20, 20],
      "bad-shape",
      /reads 256 features, but gets 64\. .* too small .* 28 x 28/,
    );
  });

  test("an input that is too large for a Linear: what to do instead", () => {
    expectError(
      lenet5(),
      [1, 32, 32],
      "bad-shape",
      "classifier.0: the linear layer reads 256 features, but gets 400. " +
        "No input of 1 x 32 x 32 fits this network: " +
        "the smallest square input that works is 28 x 28; for other sizes, convolutionize it.",
      "classifier.0",
    );
  });

  test.each([
    [[1, 3, 224, 224], /no batch \(here \[3, H, W\]\), but is \[1, 3, 224, 224\]/],
    [[3, 0, 224], /but is \[3, 0, 224\]/],
    [[3, 224.5, 224], /224\.5/],
    [[3, Number.NaN, 224], /NaN/],
    ["3x224x224", /but is "3x224x224"/],
    [undefined, /but is undefined/],
    [[1, 224, 224], /reads 3 channels, but the input 1 x 224 x 224 has 1\. .* inChannels: 1/],
  ])("%j is a bad shape", (input, message) => expectError(alexnet(), input, "bad-shape", message));

  test("branches of different sizes", () => {
    const steps = [concat([], ["pool"])];
    const made = net("N", { pool: maxPool2d(2) }, steps, { inChannels: 1 });
    expectError(made, [1, 8, 8], "bad-shape", /different sizes, 1 x 8 x 8 and 1 x 4 x 4\. No square input/);
  });

  test.each<[Net, RegExp]>([
    [
      chain(linear(4, 2)),
      /body\.0: linear reads flat features, but gets 1 x 8 x 8: put flatten\(\) before it/,
    ],
    [chain(flatten(), maxPool2d(2)), /body\.1: max_pool2d reads a map \[C, H, W\], but gets 64 flat/],
    [chain(conv2d(1, 3, 1), conv2d(2, 1, 1)), /body\.1: conv2d reads 2 channels, but gets 3 x 8 x 8/],
    [
      net("N", {}, [concat([], [flatten()])], { inChannels: 1 }),
      /joins maps and flat features, 1 x 8 x 8 and 64/,
    ],
    [chain(batchNorm2d(2)), /body\.0: batch_norm2d reads 2 channels, but gets 1 x 8 x 8/],
    [chain(prelu(3)), /body\.0: prelu reads 3 channels/],
    [net("N", {}, [affine([1, 2], 0)], { inChannels: 1 }), /affine reads 2 channels/],
    [net("N", {}, [slice(0, 2)], { inChannels: 1 }), /slice takes channels 0 to 2, but gets 1 x 8 x 8/],
    [chain(channelShuffle(2)), /needs a multiple of 2 channels, but gets 1 x 8 x 8/],
    [chain(flatten(), zeroPad2d(1)), /pad2d reads a map/],
  ])("layers that fit at no size are a bad net (%#)", (made, message) => {
    expectError(made, [1, 8, 8], "bad-net", message);
  });
});

describe("smallestSide", () => {
  test("is the first that works, where larger ones may fail again", () => {
    expect(smallestSide(lower(lenet5()))).toBe(28);
    expect(smallestSide(lower(chain(maxPool2d(3), maxPool2d(3))))).toBe(9);
    expect(smallestSide(lower(chain(flatten(), linear(25, 1))))).toBe(5);
  });

  test("is undefined where none does", () => {
    expect(smallestSide(lower(chain(flatten(), linear(3, 1))))).toBeUndefined();
  });
});
