/** Decoding, resizing and cropping against Pillow's own bytes. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Pixels } from "../../src/tensor.js";
import { convzoo, root } from "./package.js";

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
