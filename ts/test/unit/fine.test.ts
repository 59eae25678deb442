/** `fine` against the paper's procedure, in float64, on small inputs. */
import { describe, expect, test } from "vitest";
import { convolutionize } from "../../src/convolutionize.js";
import { lower } from "../../src/graph.js";
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  concat,
  conv2d,
  flatten,
  linear,
  maxPool2d,
  type Net,
  net,
  relu,
  sequential,
  zeroPad2d,
} from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import type { Tensor } from "../../src/tensor.js";
import {
  densenet121,
  highway10_mnist_16,
  lenet5,
  mcdnn_mnist,
  mcdnn_mnist_x3,
  shufflenet_v2_x0_5,
  squeezenet1_1,
} from "../../src/zoo/builders.js";
import { interpret } from "../interpret.js";
import { byOffsets } from "../offsets.js";
import { fill, fillInput } from "../recipe.js";

/** Weights by the recipe, every batch norm having read mean 0 and variance 1. */
function weightsFor(made: Net): Map<string, Tensor> {
  const shapes = [...stateShapes(made)];
  const norms = Object.fromEntries(
    shapes.map(([key]) => [key.slice(0, key.lastIndexOf(".")), [0, 1] as const]),
  );
  return new Map(shapes.map(([key, { shape }]) => [key, fill(key, shape, 1, norms)]));
}

/** As Inception v3 and Xception have it: what is joined to the pooling strides by itself. */
function branches(): Net {
  const children = {
    stem: conv2d(2, 4, 3),
    pool: maxPool2d(3, { stride: 2, ceilMode: false }),
    conv: conv2d(4, 3, [3, 3], { stride: 2 }),
    skip: conv2d(7, 5, 1, { stride: 2 }),
    rep: sequential(conv2d(7, 5, 3, { padding: 1 }), relu(), maxPool2d(3, { stride: 2, padding: 1 })),
    last: conv2d(5, 6, 3, { padding: 1 }),
    fc: linear(6, 3),
  };
  const joined = concat(["pool"], ["conv"]);
  const steps = ["stem", joined, add(["rep"], ["skip"]), "last", adaptiveAvgPool2d(1), flatten(), "fc"];
  return net("Branches", children, steps, { inChannels: 2 });
}

/** What pads, cuts and averages behind the pooling, and strides in ceil mode. */
function behind(): Net {
  const layers = sequential(
    conv2d(1, 3, 3),
    maxPool2d(2, { ceilMode: true }),
    conv2d(3, 4, [2, 3], { padding: [1, 0, 0, 2] }),
    zeroPad2d([-1, 2, 0, -1]),
    avgPool2d(3, { stride: 1, padding: 1, countIncludePad: false }),
    conv2d(4, 4, 3, { padding: "same", groups: 2 }),
    avgPool2d([3, 3], { stride: 2, ceilMode: true }),
    avgPool2d(2, { stride: 1, padding: 1 }),
    conv2d(4, 3, 1),
    adaptiveAvgPool2d(1),
  );
  return net("Behind", { layers }, ["layers", flatten()], { inChannels: 1 });
}

/** A net, its native size, another that it is run on, and what the pooling gives up. */
const cases: Readonly<
  Record<string, readonly [made: Net, native: readonly number[], size: readonly number[], fine: number]>
> = {
  "lenet5, whose pooling is the last": [lenet5(), [1, 28, 28], [1, 37, 42], 2],
  "mcdnn_mnist, pooling by 3 in ceil mode": [mcdnn_mnist(), [1, 29, 29], [1, 36, 41], 3],
  "mcdnn_mnist_x3, whose columns all give it up": [mcdnn_mnist_x3(), [1, 29, 29], [1, 33, 35], 3],
  "highway10_mnist_16, gates behind the pooling": [highway10_mnist_16(), [1, 28, 28], [1, 36, 37], 2],
  "squeezenet1_1, ceil mode and padded convolutions behind": [
    squeezenet1_1({ classes: 3 }),
    [3, 48, 48],
    [3, 58, 65],
    2,
  ],
  "branches that stride beside it": [branches(), [2, 25, 25], [2, 38, 31], 2],
  "padding, cuts and averages behind it": [behind(), [1, 21, 21], [1, 33, 26], 2],
  "densenet121, average pooling behind the pooling": [
    densenet121({ classes: 3, blockConfig: [1, 1, 2, 1], growthRate: 4, numInitFeatures: 6 }),
    [3, 64, 64],
    [3, 97, 110],
    2,
  ],
  "shufflenet_v2_x0_5, strides side by side": [
    shufflenet_v2_x0_5({ classes: 3 }),
    [3, 32, 32],
    [3, 66, 39],
    2,
  ],
};

describe.each(Object.entries(cases))("%s", (_, [made, native, size, fine]) => {
  const graphs = [true, false].map((asked) => lower(convolutionize(made, native, { fine: asked })));
  const [finer, plain] = graphs as [(typeof graphs)[0], (typeof graphs)[0]];

  test("is OverFeat's offset pooling, the coarse map among its cells", () => {
    const input = fillInput([1, ...size], 7);
    const weights = weightsFor(made);
    const wanted = byOffsets(plain, input, weights, fine);
    const shape = shapesOf(finer, size)[finer.output]!;
    expect(shape).toEqual(wanted.shape);
    const found = interpret(finer, input, weights)[finer.output]!;
    const scale = Math.max(...wanted.data.map(Math.abs));
    const worst = Math.max(...found.map((value, i) => Math.abs(value - wanted.data[i]!)));
    expect(worst / scale).toBeLessThan(1e-10);

    const [classes = 0, height = 0, width = 0] = shape;
    const coarse = interpret(plain, input, weights)[plain.output]!;
    const among = Array.from({ length: classes * height * width }, (_, i) => i).filter((i) => {
      return (Math.floor(i / width) % height) % fine === 0 && (i % width) % fine === 0;
    });
    expect(among.length).toBe(coarse.length);
    expect(among.every((at, i) => Math.abs(found[at]! - coarse[i]!) <= 1e-10 * scale)).toBe(true);
  });
});
