/** From an image to classes and vectors: transforms, crops, embeddings, ensembles. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { PreprocessOptions, TransformOptions } from "../../src/node.js";
import { noise } from "../noise.js";
import { readGolden, weightsOf, zooName } from "../recipe.js";
import { convzoo, root } from "./package.js";
import { refused } from "./refused.js";

const { ensemble, load, mcdnn_mnist_x3, preprocess, stateShapes, transforms, zoo } = convzoo;

const read = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../goldens/preprocess/${name}`, import.meta.url), "utf8"));

interface Pipeline {
  readonly maker: "torchvision" | "timm";
  readonly options: TransformOptions;
  readonly size: [number, number];
  readonly sha256: string;
}
const { pipelines } = read<{ pipelines: readonly Pipeline[] }>("transform_cases.json");

describe("transforms give the bits of those they are called after", () => {
  test.each(pipelines)("$maker $options of $size", async ({ maker, options, size, sha256 }) => {
    const { data } = await preprocess(noise(...size), transforms[maker](options));
    expect(createHash("sha256").update(data).digest("hex")).toBe(sha256);
  });
});

const owl = join(root, "examples/images/owl.jpg");
const bird = join(root, "examples/images/bird.png");
let model: Model;

beforeAll(async () => {
  model = await load("squeezenet1_1", { threads: 2 });
});
afterAll(() => model.dispose());

/** The mean of the rows' softmax, or the softmax of their mean. */
function averaged(rows: readonly number[][], average: "probabilities" | "scores"): number[] {
  const mean = (all: readonly number[][]) =>
    all[0]!.map((_, i) => all.reduce((sum, row) => sum + row[i]!, 0) / all.length);
  const softmax = (row: readonly number[]) => {
    const sum = row.reduce((total, score) => total + Math.exp(score), 0);
    return row.map((score) => Math.exp(score) / sum);
  };
  return average === "scores" ? softmax(mean(rows)) : mean(rows.map(softmax));
}

describe("crops", () => {
  test.each([
    ["five", 5, "probabilities"],
    ["ten", 10, "scores"],
    [{ random: 5, seed: 7 }, 10, "probabilities"],
    [{ random: 3, reflect: false }, 3, "scores"],
  ] as const)("%j: %d images, averaged by %s", async (crops, count, average) => {
    const top = await model.classify(owl, { crops, average, topk: 1000 });
    const input = await preprocess(owl, { ...model.preprocess, crops });
    expect(input.shape).toEqual([count, 3, 224, 224]);
    const size = 3 * 224 * 224;
    const rows: number[][] = [];
    for (let i = 0; i < count; i++) {
      const one = { shape: [1, 3, 224, 224], data: input.data.slice(i * size, (i + 1) * size) };
      rows.push([...(await model.run(one)).data]);
    }
    const wanted = averaged(rows, average);
    for (const { index, probability } of top) expect(probability).toBeCloseTo(wanted[index]!, 12);
    expect(top.map(({ probability }) => probability)).toEqual(
      [...wanted].sort((a, b) => b - a).map((x) => expect.closeTo(x, 12)),
    );
  });

  test("an image alone or among others has the same bits", async () => {
    const [one, other] = [await model.prepare(owl), await model.prepare(bird)];
    const size = one.data.length;
    const data = new Float32Array(9 * size);
    for (let i = 0; i < 9; i++) data.set((i === 4 ? one : other).data, i * size);
    const together = await model.run({ shape: [9, 3, 224, 224], data });
    expect(together.data.slice(4000, 5000)).toEqual((await model.run(one)).data);
    const ranked = await model.rank(together, { topk: 1 });
    expect(ranked.map(([top]) => top!.index)).toEqual([19, 19, 19, 19, 82, 19, 19, 19, 19]);
  });

  test("dense: the mean of the map's scores", async () => {
    const top = await model.classify(owl, { crops: "dense", topk: 1000 });
    const mean = (await model.dense(owl)).mean();
    for (const { index, score } of top) expect(score).toBe(mean[index]);
    expect(top[0]!.score).toBe(Math.max(...mean));
    const [same] = await ensemble([model]).classify(owl, { crops: "dense" });
    expect(same!.index).toBe(top[0]!.index);
    const wrong = { crops: "dense", average: "probabilities" } as const;
    await refused(() => model.classify(owl, wrong), "bad-option", /average/);
  });

  test("dense: an image's own statistics are those of the whole, in every tile", async () => {
    using whole = await load("squeezenet1_1", { preprocess: transforms.lecture });
    const image = noise(300, 280);
    const { scores } = await whole.dense(image);
    const direct = await whole.dense(await preprocess(image, transforms.lecture));
    for (const [i, score] of scores.data.entries()) expect(score).toBeCloseTo(direct.scores.data[i]!, 4);
  });

  test("what is no crops, no average, no rows of scores", async () => {
    for (const crops of ["twelve", { random: 0 }, 3]) {
      await refused(() => model.classify(owl, { crops: crops as never }), "bad-option", /crops/);
    }
    await refused(() => model.classify(owl, { average: "median" as never }), "bad-option", /average/);
    const scores = { shape: [4, 3], data: new Float32Array(12) };
    await refused(() => model.rank(scores, { crops: 3 }), "bad-option", /crops/);
    for (const wrong of [{ ...scores, shape: [1, 3, 2, 2] }, { shape: [3] }, undefined, [1, 2, 3]])
      await refused(() => model.rank(wrong as never), "bad-shape");
  });
});

