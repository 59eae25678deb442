/** Crops and reflections for training: every image stands for thousands of samples. */
import { integer } from "../check.js";
import { ConvzooError } from "../errors.js";
import { type CropBox, cut } from "../image/crop.js";
import { type RawPixels, toPixels } from "../image/pixels.js";
import { below, type Random } from "../random.js";
import type { Pixels } from "../tensor.js";

/** How large a sample is. */
export interface SampleOptions {
  /** Side of the square that is cut out; 224 by default. */
  readonly crop?: number;
}

/**
 * How many samples an image gives: a crop at each place, and its reflection. Krizhevsky, Sutskever and Hinton 2012 (section 4.1)
 * count 2,048 for a crop of 224 in an image of 256 x 256, 32 places each way, which leaves out the last row and column; so
 * does this.
 *
 * Throws `bad-option` where the image is not larger than the crop in both directions.
 */
export function sampleCount(size: { width: number; height: number }, options: SampleOptions = {}): number {
  const [across, down] = places(size, options);
  return across * down * 2;
}

/**
 * Sample `index` of an image's {@link sampleCount}: even ones as they are, odd ones the reflection of the one before; in pairs from
 * the top left, row by row. Throws `bad-option`, `bad-image`.
 */
export function sampleAt(image: RawPixels, index: number, options: SampleOptions = {}): Pixels {
  const pixels = toPixels(image);
  const [across, down] = places(pixels, options);
  const at = integer("sampleAt", "index", index, 0, across * down * 2 - 1);
  const place = Math.floor(at / 2);
  const box: CropBox = {
    ...{ left: place % across, top: Math.floor(place / across) },
    ...{ width: options.crop ?? 224, height: options.crop ?? 224 },
  };
  return cut(pixels, box, at % 2 === 1);
}

/** A sample by chance, each as likely as any other. One number of `random` is used. Throws as {@link sampleAt} does. */
export function randomSample(image: RawPixels, random: Random, options: SampleOptions = {}): Pixels {
  return sampleAt(image, below(sampleCount(image, options), random), options);
}

/** Places for the crop, across and down. */
function places({ width, height }: { width: number; height: number }, { crop = 224 }: SampleOptions) {
  integer("sample", "crop", crop, 1);
  const [across, down] = [width - crop, height - crop];
  if (across > 0 && down > 0) return [across, down] as const;
  const message = `Samples of ${crop} x ${crop} are cut out of larger images; this one is ${width} x ${height}.`;
  throw new ConvzooError("bad-option", `${message} Resize it first, such as to 256 for a crop of 224.`);
}
