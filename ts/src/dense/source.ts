/** What a dense prediction reads, a tile at a time: an image, normalised only then, or a tensor. */
import type { Host } from "../backend/host.js";
import { statisticsOf } from "../image/normalize.js";
import type { PreprocessOptions } from "../image/preprocess.js";
import type { Pixels, Tensor } from "../tensor.js";
import type { Span } from "./tiles.js";

export interface Source {
  /** [C, H, W]. */
  readonly shape: readonly [number, number, number];
  /** A part of it as a network's input, in an array of its own. */
  tile(rows: Span, columns: Span): Promise<Tensor>;
}

/** An image, of which no more than a tile is ever held as floats. */
export function pixelSource(
  host: Host,
  pixels: Pixels,
  preprocess: PreprocessOptions,
  signal?: AbortSignal,
): Source {
  const { width, height, data } = pixels;
  // Of the whole image, where they are its own.
  const options = { ...preprocess, ...statisticsOf(pixels, preprocess), resize: null, crop: null };
  return {
    shape: [preprocess.grayscale ? 1 : 3, height, width],
    tile(rows, columns) {
      const [h, w] = [rows.end - rows.start, columns.end - columns.start];
      const part = new Uint8Array(3 * h * w);
      for (let i = 0; i < h; i++) {
        const from = 3 * ((rows.start + i) * width + columns.start);
        part.set(data.subarray(from, from + 3 * w), 3 * i * w);
      }
      const image = { pixels: { width: w, height: h, data: part } };
      return host.call("preprocess", { image, options }, { signal, transfer: [part.buffer] });
    },
  };
}

/** A tensor [1, C, H, W] that is normalised already. */
export function tensorSource({ shape, data }: Tensor): Source {
  const [, channels, height, width] = shape as [number, number, number, number];
  return {
    shape: [channels, height, width],
    async tile(rows, columns) {
      const [h, w] = [rows.end - rows.start, columns.end - columns.start];
      const part = new Float32Array(channels * h * w);
      for (let c = 0; c < channels; c++) {
        for (let i = 0; i < h; i++) {
          const from = (c * height + rows.start + i) * width + columns.start;
          part.set(data.subarray(from, from + w), (c * h + i) * w);
        }
      }
      return { shape: [1, channels, h, w], data: part };
    },
  };
}
