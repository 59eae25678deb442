/** convolutionize: what becomes of each layer, what stays, and what is refused with which words. */
import { describe, expect, test } from "vitest";
import { convolutionize } from "../../src/convolutionize.js";
import { describe as print } from "../../src/describe.js";
import { lower } from "../../src/graph.js";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  affine,
  avgPool2d,
  batchNorm2d,
  call,
  concat,
  conv2d,
  dropout,
  flatten,
  keep,
  type Layer,
  linear,
  module,
  mul,
  type Net,
  net,
  prelu,
  relu,
  type Step,
  sequential,
  sigmoid,
  softmax,
  take,
} from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import { summarize } from "../../src/summarize.js";
import { resolveWeights } from "../../src/weights/resolve.js";
import {
  alexnet,
  convnext_tiny,
  googlenet,
  inception_v3,
  legacy_seresnet50,
  lenet5,
  mobilenet_v2,
  nin_cifar10,
  resnet18,
} from "../../src/zoo/builders.js";
import { zoo } from "../../src/zoo/index.js";
import type { Rows } from "../../src/zoo/row.js";

const alexnetLayers = (): Layer[] => {
  const { features, classifier } = alexnet().children as Record<string, ReturnType<typeof sequential>>;
  return [...Object.values(features!.children), ...Object.values(classifier!.children)];
};

/** A net of one Sequential, its layers in a row. */
const inRow = (inChannels: number, ...layers: readonly Layer[]): Net =>
  net("Row", { body: sequential(...layers) }, ["body"], { inChannels });

const outputOf = (made: Net, shape: readonly number[]) => {
  const graph = lower(made);
  return shapesOf(graph, shape)[graph.output];
};

/** The lines of a print that hold these words. */
const linesWith = (text: string, words: string) =>
  text.split("\n").flatMap((line) => (line.includes(words) ? [line.trim()] : []));

describe("a list of layers", () => {
  // The lecture's slide, its line breaks taken out.
  const slide = `Sequential (
  (0): Conv2d(3, 64, kernel_size=(11, 11), stride=(4, 4), padding=(2, 2))
  (1): ReLU (inplace)
  (2): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1))
  (3): Conv2d(64, 192, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
  (4): ReLU (inplace)
  (5): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1))
  (6): Conv2d(192, 384, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
  (7): ReLU (inplace)
  (8): Conv2d(384, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
  (9): ReLU (inplace)
  (10): Conv2d(256, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
  (11): ReLU (inplace)
  (12): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1))
  (13): Dropout (p = 0.5)
  (14): Conv2d(256, 4096, kernel_size=(6, 6), stride=(1, 1))
  (15): ReLU (inplace)
  (16): Dropout (p = 0.5)
  (17): Conv2d(4096, 4096, kernel_size=(1, 1), stride=(1, 1))
  (18): ReLU (inplace)
  (19): Conv2d(4096, 1000, kernel_size=(1, 1), stride=(1, 1))
)`;

  test("is the lecture's routine: AlexNet's layers give the slide's twenty", () => {
    const made = convolutionize(alexnetLayers(), [3, 224, 224]);
    expect(print(made, { style: "lecture" })).toBe(slide);
    expect(outputOf(made, [3, 224, 224])).toEqual([1000, 1, 1]);
    expect(outputOf(made, [3, 352, 288])).toEqual([1000, 5, 3]);
  });

  test("may flatten by itself, and is as it is without a linear layer", () => {
    const made = convolutionize([conv2d(1, 2, 3), flatten(), linear(2 * 36, 5), relu()], [1, 8, 8]);
    expect(Object.keys(made.children)).toEqual(["0", "2", "3"]);
    expect(String(made)).toContain("(2): Conv2d(2, 5, kernel_size=(6, 6), stride=(1, 1))");
    expect(String(convolutionize([relu()], [1, 8, 8]))).toBe("Sequential(\n  (0): ReLU()\n)");
  });
});

