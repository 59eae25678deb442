/** Augmentation against numpy, torchvision and Rust's generator. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { normal } from "../../src/augment/color.js";
import {
  augment,
  type ColorPCA,
  colorPCA,
  colorShift,
  generator,
  IMAGENET_COLORS,
  randomSample,
  sampleAt,
  sampleCount,
} from "../../src/augment/index.js";
import { normalize } from "../../src/image/normalize.js";
import type { Pixels } from "../../src/tensor.js";
import { noise } from "../noise.js";

interface Goldens {
  readonly colors: readonly { sizes: [number, number][]; values: number[]; vectors: number[][] }[];
  readonly samples: readonly { size: [number, number]; crop: number; index: number; sha256: string }[];
}

const goldens = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/augment_cases.json", import.meta.url), "utf8"),
) as Goldens;

/** The script's image: each channel with a part of its neighbours. */
function mixed(width: number, height: number): Pixels {
  const { data } = noise(width, height);
  const rgb = (i: number, c: number) => data[3 * i + ((c + 3) % 3)]!;
  const bytes = Uint8Array.from(data, (byte, at) => {
    const [i, c] = [Math.floor(at / 3), at % 3];
    return Math.floor((3 * byte + 2 * rgb(i, c - 1) + rgb(i, c - 2) * (c + 1)) / 8);
  });
  return { width, height, data: bytes };
}

describe("generator", () => {
  // What the crate rand_xoshiro 0.6 gives for Xoshiro128StarStar::seed_from_u64.
  test.each([
    [0, [3737715805, 2584255861, 2876756834, 3286328325, 1553311962, 1625202774]],
    [1, [1695105466, 1423115009, 634581793, 1068227753, 716759206, 4186505319]],
    [42, [1776835114, 4165204688, 17111135, 2317295270, 2792088233, 2554630222]],
    [2147483647, [2110626580, 3255289879, 2926085947, 3202139906, 3987069872, 913793277]],
  ])("seed %d gives the numbers of Rust's", (seed, numbers) => {
    const random = generator(seed);
    expect(numbers.map(() => random() * 2 ** 32)).toEqual(numbers);
  });

  test.each([-1, 1.5, 2 ** 31, "1", undefined])("the seed %s is refused", (seed) => {
    expect(() => generator(seed as number)).toThrow(expect.objectContaining({ code: "bad-option" }));
  });

  test("normal numbers have the normal distribution's moments and tails", () => {
    const random = generator(5);
    const n = 200_000;
    const numbers = Array.from({ length: n }, () => normal(random));
    const moment = (k: number) => numbers.reduce((sum, x) => sum + x ** k, 0) / n;
    // Five standard errors: the variance of x^k is E x^2k - (E x^k)^2.
    const allowed = (variance: number) => 5 * Math.sqrt(variance / n);
    expect(Math.abs(moment(1))).toBeLessThan(allowed(1));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(allowed(2));
    expect(Math.abs(moment(3))).toBeLessThan(allowed(15));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(allowed(96));
    const beyond = numbers.filter((x) => Math.abs(x) > 2).length / n;
    expect(Math.abs(beyond - 0.0455)).toBeLessThan(allowed(0.0455));
  });
});

