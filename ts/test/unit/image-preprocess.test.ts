import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { checkPreprocess } from "../../src/image/checks.js";
import { centerBox, cut, viewBox } from "../../src/image/crop.js";
import { normalize } from "../../src/image/normalize.js";
import {
  type PreprocessOptions,
  preprocessPixels,
  type ResizeTarget,
  resizedSize,
  resizePixels,
} from "../../src/image/preprocess.js";
import { viewsOf } from "../../src/image/views.js";
import type { Pixels } from "../../src/tensor.js";
import * as transforms from "../../src/transforms.js";
import { zoo } from "../../src/zoo/index.js";
import { noise } from "../noise.js";

interface Goldens {
  readonly several: readonly {
    size: [number, number];
    crop: number | [number, number];
    crops: "five" | "ten";
    sha256: string;
  }[];
  readonly samples: readonly { name: "lecture" | "caffe"; size: [number, number]; values: number[] }[];
  readonly sizes: readonly { size: [number, number]; side: number; to: [number, number] }[];
  readonly crops: readonly { size: [number, number]; crop: number | [number, number]; sha256: string }[];
  readonly tensors: readonly {
    size: [number, number];
    mean: number[];
    std: number[];
    grayscale: boolean;
    sha256: string;
  }[];
}

const goldens = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/transform_cases.json", import.meta.url), "utf8"),
) as Goldens;

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