describe("a net", () => {
  test("keeps its tree: linear layers become convolutions, the pooling to the native size goes", () => {
    const given = alexnet();
    const made = convolutionize(given, [3, 224, 224]);
    expect(made.type).toBe("AlexNet");
    expect(Object.keys(made.children)).toEqual(["features", "classifier"]);
    expect(made.children.features).toBe(given.children.features);
    expect(linesWith(String(made), "classifier")).toEqual(["(classifier): Sequential("]);
    expect(String(made.children.classifier)).toBe(`Sequential(
  (0): Dropout(p=0.5, inplace=False)
  (1): Conv2d(256, 4096, kernel_size=(6, 6), stride=(1, 1))
  (2): ReLU(inplace=True)
  (3): Dropout(p=0.5, inplace=False)
  (4): Conv2d(4096, 4096, kernel_size=(1, 1), stride=(1, 1))
  (5): ReLU(inplace=True)
  (6): Conv2d(4096, 1000, kernel_size=(1, 1), stride=(1, 1))
)`);
    expect(made.dense).toEqual({ of: given, input: [3, 224, 224], pooling: "window", fine: false });
    expect(Object.isFrozen(made.dense)).toBe(true);
  });

  test("that ends in a global average: a window that slides, or none", () => {
    const window = convolutionize(resnet18(), [3, 224, 224]);
    expect(linesWith(String(window), "avgpool")).toEqual([
      "(avgpool): AvgPool2d(kernel_size=7, stride=1, padding=0)",
    ]);
    expect(linesWith(String(window), "fc")).toEqual([
      "(fc): Conv2d(512, 1000, kernel_size=(1, 1), stride=(1, 1))",
    ]);
    const cell = convolutionize(resnet18(), [3, 224, 224], { pooling: "cell" });
    expect(cell.children.avgpool).toBeUndefined();
    expect([window, cell].map((made) => outputOf(made, [3, 320, 384]))).toEqual([
      [1000, 4, 6],
      [1000, 10, 12],
    ]);
    const wide = convolutionize(resnet18(), [3, 224, 256]);
    expect(linesWith(String(wide), "avgpool")).toEqual([
      "(avgpool): AvgPool2d(kernel_size=(7, 8), stride=1, padding=0)",
    ]);
  });

  test("a fixed pooling of the whole map is global too, one by maxima likewise", () => {
    const end = (pool: Layer) => inRow(1, conv2d(1, 2, 3), pool, flatten(), linear(2, 3));
    const cell = { pooling: "cell" } as const;
    for (const pool of [avgPool2d(6), adaptiveAvgPool2d(1), adaptiveMaxPool2d(1)])
      expect(outputOf(convolutionize(end(pool), [1, 8, 8], cell), [1, 8, 8])).toEqual([3, 6, 6]);
    const most = String(convolutionize(end(adaptiveMaxPool2d(1)), [1, 8, 8]));
    expect(most).toContain("MaxPool2d(kernel_size=6, stride=1, padding=0, dilation=1, ceil_mode=False)");
  });

  test("layer norm, softmax, dropout and activations stay where they are", () => {
    const made = convolutionize(convnext_tiny(), [3, 224, 224]);
    expect(String(made.children.classifier)).toBe(`Sequential(
  (0): LayerNorm2d((768,), eps=1e-06, elementwise_affine=True, bias=True)
  (2): Conv2d(768, 1000, kernel_size=(1, 1), stride=(1, 1))
)`);
    const layers = [flatten(), dropout(), relu(), affine(2, 1), prelu(), linear(16, 3), prelu(3), softmax()];
    const ops = lower(convolutionize(inRow(1, ...layers), [1, 4, 4])).nodes.map(({ op }) => op);
    expect(ops).toEqual(["input", "activation", "affine", "prelu", "conv2d", "prelu", "softmax"]);
  });

  test("without a bias, with a batch norm of features, with features joined", () => {
    const children = {
      a: linear(18, 4, { bias: false }),
      bn: batchNorm2d(7),
      b: linear(18, 3),
      c: linear(7, 2),
    };
    const steps: Step[] = [flatten(), concat(["a"], ["b", relu()]), "bn", "c"];
    const made = convolutionize(net("Heads", children, steps, { inChannels: 2 }), [2, 3, 3]);
    expect(String(made)).toContain("(a): Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1), bias=False)");
    expect(outputOf(made, [2, 4, 6])).toEqual([2, 2, 4]);
  });

  test("auxiliary heads keep their weights and run no more", () => {
    for (const [given, head] of [
      [googlenet(), "aux1"],
      [inception_v3(), "AuxLogits"],
    ] as const) {
      const made = convolutionize(given, [3, 299, 299]);
      expect(made.children[head]).toBe(given.children[head]);
      expect(Object.keys(lower(given).paths)).toContain(head);
      expect(Object.keys(lower(made).paths)).not.toContain(head);
    }
  });

  test("nor does what only they read, handed from module to module", () => {
    const steps = [keep("x"), take("extra"), "aux", take("x"), "conv"];
    const inner = module("Inner", { aux: conv2d(2, 2, 1), conv: conv2d(1, 2, 3) }, steps);
    const children = { side: conv2d(1, 2, 1), inner, fc: linear(8, 3) };
    const outer = [keep("in"), "side", keep("e"), take("in"), call("inner", { extra: "e" }), flatten(), "fc"];
    const made = convolutionize(net("Outer", children, outer, { inChannels: 1 }), [1, 4, 4]);
    expect(lower(made).nodes.map(({ op }) => op)).toEqual(["input", "conv2d", "conv2d"]);
    expect([...stateShapes(made).keys()]).toContain("inner.aux.weight");
    expect(outputOf(made, [1, 6, 5])).toEqual([3, 3, 2]);
  });

  test("squeezes average the whole map", () => {
    const made = convolutionize(legacy_seresnet50(), [3, 224, 224]);
    const pools = lower(made).nodes.filter(({ op }) => op === "adaptive_avg_pool2d");
    expect(pools).toHaveLength(16);
    expect(outputOf(made, [3, 256, 288])).toEqual([1000, 2, 3]);
    expect(String(convolutionize(mobilenet_v2(), [3, 224, 224], { squeeze: "refuse" }))).toContain("Conv2d");
  });

  test("what works on features behind the global pooling works on each cell, gates too", () => {
    const children = { pool: adaptiveAvgPool2d(1), h: linear(2, 2), t: linear(2, 2), fc: linear(2, 3) };
    const gated = mul(["h", relu()], ["t", sigmoid()]);
    const made = convolutionize(
      net("Gated", children, ["pool", flatten(), gated, "fc"], { inChannels: 2 }),
      [2, 4, 4],
    );
    expect(outputOf(made, [2, 7, 5])).toEqual([3, 4, 2]);
  });
});