describe("samples", () => {
  test("an image of 256 x 256 gives 2,048 of 224 x 224, all of them different", () => {
    const image = noise(256, 256);
    expect(sampleCount(image)).toBe(2048);
    const small = noise(12, 12);
    const count = sampleCount(small, { crop: 8 });
    const all = Array.from({ length: count }, (_, i) => sampleAt(small, i, { crop: 8 }).data.join());
    expect([count, new Set(all).size]).toEqual([32, 32]);
  });

  test.each(goldens.samples)(
    "number $index of $size is torchvision's crop",
    ({ size, crop, index, sha256 }) => {
      const sample = sampleAt(noise(...size), index, { crop });
      expect(createHash("sha256").update(sample.data).digest("hex")).toBe(sha256);
    },
  );

  test("by chance, each about as often", () => {
    const image = noise(4, 4);
    const random = generator(1);
    const counts = new Map<string, number>();
    for (let i = 0; i < 8000; i++) {
      const { data } = randomSample(image, random, { crop: 2 });
      counts.set(data.join(), (counts.get(data.join()) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    // A thousand each; the deviation of a count is 30.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  test.each<[string, () => unknown]>([
    ["an image no larger than the crop", () => sampleCount(noise(8, 9), { crop: 8 })],
    ["a sample that there is not", () => sampleAt(noise(9, 9), 2, { crop: 8 })],
    ["a negative one", () => sampleAt(noise(9, 9), -1, { crop: 8 })],
    ["half a crop", () => sampleCount(noise(9, 9), { crop: 0.5 })],
  ])("%s is refused", (_, call) => {
    expect(call).toThrow(expect.objectContaining({ name: "ConvzooError", code: "bad-option" }));
  });
});

describe("colours", () => {
  test.each(goldens.colors)("components of $sizes are numpy's", async ({ sizes, values, vectors }) => {
    const pca = await colorPCA(sizes.map(([width, height]) => mixed(width, height)));
    for (const [i, value] of values.entries()) {
      expect(pca.values[i]).toBeCloseTo(value, 13);
      for (const [c, x] of vectors[i]!.entries()) expect(pca.vectors[i]![c]).toBeCloseTo(x, 11);
    }
  });

  test("images may come one by one, with alpha", async () => {
    async function* images() {
      const { width, height, data } = mixed(17, 23);
      const rgba = Uint8Array.from({ length: 17 * 23 * 4 }, (_, i) =>
        i % 4 === 3 ? 99 : data[Math.floor(i / 4) * 3 + (i % 4)]!,
      );
      yield { width, height, data: rgba };
    }
    expect(await colorPCA(images())).toEqual(await colorPCA([mixed(17, 23)]));
  });

  test("one colour alone has no direction, and no variance", async () => {
    const flat = { width: 2, height: 1, data: new Uint8Array([9, 200, 3, 9, 200, 3]) };
    const { values } = await colorPCA([flat]);
    for (const value of values) expect(Math.abs(value)).toBeLessThan(1e-15);
  });

  test("no image, no pixels, no components", async () => {
    await expect(colorPCA([])).rejects.toMatchObject({ code: "bad-option" });
    await expect(colorPCA([5 as never])).rejects.toMatchObject({ code: "bad-image" });
    for (const pca of [undefined, {}, { values: [1, 2], vectors: [] }])
      expect(() => colorShift(pca as unknown as ColorPCA, generator(1))).toThrow(
        expect.objectContaining({ code: "bad-option" }),
      );
  });

  test("a shift is the sum of the components by their variance and a normal number", () => {
    const [random, same] = [generator(9), generator(9)];
    const alphas = [0, 1, 2].map(() => normal(same) * 0.1);
    const { values, vectors } = IMAGENET_COLORS;
    const shift = colorShift(IMAGENET_COLORS, random);
    for (const c of [0, 1, 2] as const) {
      const wanted = values.reduce((sum, value, i) => sum + vectors[i]![c] * alphas[i]! * value, 0);
      expect(shift[c]).toBeCloseTo(wanted, 15);
    }
  });

  test("ImageNet's components stand upright on one another", () => {
    const { vectors } = IMAGENET_COLORS;
    for (const [i, a] of vectors.entries()) {
      for (const [j, b] of vectors.entries()) {
        const product = a.reduce((sum, x, c) => sum + x * b[c]!, 0);
        expect(product).toBeCloseTo(i === j ? 1 : 0, 3);
      }
    }
  });
});

describe("augment", () => {
  const image = noise(30, 26);

  test("is a sample, shifted and normalised; a seed's numbers are always the same", () => {
    const x = augment(image, generator(3), { crop: 24, colors: IMAGENET_COLORS });
    expect(x.shape).toEqual([1, 3, 24, 24]);
    expect(augment(image, generator(3), { crop: 24, colors: IMAGENET_COLORS })).toEqual(x);
    const random = generator(3);
    const sample = randomSample(image, random, { crop: 24 });
    const shift = colorShift(IMAGENET_COLORS, random);
    const plain = normalize(sample, { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
    const std = [0.229, 0.224, 0.225];
    for (const [i, value] of x.data.entries()) {
      const c = Math.floor(i / 576);
      expect(Math.abs(value - plain.data[i]! - shift[c]! / std[c]!)).toBeLessThan(2 ** -20);
    }
    // The bits of every runtime.
    expect(createHash("sha256").update(new Uint8Array(x.data.buffer)).digest("hex")).toMatchInlineSnapshot(
      `"a34e05f02d4bd5fab6b0caa2951d2baf28e2e1436152f9c668ae31c35eb222af"`,
    );
  });

  test.each([{ crop: 26 }, { mean: [1] }, { std: [1, 1, 0] }, { color: IMAGENET_COLORS }])(
    "%j is refused",
    (options) => {
      expect(() => augment(image, generator(1), options as never)).toThrow(
        expect.objectContaining({ code: "bad-option" }),
      );
    },
  );
});