interface EmbedCase {
  readonly golden: string;
  readonly shape: number[];
  readonly scale: number;
  readonly values: number[];
}

describe("embeddings are timm's pre-logits", () => {
  const halves: PreprocessOptions = { ...transforms.inception(), resize: null, crop: null };

  test.each(read<EmbedCase[]>("embed_cases.json"))(
    "$golden",
    async ({ golden: name, shape, scale, values }) => {
      const golden = readGolden(name);
      const entry = zooName(golden) as keyof typeof zoo;
      using net = await load(entry, { weights: weightsOf(golden), preprocess: halves, threads: 2 });
      const { shape: got, data } = await net.embed(noise(128, 112));
      expect(got).toEqual(shape);
      for (const [i, value] of values.entries()) {
        expect(Math.abs(data[7 * i]! - value)).toBeLessThanOrEqual(1e-5 * scale);
      }
      expect(values).toHaveLength(Math.ceil(data.length / 7));
    },
  );

  test("of several images in one call, the same as of each", async () => {
    const images = [owl, bird, owl, bird, bird, owl, bird, owl, owl, bird];
    const all = await model.embed(images);
    expect(all.shape).toEqual([10, 512]);
    const each = { [owl]: (await model.embed(owl)).data, [bird]: (await model.embed([bird])).data };
    for (const [i, image] of images.entries())
      expect(all.data.slice(i * 512, (i + 1) * 512)).toEqual(each[image]);
    await refused(() => model.embed([]), "bad-option");
    await refused(() => model.embed([owl, "none.png"]), "not-found");
  });

  test("images of several sizes, where nothing is cropped", async () => {
    using whole = await load("squeezenet1_1", { preprocess: transforms.lecture });
    const all = await whole.embed([noise(64, 80), noise(90, 70)]);
    expect(all.shape).toEqual([2, 512]);
    expect(all.data.slice(512)).toEqual((await whole.embed(noise(90, 70))).data);
  });

  test("a network of several classifiers has none, and says why", async () => {
    const weights = new Map(
      [...stateShapes(mcdnn_mnist_x3())].map(([key, { shape }]) => {
        return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }] as const;
      }),
    );
    using columns = await load("mcdnn_mnist_x3", { weights });
    await refused(() => columns.embed(owl), "no-embedding", /several classifiers/);
  });
});

