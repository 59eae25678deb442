import type { Pixels, Tensor } from "../tensor.js";

/** What {@link normalize} needs of the preprocessing options. */
export interface Normalization {
  /** One number a channel: three, or one with `grayscale`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly grayscale?: boolean;
}

/**
 * Pixels as a tensor [1, C, H, W]: (byte / 255 - mean) / std, where each step is rounded to float32, so that the bits
 * are those of torchvision's `ToTensor` and `Normalize`. C is 3, or 1 with `grayscale`, which takes the luma of
 * ITU-R 601-2 as Pillow's `convert("L")` does.
 */
export function normalize(pixels: Pixels, { mean, std, grayscale = false }: Normalization): Tensor {
  const { width, height, data } = pixels;
  const area = width * height;
  const channels = grayscale ? 1 : 3;
  const out = new Float32Array(channels * area);
  for (let c = 0; c < channels; c++) {
    const table = valueOfByte(mean[c] as number, std[c] as number);
    const plane = out.subarray(c * area, (c + 1) * area);
    for (let i = 0; i < area; i++) {
      plane[i] = table[grayscale ? luma(data, 3 * i) : (data[3 * i + c] as number)] as number;
    }
  }
  return { shape: [1, channels, height, width], data: out };
}

/** There are only 256 values a channel. Arithmetic in f64 rounded to f32 once is f32 arithmetic, for one operation. */
function valueOfByte(mean: number, std: number): Float32Array {
  const [m, s] = [Math.fround(mean), Math.fround(std)];
  return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(Math.fround(byte / 255) - m) / s);
}

function luma(rgb: Uint8Array, at: number): number {
  const [r, g, b] = [rgb[at] as number, rgb[at + 1] as number, rgb[at + 2] as number];
  return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
}
