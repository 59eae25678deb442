import type { Pixels } from "../tensor.js";
import { channelsOf } from "./pixels.js";

/** For each EXIF orientation, whether it flips the image's columns and its rows, and whether it then swaps the two. */
const TURNS: Readonly<Record<number, readonly [columns: boolean, rows: boolean, swapped: boolean]>> = {
  2: [true, false, false],
  3: [true, true, false],
  4: [false, true, false],
  5: [false, false, true],
  6: [false, true, true],
  7: [true, true, true],
  8: [true, false, true],
};

/** The image upright: what Pillow's `exif_transpose` gives for an EXIF orientation of 1 to 8. */
export function upright(pixels: Pixels, orientation: number): Pixels {
  const turn = TURNS[orientation];
  if (!turn) return pixels;
  const [columns, rows, swapped] = turn;
  const channels = channelsOf(pixels);
  const { width: w, height: h, data } = pixels;
  const [width, height] = swapped ? [h, w] : [w, h];
  const out = new Uint8Array(data.length);
  // Bytes from one pixel of a source row, and from one source row, to the next, in the direction in which they are read.
  const across = columns ? -channels : channels;
  const down = rows ? -w * channels : w * channels;
  const start = (columns ? (w - 1) * channels : 0) + (rows ? (h - 1) * w * channels : 0);
  const [stepX, stepY] = swapped ? [down, across] : [across, down];
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0, from = start + y * stepY; x < width; x++, from += stepX) {
      for (let c = 0; c < channels; c++) out[to++] = data[from + c] as number;
    }
  }
  return { width, height, data: out };
}
