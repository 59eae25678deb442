import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, expectTypeOf, test } from "vitest";
import type { Connected } from "../../src/connect.js";
import { ConvzooError } from "../../src/errors.js";
import { lower } from "../../src/graph.js";
import type { Net } from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import { summarize } from "../../src/summarize.js";
import { densenet121, resnet18, resnet50 } from "../../src/zoo/builders.js";
import { findEntry, zoo } from "../../src/zoo/index.js";
import type { ModelOptions, ZooEntry } from "../../src/zoo/row.js";
import { readGolden, zooName } from "../recipe.js";

const goldens = readdirSync(new URL("../goldens/models/", import.meta.url)).map((file) =>
  file.replace(/\.json$/, ""),
);
const entries: readonly [string, ZooEntry][] = Object.entries(zoo);

describe.each(goldens)("golden %s", (name) => {
  const golden = readGolden(name);
  const built = findEntry(zooName(golden)).build(golden.options);

  test("keys and shapes are PyTorch's, in its order", () => {
    const wanted = Object.entries(golden.keys);
    expect(wanted.length).toBeGreaterThan(0);
    expect([...stateShapes(built)].map(([key, { shape }]) => [key, shape])).toEqual(wanted);
  });

  test("the parameter count is PyTorch's", () => {
    expect(summarize(built, golden.input_shape.slice(1)).params).toBe(golden.params);
  });

  test("every tapped path exists and has the tapped shape, and so has the output", () => {
    const graph = lower(built);
    const shapes = shapesOf(graph, golden.input_shape.slice(1));
    const taps = Object.entries(golden.taps).map(([path, { shape }]) => [path, shape.slice(1)]);
    expect(taps.length).toBeGreaterThan(0);
    expect(taps.map(([path]) => [path, shapes[graph.paths[String(path)] ?? -1]])).toEqual(taps);
    expect(shapes[graph.output]).toEqual(golden.output_shape.slice(1));
  });
});

describe.each(entries)("row %s", (name, entry) => {
  const built = entry.build();

  test("params and macs are what summarize counts on its own input", () => {
    const { params, macs } = summarize(built, entry.input);
    expect({ params, macs }).toEqual({ params: entry.params, macs: entry.macs });
  });

  test("a published accuracy says who published it", () => {
    const { top1, source, conditions } = entry.published;
    expect(source === undefined).toBe(top1 === undefined);
    if (conditions !== undefined) expect(source).toBeDefined();
  });

  test("minSize is the smallest side that works", () => {
    const graph = lower(built);
    const works = (side: number): boolean => {
      try {
        shapesOf(graph, [entry.input[0], side, side]);
        return true;
      } catch {
        return false;
      }
    };
    const sides = Array.from({ length: entry.input[1] }, (_, i) => i + 1);
    expect(sides.find(works)).toBe(entry.minSize);
  });

  test.each([
    [{ classes: 0 }, /classes must be a whole number of at least 1, but is 0/],
    [{ classes: Number.NaN }, /classes .* NaN/],
    [{ classes: "10" }, /classes .* "10"/],
    [{ inChannels: -3 }, /inChannels .* -3/],
    [{ inChannels: 1.5 }, /inChannels .* 1\.5/],
    [{ clases: 10 }, /no option "clases"; the options are classes, inChannels/],
    [10, /options are an object/],
  ])("%j is a bad option that the message names", (options, message) => {
    const build = () => entry.build(options as ModelOptions);
    expect(build).toThrow(ConvzooError);
    expect(build).toThrow(
      expect.objectContaining({ code: "bad-option", message: expect.stringMatching(message) }),
    );
    expect(build).toThrow(new RegExp(`^${name}: `));
  });

  test("checkpoints are complete", () => {
    for (const [tag, { url, preprocess, licence }] of Object.entries(entry.weights)) {
      expect(tag).toMatch(/^[a-z0-9_]+$/);
      expect(String(url())).toMatch(/^(https|file):\/\/.*\.(safetensors|pth)$/);
      expect(preprocess.mean).toHaveLength(preprocess.grayscale ? 1 : entry.input[0]);
      expect(preprocess.std).toHaveLength(preprocess.mean.length);
      // Weights that were trained at several sizes name one of their own.
      if (!tag.includes("swag")) expect(preprocess.crop).toBe(entry.input[1]);
      expect(preprocess.crop).toBeLessThanOrEqual(Number(preprocess.resize));
      expect(licence).not.toBe("");
    }
  });
});

/** The checkpoints that come with the package, by the file in weights/. */
const embedded = Object.values(zoo).flatMap((entry: ZooEntry) =>
  Object.values(entry.weights).flatMap((checkpoint) => {
    const [, file] = /\/weights\/([^/]+)$/.exec(String(checkpoint.url())) ?? [];
    return file ? [{ file, checkpoint }] : [];
  }),
);

