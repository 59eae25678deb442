/** Pictures that are prepared on the GPU: against torchvision's antialiased resizing of floats, and Pillow's bytes. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Gpu } from "../../src/backend/webgpu/device.js";
import { externalText, frameTensor, isFrame } from "../../src/backend/webgpu/frame.js";
import { type View, viewBox } from "../../src/image/crop.js";
import { type PreprocessOptions, resizedSize } from "../../src/image/preprocess.js";
import { viewsOf } from "../../src/image/views.js";
import type { Tensor } from "../../src/tensor.js";
import { gpus, noGpu } from "../gpu.js";
import { noise } from "../noise.js";
import { convzoo } from "./package.js";

const { preprocess, resize } = convzoo;

beforeEach(({ skip }) => skip(noGpu !== undefined, noGpu));

let gpu: Gpu;
beforeAll(async () => {
  if (noGpu) return;
  const adapter = (await gpus.requestAdapter())!;
  gpu = new Gpu(await adapter.requestDevice(), false, adapter).retain();
});
afterAll(() => gpu?.release());

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const USUAL: PreprocessOptions = { resize: 64, crop: 56, interpolation: "bilinear", mean: MEAN, std: STD };
const CENTER: readonly View[] = [{ at: "center", reflect: false }];

/** A texture of these pixels. */
function textureOf({ width, height, data }: { width: number; height: number; data: Uint8Array }): GPUTexture {
  const texture = gpu.device.createTexture({ size: [width, height], format: "rgba8unorm", usage: 4 | 2 });
  const rgba = Uint8Array.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : data[3 * (i >> 2) + (i % 4)]!,
  );
  gpu.device.queue.writeTexture({ texture }, rgba, { bytesPerRow: 4 * width }, [width, height]);
  return texture;
}

async function floatsOf({ shape, buffer }: { shape: readonly number[]; buffer: GPUBuffer }): Promise<Tensor> {
  const { device } = gpu;
  const answer = device.createBuffer({ size: buffer.size, usage: 1 | 8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, answer, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await answer.mapAsync(1);
  const data = new Float32Array(answer.getMappedRange().slice(0));
  for (const one of [answer, buffer]) one.destroy();
  return { shape, data };
}

/** The same by the package's resizing of tensors, which is held to torchvision's. */
async function expected(
  pixels: { width: number; height: number; data: Uint8Array },
  options: PreprocessOptions,
  views: readonly View[],
): Promise<number[]> {
  const { width, height, data } = pixels;
  const planes = [0, 1, 2].map((c) =>
    Float32Array.from({ length: width * height }, (_, i) => data[3 * i + c]! / 255),
  );
  const size = resizedSize(pixels, options.resize);
  const filter = options.interpolation;
  const small = await resize(
    { shape: [3, height, width], data: Float32Array.from(planes.flatMap((p) => [...p])) },
    { ...size, filter },
  );
  const value = (c: number, y: number, x: number): number => {
    const isInside = x >= 0 && y >= 0 && x < size.width && y < size.height;
    const at = (plane: number) =>
      isInside ? Math.min(1, Math.max(0, small.data[(plane * size.height + y) * size.width + x]!)) : 0;
    if (options.grayscale) return 0.299 * at(0) + 0.587 * at(1) + 0.114 * at(2);
    return at(options.channels === "BGR" ? 2 - c : c);
  };
  const { scale = 1, shift = 0, crop } = options;
  const out: number[] = [];
  for (const view of views) {
    const box = crop === null ? { left: 0, top: 0, ...size } : viewBox(size, crop, view);
    for (let c = 0; c < (options.grayscale ? 1 : 3); c++)
      for (let y = 0; y < box.height; y++)
        for (let x = 0; x < box.width; x++) {
          const column = view.reflect ? box.width - 1 - x : x;
          const mean = (options.mean as number[])[c]!;
          const std = (options.std as number[])[c]!;
          out.push(((value(c, box.top + y, box.left + column) - mean) / std) * scale + shift);
        }
  }
  return out;
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < a.length; i++) if (!(Math.abs(a[i]! - b[i]!) <= most)) most = Math.abs(a[i]! - b[i]!);
  return most;
};

describe("a texture's pixels are resized, cropped and normalised", () => {
  test.each<[string, number, number, Partial<PreprocessOptions>, readonly View[]]>([
    ["made smaller", 200, 133, {}, CENTER],
    ["much smaller", 517, 801, {}, CENTER],
    ["made larger", 40, 50, {}, CENTER],
    ["as they are", 61, 47, { resize: null, crop: null }, CENTER],
    ["bicubic", 97, 131, { interpolation: "bicubic" }, CENTER],
    ["bicubic, larger", 31, 29, { interpolation: "bicubic" }, CENTER],
    ["to another ratio", 90, 70, { resize: [48, 80], crop: [40, 64] }, CENTER],
    ["in a crop that is larger than they are", 64, 64, { resize: 32, crop: 41 }, CENTER],
    ["ten crops", 97, 131, {}, viewsOf("ten")],
    ["Caffe's", 97, 131, { channels: "BGR", std: [1, 1, 1], scale: 255, shift: 3 }, CENTER],
    ["gray", 97, 131, { grayscale: true, mean: [0.5], std: [0.25] }, viewsOf("five")],
  ])("%s", async (_, width, height, change, views) => {
    const pixels = noise(width, height);
    const options = { ...USUAL, ...change };
    const texture = textureOf(pixels);
    expect(isFrame(texture)).toBe(true);
    const made = await floatsOf((await frameTensor(gpu, texture, options, views))!);
    texture.destroy();
    const wanted = await expected(pixels, options, views);
    expect(made.shape.reduce((a, b) => a * b, 1)).toBe(wanted.length);
    expect(made.shape[0]).toBe(views.length);
    const magnitude = Math.max(...wanted.map(Math.abs));
    expect(largest(made.data, wanted)).toBeLessThan(2e-5 * magnitude);
  });

  test("to within a byte of what Pillow makes of them", async () => {
    const pixels = noise(200, 133);
    const texture = textureOf(pixels);
    const made = await floatsOf((await frameTensor(gpu, texture, USUAL))!);
    const { shape, data } = await preprocess(pixels, USUAL);
    expect(made.shape).toEqual(shape);
    expect(largest(made.data, data)).toBeLessThan(1.01 / 255 / Math.min(...STD));
    texture.destroy();
  });
});

test("the shader for frames of videos, which only browsers have, compiles", async () => {
  await gpu.pipeline("frame-external", externalText());
});

describe("what cannot be", () => {
  const refused = async (image: unknown, change: Partial<PreprocessOptions>, code: string, words: RegExp) => {
    const made = frameTensor(gpu, image as GPUTexture, { ...USUAL, ...change });
    await expect(made).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
  };

  test("is said", async () => {
    const texture = textureOf(noise(8, 8));
    await refused(texture, { interpolation: "lanczos" }, "bad-option", /lanczos/);
    await refused(texture, { mean: "image" }, "bad-option", /mean/);
    const size = [8, 8];
    const blind = gpu.device.createTexture({ size, format: "rgba8unorm", usage: 2 });
    await refused(blind, {}, "bad-image", /TEXTURE_BINDING/);
    const whole = gpu.device.createTexture({ size, format: "rgba8uint", usage: 4 });
    await refused(whole, {}, "bad-image", /floats/);
    for (const one of [texture, blind, whole]) one.destroy();
  });
});
