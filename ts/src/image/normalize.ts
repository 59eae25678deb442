import { ConvzooError } from "../errors.js";
import type { Pixels, Tensor } from "../tensor.js";
import { luma } from "./pixels.js";

/** What {@link normalize} needs of the preprocessing options. */
export interface Normalization {
  /** One number a channel, three or with `grayscale` one, in the order of `channels`; `"image"`: of all the image's values. */
  readonly mean: readonly number[] | "image";
  readonly std: readonly number[] | "image";
  readonly scale?: number;
  readonly shift?: number;
  readonly channels?: "RGB" | "BGR";
  readonly grayscale?: boolean;
}

/**
 * Pixels as a tensor [1, C, H, W]: (byte / 255 - mean) / std * scale + shift, where each step is rounded to float32, so that
 * the bits are those of torchvision's `ToTensor` and `Normalize`. C is 3, or 1 with `grayscale`, which takes the luma of
 * ITU-R 601-2 as Pillow's `convert("L")` does.
 *
 * Throws `bad-image` where `std` is the image's own and all its values are the same.
 */
export function normalize(pixels: Pixels, options: Normalization): Tensor {
  const { channels = "RGB", grayscale = false, scale = 1, shift = 0 } = options;
  const { width, height, data } = pixels;
  const area = width * height;
  const planes = grayscale ? 1 : 3;
  const { mean, std } = statisticsOf(pixels, options);
  const out = new Float32Array(planes * area);
  for (let c = 0; c < planes; c++) {
    const table = valueOfByte(mean[c]!, std[c]!, scale, shift);
    const plane = out.subarray(c * area, (c + 1) * area);
    const from = channels === "BGR" ? 2 - c : c;
    for (let i = 0; i < area; i++) {
      plane[i] = table[grayscale ? lumaAt(data, 3 * i) : data[3 * i + from]!]!;
    }
  }
  return { shape: [1, planes, height, width], data: out };
}

/** There are only 256 values a channel. Arithmetic in f64 rounded to f32 once is f32 arithmetic, for one operation. */
function valueOfByte(mean: number, std: number, scale: number, shift: number): Float32Array {
  const { fround } = Math;
  const [m, s, factor, summand] = [fround(mean), fround(std), fround(scale), fround(shift)];
  return Float32Array.from(
    { length: 256 },
    (_, byte) => fround(fround(fround(fround(byte / 255) - m) / s) * factor) + summand,
  );
}

/**
 * The means and deviations by channel: as given, or those of all the image's values, torch's `mean()` and `std()`. Throws
 * `bad-image` where such a deviation is 0.
 */
export function statisticsOf(
  { data }: Pixels,
  { mean, std, grayscale }: Normalization,
): { readonly mean: readonly number[]; readonly std: readonly number[] } {
  if (mean !== "image" && std !== "image") return { mean, std };
  const counts = new Float64Array(256);
  const values = grayscale ? lumas(data) : data;
  for (const byte of values) counts[byte]!++;
  // Sums of whole numbers below 2^53: exact.
  const sum = counts.reduce((total, count, byte) => total + count * byte, 0);
  const center = sum / values.length;
  const squares = counts.reduce((total, count, byte) => total + count * (byte - center) ** 2, 0);
  const deviation = Math.sqrt(squares / (values.length - 1));
  if (std === "image" && !(deviation > 0)) {
    const message = "All values of the image are the same, so that it cannot be divided by their deviation.";
    throw new ConvzooError("bad-image", message);
  }
  const forAll = (value: number) => Array<number>(grayscale ? 1 : 3).fill(value / 255);
  return {
    mean: mean === "image" ? forAll(center) : mean,
    std: std === "image" ? forAll(deviation) : std,
  };
}

const lumas = (rgb: Uint8Array): Uint8Array =>
  Uint8Array.from({ length: rgb.length / 3 }, (_, i) => lumaAt(rgb, 3 * i));

const lumaAt = (rgb: Uint8Array, at: number): number =>
  luma(rgb[at] as number, rgb[at + 1] as number, rgb[at + 2] as number);