const options: PreprocessOptions = {
  resize: 256,
  crop: 224,
  interpolation: "bilinear",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** Stands for the core: notes what it was asked for, and gives every pixel the colour of the first. */
function recorder() {
  const asked: ResizeTarget[] = [];
  const resize = (pixels: Pixels, target: ResizeTarget): Pixels => {
    asked.push(target);
    const { width, height } = target.part ?? target;
    return {
      width,
      height,
      data: Uint8Array.from({ length: width * height * 3 }, (_, i) => pixels.data[i % 3] as number),
    };
  };
  return { asked, resize };
}

describe("torchvision's numbers", () => {
  test("sizes after resizing the shorter side", () => {
    const got = goldens.sizes.map(({ size: [width, height], side }) => resizedSize({ width, height }, side));
    expect(got).toEqual(goldens.sizes.map(({ to: [width, height] }) => ({ width, height })));
    expect(got.length).toBe(60);
  });

  test.each(goldens.crops)("the crop $crop of $size", ({ size, crop, sha256: want }) => {
    const image = noise(...size);
    expect(sha256(cut(image, centerBox(image, crop)).data)).toBe(want);
  });

  test.each(goldens.tensors)(
    "a tensor by mean $mean and std $std, to the bit",
    ({ size, sha256: want, ...rest }) => {
      const tensor = normalize(noise(...size), rest);
      expect(tensor.shape).toEqual([1, rest.grayscale ? 1 : 3, size[1], size[0]]);
      expect(sha256(bytesOf(tensor.data))).toBe(want);
    },
  );

  test.each(goldens.several)("the $crops crops of $crop of $size", ({ size, crop, crops, sha256: want }) => {
    const image = noise(...size);
    const views = viewsOf(crops).map((view) => cut(image, viewBox(image, crop, view), view.reflect));
    expect(sha256(Buffer.concat(views.map(({ data }) => data)))).toBe(want);
  });

  test.each(goldens.samples)(
    "$name of $size, in numpy's and torch's arithmetic",
    ({ name, size, values }) => {
      const made = name === "caffe" ? transforms.caffe() : transforms.lecture;
      const { data } = normalize(noise(...size), made);
      // Caffe's numbers go to 151; the error is of float32's arithmetic on them, after the division by 255.
      const scale = name === "caffe" ? 255 : 4;
      for (const [i, value] of values.entries())
        expect(Math.abs(data[97 * i]! - value)).toBeLessThanOrEqual(2 ** -23 * scale * 2);
      expect(values.length).toBe(Math.ceil(data.length / 97));
    },
  );

  test("offsets of a half go to the even number, as Python rounds", () => {
    const left = (width: number) => centerBox({ width, height: 4 }, 4).left;
    expect([4, 5, 6, 7, 8, 9, 10, 11].map(left)).toEqual([0, 0, 1, 2, 2, 2, 3, 4]);
    expect([3, 2, 1].map(left)).toEqual([0, -1, -1]);
  });
});

describe("preprocessPixels", () => {
  test("resizes the shorter side, crops and normalises", async () => {
    const { asked, resize } = recorder();
    const tensor = await preprocessPixels(noise(40, 20), options, resize);
    const part = { left: 144, top: 16, width: 224, height: 224 };
    expect(asked).toEqual([{ width: 512, height: 256, filter: "bilinear", part }]);
    expect(tensor.shape).toEqual([1, 3, 224, 224]);
    const red = noise(40, 20).data[0] as number;
    expect(tensor.data[0]).toBeCloseTo((red / 255 - 0.485) / 0.229, 5);
  });

  test("null leaves out a step", async () => {
    const { asked, resize } = recorder();
    const whole = await preprocessPixels(noise(6, 5), { ...options, resize: null, crop: null }, resize);
    expect(whole.shape).toEqual([1, 3, 5, 6]);
    expect(whole).toEqual(normalize(noise(6, 5), options));
    expect(
      (await preprocessPixels(noise(6, 5), { ...options, resize: null, crop: [2, 3] }, resize)).shape,
    ).toEqual([1, 3, 2, 3]);
    expect(asked).toEqual([]);
  });

  test.each<[string, Record<string, unknown>]>([
    ["resize", { resize: 0 }],
    ["resize", { resize: 22.5 }],
    ["resize", { resize: "256" }],
    ["resize", { resize: undefined }],
    ["crop", { crop: -1 }],
    ["crop", { crop: [224] }],
    ["crop", { crop: [224, Number.NaN] }],
    ["crop", { crop: [60_000, 60_000] }],
    ["filter", { interpolation: "cubic" }],
    ["mean", { mean: [0.5] }],
    ["mean", { mean: [0.5, 0.5, Number.NaN] }],
    ["mean", { grayscale: true }],
    ["std", { std: [1, 1, 0] }],
    ["std", { std: [1, 1, 1e-60] }],
    ["grayscale", { grayscale: 1 }],
    ["resize", { resize: [224] }],
    ["mean", { mean: "picture" }],
    ["std", { std: "mean" }],
    ["scale", { scale: Number.NaN }],
    ["shift", { shift: "0" }],
    ["channels", { channels: "RGBA" }],
    ["channels", { channels: "BGR", grayscale: true, mean: [0.5], std: [0.5] }],
  ])("refuses the wrong %s of %j", (name, wrong) => {
    const check = () => checkPreprocess({ ...options, ...wrong } as PreprocessOptions);
    expect(check).toThrow(expect.objectContaining({ name: "ConvzooError", code: "bad-option" }));
    expect(check).toThrow(`option ${name} is`);
  });

  test("refuses an option that there is not, and options that are no object", () => {
    const check = (wrong: unknown) => () => checkPreprocess(wrong as PreprocessOptions);
    expect(check({ ...options, chanels: "BGR" })).toThrow(
      /no image option "chanels"; there are resize, .*channels/,
    );
    for (const wrong of [undefined, null, "imagenet"])
      expect(check(wrong)).toThrow(expect.objectContaining({ code: "bad-option" }));
  });

  test.each<[string, () => unknown]>([
    ["an option that there is not", () => transforms.torchvision({ size: 224 } as never)],
    ["a share of nothing", () => transforms.timm({ cropPct: 0 })],
    ["a mode that there is not", () => transforms.timm({ cropMode: "border" as never })],
  ])("transforms refuse %s", (_, make) => {
    expect(make).toThrow(expect.objectContaining({ name: "ConvzooError", code: "bad-option" }));
  });

  test("a transform's option that is undefined counts as not given", () => {
    expect(transforms.inception({ crop: undefined, resize: undefined })).toEqual(transforms.inception());
  });

  test("takes all that there is", () => {
    for (const [name, one] of Object.entries(transforms)) {
      const made = typeof one === "function" ? one() : one;
      if ("resize" in made) expect(() => checkPreprocess(made), name).not.toThrow();
    }
    for (const { preprocess } of Object.values(zoo)) checkPreprocess(preprocess);
  });
});

describe("views", () => {
  const image = noise(30, 20);

  test("random places are a seed's, inside the image, and each reflected", () => {
    const views = viewsOf({ random: 50, seed: 3 });
    expect(views).toHaveLength(100);
    expect(viewsOf({ random: 50, seed: 3 })).toEqual(views);
    expect(viewsOf({ random: 50, seed: 4 })).not.toEqual(views);
    expect(viewsOf({ random: 50, seed: 3, reflect: false })).toEqual(views.filter(({ reflect }) => !reflect));
    const boxes = views.map((view) => viewBox(image, 18, view));
    for (const [i, box] of boxes.entries()) {
      expect(box).toMatchObject({ width: 18, height: 18 });
      expect(box).toEqual(boxes[i - (i % 2)]);
    }
    // 13 places across and 3 down: fifty draws miss none of three and few of thirteen.
    expect([...new Set(boxes.map(({ top }) => top))].sort()).toEqual([0, 1, 2]);
    const lefts = new Set(boxes.map(({ left }) => left));
    expect(Math.min(...lefts)).toBe(0);
    expect(Math.max(...lefts)).toBe(12);
  });

  test("a view is a tensor of the batch", async () => {
    const { resize } = recorder();
    const views = viewsOf("ten");
    const made = { ...options, resize: null, crop: 18 };
    const tensor = await preprocessPixels(image, made, resize, views);
    expect(tensor.shape).toEqual([10, 3, 18, 18]);
    const seventh = normalize(cut(image, viewBox(image, 18, views[6]!), true), made);
    expect(tensor.data.slice(6 * 972, 7 * 972)).toEqual(seventh.data);
  });

  test("of an image that is too small, or of a whole one, there is only the centre", async () => {
    const { resize } = recorder();
    for (const [crop, text] of [
      [21, /30 x 20 pixels is smaller than the crop of 21 x 21/],
      [null, /option crop is a size/],
    ] as const) {
      const made = { ...options, resize: null, crop };
      const call = preprocessPixels(image, made, resize, viewsOf("five"));
      await expect(call).rejects.toMatchObject({ code: "bad-option" });
      await expect(call).rejects.toThrow(text);
      expect((await preprocessPixels(image, made, resize, viewsOf("center"))).shape[0]).toBe(1);
    }
  });

  test.each([
    "twelve",
    null,
    7,
    {},
    { random: 0 },
    { random: 1001 },
    { random: 2, seed: -1 },
    { random: 2, reflect: "yes" },
    { random: 2, flip: true },
  ])("%j are refused", (crops) => {
    expect(() => viewsOf(crops as never)).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
});

describe("an image's own statistics", () => {
  test("of one plane with grayscale, and one of both alone", () => {
    const gray = normalize(noise(9, 7), { mean: "image", std: [1], grayscale: true });
    expect(gray.data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 4);
    const scaled = normalize(noise(9, 7), { mean: [0, 0, 0], std: "image" });
    const mean = scaled.data.reduce((sum, value) => sum + value, 0) / scaled.data.length;
    const squares = scaled.data.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    expect(squares / (scaled.data.length - 1)).toBeCloseTo(1, 5);
  });

  test("an image of one colour has none to divide by", () => {
    const flat = { width: 2, height: 2, data: new Uint8Array(12).fill(9) };
    expect(() => normalize(flat, transforms.lecture)).toThrow(expect.objectContaining({ code: "bad-image" }));
  });
});

describe("resizePixels", () => {
  const target = { width: 3, height: 2, filter: "lanczos" } as const;

  test("asks the core", async () => {
    const { asked, resize } = recorder();
    expect(await resizePixels(noise(4, 4), target, resize)).toMatchObject({ width: 3, height: 2 });
    expect(asked).toEqual([target]);
  });

  test.each<[string, string, Partial<Record<keyof ResizeTarget, unknown>>]>([
    ["bad-option", "width", { width: 0 }],
    ["bad-option", "height", { height: 1.5 }],
    ["bad-option", "width", { width: undefined }],
    ["bad-option", "filter", { filter: "antialias" }],
    ["too-large", "65536 x 2", { width: 65_536 }],
    ["too-large", "30000 x 30000", { width: 30_000, height: 30_000 }],
  ])("refuses with %s (%s)", async (code, text, wrong) => {
    const { asked, resize } = recorder();
    const call = resizePixels(noise(4, 4), { ...target, ...wrong } as ResizeTarget, resize);
    await expect(call).rejects.toMatchObject({ name: "ConvzooError", code });
    await expect(call).rejects.toThrow(text);
    expect(asked).toEqual([]);
  });

  test("refuses a strip that the shorter side would blow up, and what is large only between the passes", async () => {
    const { asked, resize } = recorder();
    const strip = { width: 60_000, height: 1, data: new Uint8Array(180_000) };
    await expect(preprocessPixels(strip, options, resize)).rejects.toMatchObject({ code: "too-large" });
    const tall = { width: 1, height: 60_000, data: new Uint8Array(180_000) };
    await expect(resizePixels(tall, { ...target, width: 60_000 }, resize)).rejects.toMatchObject({
      code: "too-large",
    });
    expect(asked).toEqual([]);
  });
});
