/** SqueezeNet with its real weights on real photographs: PyTorch's classes and probabilities. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { convzoo, root } from "./package.js";

const { load } = convzoo;

const shared = join(root, "../shared/real");

/** Rows of index, name and probability, rounded to five places. */
type Top = readonly (readonly [number, string, number])[];

const expected = existsSync(shared)
  ? (JSON.parse(readFileSync(join(shared, "expected.json"), "utf8")).models.squeezenet1_1 as {
      readonly mean: readonly number[];
      readonly std: readonly number[];
      readonly top5: Readonly<Record<string, Top>>;
    })
  : undefined;

describe("with PyTorch's results", () => {
  beforeEach(({ skip }) => skip(!expected, "../shared/real is absent"));

  test("float32 weights: the five classes of PyTorch, and its probabilities", async () => {
    const { mean, std, top5 } = expected!;
    const weights = join(shared, "squeezenet1_1/squeezenet1_1.safetensors");
    const preprocess = { resize: 256, crop: 224, interpolation: "bilinear", mean, std } as const;
    using model = await load("squeezenet1_1", { weights, preprocess });
    expect(Object.keys(top5)).toHaveLength(10);
    for (const [image, rows] of Object.entries(top5)) {
      const top = await model.classify(join(shared, "images", image));
      expect(
        top.map(({ index }) => index),
        image,
      ).toEqual(rows.map(([index]) => index));
      expect(
        top.map(({ label }) => label),
        image,
      ).toEqual(rows.map(([, name]) => name));
      // Half a unit of the file's last place, and what float32 loses.
      for (const [i, [, , probability]] of rows.entries()) {
        expect(Math.abs(top[i]!.probability - probability), image).toBeLessThan(0.5e-5 + 1e-5);
      }
    }
  });

  test("the package's float16 weights: the same first class", async () => {
    using model = await load("squeezenet1_1");
    for (const [image, rows] of Object.entries(expected!.top5)) {
      const [first] = await model.classify(join(shared, "images", image), { topk: 1 });
      expect(first!.index, image).toBe(rows[0]![0]);
      expect(Math.abs(first!.probability - rows[0]![2]), image).toBeLessThan(0.01);
    }
  });
});

describe("what comes with the package", () => {
  test.each([
    ["bird.png", "chickadee"],
    ["cat.webp", "Egyptian cat"],
    ["hot_dog.jpg", "hotdog"],
    ["owl.jpg", "ruffed grouse"],
  ])("%s is a %s", async (image, label) => {
    using model = await load("squeezenet1_1");
    const top = await model.classify(join(root, "examples/images", image));
    expect(top).toHaveLength(5);
    expect(top[0]!.label).toBe(label);
  });

  test("the ten digits", async () => {
    using model = await load("lenet5");
    const files = ["0-3", "1-2", "2-1", "3-18", "4-4", "5-8", "6-11", "7-0", "8-61", "9-7"];
    const labels = [];
    for (const file of files) {
      labels.push((await model.classify(join(root, `examples/digits/${file}.png`), { topk: 1 }))[0]!.label);
    }
    expect(labels).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
  });
});