test.each(embedded)("the row knows $file", ({ file, checkpoint }) => {
  const bytes = readFileSync(new URL(`../../../weights/${file}`, import.meta.url));
  expect(checkpoint.bytes).toBe(bytes.length);
  expect(checkpoint.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
});

describe("options of families", () => {
  /** What an option changes in the print: the layer or path that it is about. Prints as PyTorch's. */
  test.each<[string, Net, string]>([
    ["dropout", zoo.alexnet.build({ dropout: 0.25 }), "(3): Dropout(p=0.25, inplace=False)"],
    ["dropout", zoo.squeezenet1_1.build({ dropout: 0.25 }), "(0): Dropout(p=0.25, inplace=False)"],
    ["dropout", zoo.vgg11.build({ dropout: 0.25 }), "(5): Dropout(p=0.25, inplace=False)"],
    ["dropout", zoo.mobilenet_v2.build({ dropout: 0.25 }), "(0): Dropout(p=0.25, inplace=False)"],
    ["dropoutAux", zoo.googlenet.build({ dropoutAux: 0.25 }), "(dropout): Dropout(p=0.25, inplace=False)"],
    [
      "a ResNeXt 50 16x8d",
      resnet50({ groups: 16, widthPerGroup: 8 }),
      "Conv2d(1024, 1024, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=16, bias=False)",
    ],
    [
      "replaceStrideWithDilation",
      resnet50({ replaceStrideWithDilation: [false, true, true] }),
      "Conv2d(512, 512, kernel_size=(3, 3), stride=(1, 1), padding=(4, 4), dilation=(4, 4), bias=False)",
    ],
    ["growthRate", densenet121({ growthRate: 12, blockConfig: [2, 1] }), "(norm5): BatchNorm2d(56, "],
    ["bnSize", densenet121({ bnSize: 2 }), "(conv1): Conv2d(64, 64, kernel_size=(1, 1)"],
    ["widthMult", zoo.mobilenet_v2.build({ widthMult: 1.4 }), "Linear(in_features=1792, out_features=1000"],
    [
      "reducedTail",
      zoo.mobilenet_v3_small.build({ reducedTail: true, widthMult: 0.75 }),
      "(0): Linear(in_features=240, out_features=384, bias=True)",
    ],
    [
      "dilated",
      zoo.mobilenet_v3_large.build({ dilated: true }),
      "padding=(4, 4), dilation=(2, 2), groups=672",
    ],
    ["alpha", zoo.mnasnet1_0.build({ alpha: 0.35 }), "(0): Conv2d(3, 16, kernel_size=(3, 3)"],
    [
      "stochasticDepthProb",
      zoo.efficientnet_b0.build({ stochasticDepthProb: 0.8 }),
      "StochasticDepth(p=0.75, ",
    ],
    ["depths", zoo.convnext_tiny.build({ depths: [1, 2], widths: [8, 16] }), "(3): Sequential("],
    ["stagesRepeats", zoo.shufflenet_v2_x1_0.build({ stagesRepeats: [1, 1, 2] }), "(stage4): Sequential("],
    ["regnet", zoo.regnet_x_400mf.build({ groupWidth: 8 }), "groups=49, bias=False)"],
    ["columns", zoo.mcdnn_mnist.build({ columns: 35 }), "(0-34): 35 x MCDNN("],
    ["dropout", zoo.overfeat_fast.build({ dropout: 0.25 }), "(5): Dropout(p=0.25, inplace=False)"],
    ["dropout", zoo.nin_imagenet.build({ dropout: 0.25 }), "(21): Dropout(p=0.25, inplace=False)"],
    ["dropoutAux", zoo.googlenet_lrn.build({ dropoutAux: 0.25 }), "(drop_fc): Dropout(p=0.25, "],
    ["dropout", zoo.inception_v4.build({ dropout: 0.25 }), "(head_drop): Dropout(p=0.25, "],
    ["dropout", zoo.inception_resnet_v2.build({ dropout: 0.25 }), "(head_drop): Dropout(p=0.25, "],
    [
      "embedding",
      zoo.inception_resnet_v1.build({ embedding: 128 }),
      "(logits): Linear(in_features=128, out_features=1000, bias=True)",
    ],
    [
      "widths",
      zoo.highway19_cifar10.build({ widths: [8, 16, 24], depths: [1, 1, 1] }),
      "(11): Conv2d(24, 100, ",
    ],
    ["depths", zoo.highway10_mnist.build({ width: 8, depths: [1, 1, 2] }), "(8): MaxPool2d(kernel_size=2, "],
    [
      "depth",
      zoo.highway10_mnist_fc.build({ width: 20, depth: 2 }),
      "(T): Linear(in_features=20, out_features=20, ",
    ],
    ["depth", zoo.prelu_net_a.build({ depth: 1, widths: [8, 16] }), "(6): Conv2d(8, 16, "],
    ["bins", zoo.prelu_net_a.build({ bins: [4, 1] }), "(0): Linear(in_features=8704, "],
  ])("%s", (_, built, shown) => {
    expect(String(built)).toContain(shown);
    expect(lower(built).nodes.length).toBeGreaterThan(5);
  });

  test.each<[() => Net, RegExp]>([
    [() => zoo.alexnet.build({ dropout: 2 }), /^alexnet: dropout must be a number from 0 to 1, but is 2/],
    [() => resnet18({ groups: 2 }), /^resnet18: groups, widthPerGroup .* such as resnet50/],
    [() => resnet50({ groups: 0 }), /^resnet50: groups must be a whole number of at least 1/],
    [() => resnet50({ replaceStrideWithDilation: [true] }), /must have three flags/],
    [() => densenet121({ blockConfig: [6, 0] }), /^densenet121: blockConfig\[1\] must be a whole number/],
    [() => densenet121({ blockConfig: [2e9] }), /blockConfig\[0\] must be a whole number from 1 to 1000/],
    [() => densenet121({ blockConfig: [] }), /blockConfig must be a list/],
    [() => zoo.mobilenet_v2.build({ widthMult: 0 }), /widthMult must be a number above 0/],
    [
      () => zoo.googlenet.build({ transformInput: true, inChannels: 1 }),
      /transformInput is for inputs of 3 ch/,
    ],
    [() => zoo.shufflenet_v2_x1_0.build({ stagesRepeats: [1] }), /stagesRepeats must have 3 numbers/],
    [
      () => zoo.shufflenet_v2_x1_0.build({ stagesOutChannels: [24, 33, 66, 99, 9] }),
      /even ones for the stages/,
    ],
    [() => zoo.convnext_tiny.build({ depths: [1, 2] }), /lists of the same length/],
    [() => zoo.regnet_y_400mf.build({ wm: 1 }), /^regnet_y_400mf: wm must be a number above 1/],
    [() => zoo.mcdnn_mnist.build({ columns: 0 }), /^mcdnn_mnist: columns must be a whole number from 1/],
    [() => zoo.highway19_cifar10.build({ depths: [4, 5] }), /depths must have 3 numbers, one for each stage/],
    [() => zoo.highway19_cifar10.build({ widths: [0, 1, 1] }), /widths\[0\] must be a whole number/],
    [
      () => zoo.inception_resnet_v1.build({ embedding: -1 }),
      /embedding must be a whole number of at least 0/,
    ],
    [() => zoo.prelu_net_a.build({ bins: [] }), /^prelu_net_a: bins must be a list/],
  ])("%s is refused", (build, message) => {
    expect(build).toThrow(
      expect.objectContaining({ code: "bad-option", message: expect.stringMatching(message) }),
    );
  });

  test.each([
    ["googlenet", "aux1", "aux2"],
    ["googlenet_lrn", "loss1", "loss2"],
  ] as const)(
    "%s's auxiliary classifiers are there to be asked for, or not there at all",
    (name, ...heads) => {
      const { paths, nodes, output } = lower(zoo[name].build());
      expect(heads.every((head) => paths[head] !== undefined && paths[head] !== output)).toBe(true);
      const without = lower(zoo[name].build({ auxLogits: false }));
      expect(without.nodes.length).toBeLessThan(nodes.length);
      expect(Object.keys(without.paths).filter((path) => /^(aux|loss[12])/.test(path))).toEqual([]);
    },
  );

  test("transformInput scales and shifts the input", () => {
    const [, first] = lower(zoo.inception_v3.build({ transformInput: true })).nodes;
    expect(first).toMatchObject({ op: "affine", inputs: [0] });
  });
});

describe("findEntry", () => {
  test("finds by name", () => {
    expect(findEntry("squeezenet1_1")).toBe(zoo.squeezenet1_1);
  });

  test.each([
    ["squeezenet11", "squeezenet1_1"],
    ["ALEXNET", "alexnet"],
    ["lenet", "lenet5"],
  ])("for %s it names %s first", (name, nearest) => {
    const find = () => findEntry(name);
    expect(find).toThrow(expect.objectContaining({ code: "unknown-model", source: name }));
    expect(find).toThrow(`no network called "${name}"; the nearest names are ${nearest}, `);
  });

  test.each(["toString", "__proto__", "", 5, null, {}, Symbol("x")])("%o is no network", (name) => {
    expect(() => findEntry(name as string)).toThrow(expect.objectContaining({ code: "unknown-model" }));
  });
});

test("a name that is none is an error of the compiler", () => {
  type Loadable = Parameters<Connected["load"]>[0];
  expectTypeOf<"resnet50">().toExtend<Loadable>();
  expectTypeOf<"resnet5">().not.toExtend<Loadable>();
});