describe("the checkpoint", () => {
  const given = lenet5();
  const made = convolutionize(given, [1, 28, 28]);
  const zeros = (entries: ReturnType<typeof stateShapes>, of: "shape" | "linear" = "shape") =>
    new Map(
      [...entries].map(([key, entry]) => {
        const shape = entry[of] ?? entry.shape;
        return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }];
      }),
    );

  test("of the classifier loads, and one with the convolutions' own shapes; each says both", async () => {
    const wanted = stateShapes(made);
    expect([...wanted.keys()]).toEqual([...stateShapes(given).keys()]);
    expect(wanted.get("classifier.0.weight")).toEqual({ shape: [120, 16, 4, 4], linear: [120, 256] });
    expect(wanted.get("features.0.weight")).toEqual({ shape: [6, 1, 5, 5] });
    for (const weights of [zeros(stateShapes(given)), zeros(wanted), zeros(wanted, "linear")]) {
      const resolved = resolveWeights(wanted, weights);
      expect(resolved.get("classifier.0.weight")!.shape).toEqual([120, 16, 4, 4]);
      const { data } = await resolved.get("classifier.0.weight")!.read();
      expect(data).toBe(weights.get("classifier.0.weight")!.data);
    }
  });

  test("with the same number of elements in any other shape does not", () => {
    const weights = zeros(stateShapes(given));
    for (const shape of [[256, 120], [120, 4, 4, 16], [120, 16, 16], [30720]]) {
      weights.set("classifier.0.weight", { shape, data: new Float32Array(120 * 256) });
      expect(() => resolveWeights(stateShapes(made), weights)).toThrow(
        /classifier\.0\.weight has shape .* the network wants \[120, 16, 4, 4\] or \[120, 256\]/,
      );
    }
  });
});