describe("ensemble", () => {
  test("averages probabilities by weight", async () => {
    const squashed = { ...model.preprocess, resize: [224, 224] as const };
    using other = await load("squeezenet1_1", { preprocess: squashed, threads: 1 });
    using both = ensemble([model, other], { weights: [3, 1] });
    const [mine, others] = [
      await model.classify(bird, { topk: 1000 }),
      await other.classify(bird, { topk: 1000 }),
    ];
    const wanted = (index: number) =>
      0.75 * mine.find((one) => one.index === index)!.probability +
      0.25 * others.find((one) => one.index === index)!.probability;
    const top = await both.classify(bird, { topk: 3 });
    expect(top).toHaveLength(3);
    expect(top[0]).toMatchObject({ index: 19, label: "chickadee" });
    for (const { index, probability, score } of top) {
      expect(probability).toBeCloseTo(wanted(index), 14);
      expect(score).toBe(probability);
    }
    const bytes = readFileSync(bird);
    for (const once of [new Response(bytes), new Blob([bytes]).stream()])
      expect(await both.classify(once as Response, { topk: 3 })).toEqual(top);
    // `using` ends all its models, so that this one is loaded anew for the tests to come.
    model = await load("squeezenet1_1", { threads: 2 });
  });

  test("one model is an ensemble, and an ensemble can be a model of another", async () => {
    const alone = ensemble([ensemble([model])]);
    const [top] = await alone.classify(bird);
    const [wanted] = await model.classify(bird);
    expect(top).toEqual({ ...wanted, score: wanted!.probability });
  });

  test("dense: the mean of the models' probabilities at every place, on the finest grid", async () => {
    // No zoo without downloads has two networks of the same classes: the same one over a coarser image is the other.
    const other = {
      classify: model.classify.bind(model),
      dense: (image: typeof pixels, options = {}) => model.dense(image, { ...options, stride: 32 }),
      dispose: () => {},
    };
    const pixels = noise(300, 280);
    const both = ensemble([model, other as never], { weights: [3, 1] });
    const progress: number[] = [];
    const map = await both.dense(pixels, { onProgress: ({ done, total }) => progress.push(done / total) });
    const [fine, coarse] = [await model.dense(pixels), await other.dense(pixels)];
    const probability = (scores: Float32Array, cells: number, cell: number, index: number) => {
      const powers = Array.from({ length: 1000 }, (_, c) => Math.exp(scores[c * cells + cell]!));
      return powers[index]! / powers.reduce((a, b) => a + b);
    };
    expect(map.scores.shape).toEqual(fine.scores.shape);
    expect(coarse.scores.shape).not.toEqual(fine.scores.shape);
    expect(map.stride).toBe(16);
    expect(map.areProbabilities).toBe(true);
    expect(map.maps.map(({ scores }) => scores.shape)).toEqual([fine.scores.shape, coarse.scores.shape]);
    const { length: cells } = map.at(0).data;
    for (let cell = 0; cell < cells; cell++) {
      const sum = Array.from({ length: 1000 }, (_, c) => map.scores.data[c * cells + cell]!);
      expect(sum.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
    // The first cells of both grids have the same centre.
    const coarseCells = coarse.at(0).data.length;
    for (const index of [0, 7, 999]) {
      const wanted =
        0.75 * probability(fine.scores.data, cells, 0, index) +
        0.25 * probability(coarse.scores.data, coarseCells, 0, index);
      expect(map.at(index).data[0]).toBeCloseTo(wanted, 6);
    }
    expect(map.max()[7]).toBeCloseTo(
      0.75 * Math.max(...map.maps[0]!.at(7).data) + 0.25 * Math.max(...map.maps[1]!.at(7).data),
      6,
    );
    expect(progress.at(-1)).toBe(1);
    expect(map.box(0, 0)).toEqual(fine.box(0, 0));

    const some = await both.dense(pixels, { classes: [7, "tench"] });
    expect(some.classes).toEqual([7, 0]);
    expect(some.at(7)).toEqual(map.at(7));
    expect(some.at("tench")).toEqual(map.at(0));
    const nested = await ensemble([both]).dense(pixels, { classes: [7] });
    expect(nested.at(7)).toEqual(map.at(7));
    await refused(() => both.dense(pixels, { classes: ["tensch"] }), "unknown-class", /tench/);
  });

  test("what cannot be averaged", async () => {
    using digits = await load("lenet5");
    const wide = { ...digits, dense: () => digits.dense(noise(40, 40)), classify: digits.classify };
    await refused(
      () => ensemble([model, wide as never]).dense(noise(300, 280)),
      "bad-option",
      /1000, 10 classes/,
    );
    await refused(() => ensemble([model, digits]).classify(bird), "bad-option", /1000, 10 classes/);
    for (const [models, options] of [
      [[], {}],
      [[model], { weights: [1, 2] }],
      [[model], { weights: [0] }],
      [["alexnet"], {}],
    ] as const)
      expect(() => ensemble(models as never, options)).toThrow(
        expect.objectContaining({ code: "bad-option" }),
      );
  });
});
