/** The checkpoints that torchvision registers, in the zoo. */
import { describe, expect, test } from "vitest";
import { chooseWeights, entryOf } from "../../src/checkpoint.js";
import { ConvzooError } from "../../src/errors.js";
import { alexnet, densenet121, googlenet, nin_imagenet, resnet50 } from "../../src/zoo/builders.js";
import { zoo } from "../../src/zoo/index.js";
import type { Rows } from "../../src/zoo/row.js";

const rows: Rows = zoo;
const remote = Object.entries(rows).flatMap(([name, entry]) =>
  Object.entries(entry.weights).flatMap(([tag, checkpoint]) => {
    const url = checkpoint.url();
    return typeof url === "string" ? [{ name, tag, url, checkpoint, entry }] : [];
  }),
);

describe("the registry", () => {
  test("is of the size that torchvision's is, without what is no classifier", () => {
    expect(remote.length).toBe(97);
    expect(new Set(remote.map(({ name }) => name)).size).toBe(68);
    expect(new Set(remote.map(({ url }) => url)).size).toBe(97);
  });

  test.each(remote)("$name, $tag", ({ tag, url, checkpoint, entry }) => {
    const { bytes, sha256, preprocess, metrics, licence, labels } = checkpoint;
    expect(url).toMatch(/^https:\/\/download\.pytorch\.org\/models\/[\w.-]+-[0-9a-f]{8,10}\.pth$/);
    expect(url).toContain(`-${sha256}.pth`);
    // As float32 (two are float16), and what a zip archive of PyTorch has around it.
    const perParameter =
      bytes! / entry.params / (url.includes("wide_resnet") && tag === "imagenet1k_v1" ? 2 : 4);
    expect(perParameter).toBeGreaterThan(0.98);
    expect(perParameter).toBeLessThan(1.1);
    expect(metrics!.top1).toBeGreaterThan(40);
    expect(metrics!.top5).toBeGreaterThan(metrics!.top1);
    expect(preprocess.crop!).toBeLessThanOrEqual(preprocess.resize as number);
    expect(["NOASSERTION", "CC-BY-NC-4.0"]).toContain(licence);
    expect(labels).toBe("imagenet1k");
  });

  test("what is published of a network is what torchvision says of one of its checkpoints", () => {
    const published = Object.values(rows).filter(({ published }) => published.source === "torchvision");
    expect(published.length).toBeGreaterThan(40);
    for (const { published: row, weights } of published) {
      expect(Object.values(weights).map(({ metrics }) => metrics?.top1)).toContain(row.top1);
    }
  });
});

describe("which checkpoint a network gets", () => {
  const urlOf = (...args: Parameters<typeof chooseWeights>) =>
    String(chooseWeights(...args).checkpoint?.url());

  test.each([
    ["the default", undefined, "resnet50-11ad3fa6"],
    ["torchvision's default", "default", "resnet50-11ad3fa6"],
    ["one by name", "imagenet1k_v1", "resnet50-0676ba61"],
  ])("%s", (_, weights, file) => {
    for (const entry of [zoo.resnet50, undefined]) {
      expect(urlOf(resnet50(), entry, { weights })).toBe(`https://download.pytorch.org/models/${file}.pth`);
    }
  });

  test("what comes with the package before what does not", () => {
    const net = zoo.squeezenet1_1.build();
    expect(urlOf(net, zoo.squeezenet1_1, {})).toMatch(/^file:.*squeezenet1_1\.safetensors$/);
    expect(urlOf(net, zoo.squeezenet1_1, { weights: "imagenet1k_v1" })).toMatch(/^file:/);
    const standard = "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth";
    expect(urlOf(net, zoo.squeezenet1_1, { weights: "default" })).toBe(standard);
    expect(urlOf(net, zoo.squeezenet1_1, { weights: "torchvision_imagenet1k_v1" })).toBe(standard);
    expect(urlOf(zoo.lenet5.build(), zoo.lenet5, { weights: "default" })).toMatch(/lenet5\.safetensors$/);
  });

  test("a path or URL is none", () => {
    expect(chooseWeights(alexnet(), undefined, { weights: "./default" }).given).toBe("./default");
  });

  test.each([
    [
      "a name that it does not have",
      zoo.resnet50.build(),
      "imagenet1k_v9",
      /"imagenet1k_v9"; it has imagenet1k_v2, imagenet1k_v1\./,
    ],
    ["a network that has none", nin_imagenet(), undefined, /no registered checkpoint\. Pass/],
    ["a name that objects have", alexnet(), "constructor", /no checkpoint "constructor"/],
  ])("%s", (_, net, weights, message) => {
    expect(() => chooseWeights(net, undefined, { weights })).toThrow(ConvzooError);
    expect(() => chooseWeights(net, undefined, { weights })).toThrow(message);
  });

  test("another number of classes or channels, for those who adapt the checkpoint", () => {
    const weights = "imagenet1k_v1";
    for (const [net, options, file] of [
      [resnet50({ classes: 10 }), { adaptHead: true }, "resnet50-0676ba61"],
      [resnet50({ inChannels: 1 }), { adaptStem: true }, "resnet50-0676ba61"],
      [
        densenet121({ classes: 3, inChannels: 1 }),
        { adaptHead: true, adaptStem: true },
        "densenet121-a639ec97",
      ],
    ] as const) {
      expect(entryOf(net)).toBeUndefined();
      expect(() => chooseWeights(net, undefined, { weights })).toThrow(/no checkpoint/);
      expect(urlOf(net, undefined, { weights, ...options })).toContain(file);
    }
  });

  test("an option that shows in no shape must be the network's", () => {
    expect(zoo.googlenet.weights.imagenet1k_v1!.options).toEqual({ transformInput: true });
    const choose = (net: ReturnType<typeof googlenet>) =>
      chooseWeights(net, undefined, { weights: "default" });
    expect(() => choose(googlenet())).toThrow(/built with \{"transformInput":true\}/);
    expect(choose(googlenet({ transformInput: true })).checkpoint).toBeDefined();
  });
});
