/** Decoding, resizing and cropping against Pillow's own bytes. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Pixels } from "../../src/tensor.js";
import { convzoo, noise, root } from "./package.js";
import { refused } from "./refused.js";

const { decode, preprocess, resize } = convzoo;

interface Case {
  readonly image: string;
  readonly filter: "nearest" | "box" | "bilinear" | "hamming" | "bicubic" | "lanczos";
  /** What the shorter side becomes. */
  readonly resize: number;
  readonly crop: number;
  readonly sha256_rgb: string;
  readonly first_pixels: readonly number[];
}

const { cases } = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/cases.json", import.meta.url), "utf8"),
) as { cases: readonly Case[] };

const shared = join(root, "../shared/real/images");
/** The same pixels in another format, as NOTICE.md beside them says. */
const ours: Readonly<Record<string, string>> = {
  "coral-bird.bmp": join(root, "examples/images/bird.png"),
  "coral-cat.bmp": join(root, "examples/images/cat.webp"),
};

const mean = [0.485, 0.456, 0.406];
const std = [0.229, 0.224, 0.225];

async function check(path: string, wanted: Case): Promise<void> {
  const pixels = await decode(path);
  const shorter = Math.min(pixels.width, pixels.height);
  const scaled = (side: number) => Math.trunc((wanted.resize * side) / shorter);
  const size = { width: scaled(pixels.width), height: scaled(pixels.height) };
  const crop = cropped(await resize(pixels, { ...size, filter: wanted.filter }), wanted.crop);
  expect([...crop.subarray(0, wanted.first_pixels.length)]).toEqual(wanted.first_pixels);
  expect(createHash("sha256").update(crop).digest("hex")).toBe(wanted.sha256_rgb);

  const options = { resize: wanted.resize, crop: wanted.crop, interpolation: wanted.filter, mean, std };
  const tensor = await preprocess(path, options);
  expect(tensor.shape).toEqual([1, 3, wanted.crop, wanted.crop]);
  expect(largestDifference(tensor.data, crop)).toBeLessThan(1e-6);
}

/** The square in the middle: torchvision rounds half of what is left over, halves to the even number. */
function cropped({ width, height, data }: Pixels, side: number): Uint8Array {
  const half = (spare: number) => {
    const down = Math.floor(spare / 2);
    return spare % 2 === 0 || down % 2 === 0 ? down : down + 1;
  };
  const [left, top] = [half(width - side), half(height - side)];
  const out = new Uint8Array(side * side * 3);
  for (let y = 0; y < side; y++) {
    const from = ((y + top) * width + left) * 3;
    out.set(data.subarray(from, from + side * 3), y * side * 3);
  }
  return out;
}

/** Between a tensor [1, 3, H, W] and (byte / 255 - mean) / std of RGB bytes. */
function largestDifference(tensor: Float32Array, rgb: Uint8Array): number {
  const plane = tensor.length / 3;
  let most = 0;
  for (let i = 0; i < plane; i++) {
    for (let c = 0; c < 3; c++) {
      const want = (rgb[i * 3 + c]! / 255 - mean[c]!) / std[c]!;
      most = Math.max(most, Math.abs(tensor[c * plane + i]! - want));
    }
  }
  return most;
}

const titled = cases.map((one) => ({
  ...one,
  title: `${one.image} ${one.filter} ${one.resize} ${one.crop}`,
}));

test("there are cases", () => {
  expect(titled.length).toBeGreaterThanOrEqual(30);
});

describe("the repository's photographs", () => {
  test.each(titled.filter(({ image }) => image in ours))("$title", async (wanted) => {
    await check(ours[wanted.image]!, wanted);
  });
});

describe("the BMP files", () => {
  beforeEach(({ skip }) => skip(!existsSync(shared), "../shared/real/images is absent"));
  test.each(titled)("$title", async (wanted) => {
    await check(join(shared, wanted.image), wanted);
  });
});

describe("options of the image functions", () => {
  const photo = join(root, "examples/images/bird.png");
  const sum = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");

  test("a mode, of files as of pixels", async () => {
    const [rgb, rgba, gray] = await Promise.all(
      (["RGB", "RGBA", "L"] as const).map((mode) => decode(photo, { mode })),
    );
    const area = rgb!.width * rgb!.height;
    expect([rgb, rgba, gray].map((pixels) => pixels!.data.length / area)).toEqual([3, 4, 1]);
    expect(sum((await decode(rgba!)).data)).toBe(sum(rgb!.data));
    expect(sum((await decode(rgb!, { mode: "L" })).data)).toBe(sum(gray!.data));
    expect(sum((await decode(gray!, { mode: "RGBA" })).data)).toBe(
      sum(Uint8Array.from({ length: 4 * area }, (_, i) => (i % 4 === 3 ? 255 : gray!.data[i >> 2]!))),
    );
  });

  test("resize keeps the mode, and leaves what it was given", async () => {
    const red = Uint8Array.of(255, 0, 0, 255, 0, 255, 0, 0);
    const options = { width: 1, height: 1, filter: "box" } as const;
    // Half of each pixel; the second has no colour, as its alpha is 0.
    expect((await resize({ width: 2, height: 1, data: red }, options)).data).toEqual(
      Uint8Array.of(255, 0, 0, 128),
    );
    expect(red).toEqual(Uint8Array.of(255, 0, 0, 255, 0, 255, 0, 0));
    const gray = { width: 2, height: 1, data: Uint8Array.of(10, 30) };
    expect((await resize(gray, options)).data).toEqual(Uint8Array.of(20));
  });

  test("resize takes tensors, antialiased or not", async () => {
    const data = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
    const halved = (antialias?: boolean) =>
      resize({ shape: [1, 8], data }, { width: 2, height: 1, antialias });
    expect(await halved(false)).toEqual({ shape: [1, 2], data: Float32Array.of(1.5, 5.5) });
    expect(await halved(true)).toEqual(await halved());
    expect((await halved()).data).not.toEqual((await halved(false)).data);
    const { shape } = await resize(noise([2, 3, 8, 8]), { width: 4, height: 5, filter: "bicubic" });
    expect(shape).toEqual([2, 3, 5, 4]);
  });

  test("what cannot be is refused", async () => {
    const options = { width: 4, height: 4 };
    const pixels = { width: 1, height: 1, data: new Uint8Array(3) };
    await refused(() => decode(photo, { mode: "CMYK" as never }), "bad-option", /mode/, /CMYK/);
    await refused(() => decode(photo, { maxPixels: 0 }), "bad-option", /maxPixels/);
    await refused(() => decode(photo, { orientation: 1 as never }), "bad-option", /orientation/);
    await refused(() => decode(photo, { size: 5 } as never), "bad-option", /size/);
    await refused(() => decode(photo, { colorProfile: "convert" }), "bad-option", /native/);
    await refused(() => decode(photo, { decoder: "native" }), "unsupported", /browser/);
    await refused(() => decode(photo, { maxPixels: 1000 }), "bad-image", /bird\.png/, /1000/);
    await refused(() => resize(pixels, { ...options, antialias: false }), "bad-option", /antialias/);
    await refused(
      () => resize({ shape: [3], data: new Float32Array(3) }, options),
      "bad-shape",
      /\[\.\.\., H, W\]/,
    );
    await refused(() => resize(noise([1, 2, 2]), { ...options, filter: "lanczos" }), "bad-option", /lanczos/);
  });
});
