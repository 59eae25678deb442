import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { centerBox, cropPixels } from "../../src/image/crop.js";
import { normalize } from "../../src/image/normalize.js";
import {
  type PreprocessOptions,
  preprocessPixels,
  type ResizeTarget,
  resizedSize,
  resizePixels,
} from "../../src/image/preprocess.js";
import type { Pixels } from "../../src/tensor.js";

interface Goldens {
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

/** The golden cases' image: byte i is the top byte of fmix32(i + 1). */
function noise(width: number, height: number): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    let x = i + 1;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return (x ^ (x >>> 16)) >>> 24;
  });
  return { width, height, data };
}

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
    expect(sha256(cropPixels(noise(...size), crop).data)).toBe(want);
  });

  test.each(goldens.tensors)(
    "a tensor by mean $mean and std $std, to the bit",
    ({ size, sha256: want, ...rest }) => {
      const tensor = normalize(noise(...size), rest);
      expect(tensor.shape).toEqual([1, rest.grayscale ? 1 : 3, size[1], size[0]]);
      expect(sha256(bytesOf(tensor.data))).toBe(want);
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
  ])("refuses the wrong %s of %j", async (name, wrong) => {
    const { asked, resize } = recorder();
    const call = preprocessPixels(noise(4, 4), { ...options, ...wrong } as PreprocessOptions, resize);
    await expect(call).rejects.toMatchObject({ name: "ConvzooError", code: "bad-option" });
    await expect(call).rejects.toThrow(`option ${name} is`);
    expect(asked).toEqual([]);
  });

  test("refuses options that are no object", async () => {
    const call = preprocessPixels(noise(4, 4), undefined as unknown as PreprocessOptions, recorder().resize);
    await expect(call).rejects.toMatchObject({ code: "bad-option" });
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