describe("fine", () => {
  test("the last max-pooling no longer strides, what reads it is dilated", () => {
    const print = String(convolutionize(alexnet(), [3, 224, 224], { fine: true }));
    expect(linesWith(print, "MaxPool2d").map((line) => /stride=(\d)/.exec(line)?.[1])).toEqual([
      "2",
      "2",
      "1",
    ]);
    expect(linesWith(print, "dilation=(")).toEqual([
      "(1): Conv2d(256, 4096, kernel_size=(6, 6), stride=(1, 1), dilation=(2, 2))",
    ]);
  });

  test("poolings behind it are dilated as well", () => {
    const print = String(convolutionize(nin_cifar10(), [3, 32, 32], { fine: true }));
    expect(linesWith(print, "AvgPool2d")).toEqual([
      "(14): AvgPool2d(kernel_size=3, stride=2, padding=0, dilation=2)",
      "(22): AvgPool2d(kernel_size=8, stride=1, padding=0, dilation=2)",
    ]);
  });
});

describe("the zoo", () => {
  const modes = [{}, { pooling: "cell" }, { fine: true }] as const;

  test.each(Object.entries(zoo as Rows))("%s: keys, one cell at its size, more above it", (name, row) => {
    const given = row.build();
    const keys = [...stateShapes(given).keys()];
    for (const options of modes) {
      let made: Net;
      try {
        made = convolutionize(given, row.input, options);
      } catch (error) {
        expect(error).toMatchObject({ code: "not-convolutional" });
        expect("fine" in options || name.startsWith("prelu_net")).toBe(true);
        continue;
      }
      expect([...stateShapes(made).keys()]).toEqual(keys);
      expect(summarize(made, row.input).params).toBe(row.params);
      const classes = summarize(given, row.input).rows.at(-1)!.output[0];
      const [channels, height, width] = row.input;
      const sizes = [0, 64].map((more) => outputOf(made, [channels, height + more, width + more])!);
      expect(sizes.map((size) => size[0])).toEqual([classes, classes]);
      if (options === modes[0]) expect(sizes[0]).toEqual([classes, 1, 1]);
      expect(sizes[1]![1]).toBeGreaterThan(sizes[0]![1]!);
    }
  });

  test("all the work of dense AlexNet on 1024 x 1024 is its convolutions'", () => {
    const { rows, macs } = summarize(convolutionize(alexnet(), [3, 224, 224]), [3, 1024, 1024]);
    expect(rows.at(-1)!.output).toEqual([1000, 26, 26]);
    const convolutions = rows.filter(({ op }) => op === "conv2d");
    expect(convolutions).toHaveLength(8);
    expect(convolutions.reduce((sum, row) => sum + row.macs, 0)).toBe(macs);
    // The 676 windows one by one cost 8.8 times as much. It cannot be more than 12.2 times, since what were linear layers
    // reads each window for itself, and shares nothing with its neighbours but the weights.
    const [window, crops] = [summarize(alexnet(), [3, 224, 224]), 26 * 26];
    const linear = window.rows.filter(({ op }) => op === "linear").reduce((sum, row) => sum + row.macs, 0);
    expect((crops * window.macs) / macs).toBeCloseTo(8.8, 1);
    expect((crops * window.macs) / (crops * linear)).toBeCloseTo(12.2, 1);
  });
});
