/**
 * Training-time augmentation, as AlexNet's paper and the lecture describe it: `import { augment } from "convzoo/augment"`.
 *
 * @module convzoo/augment
 */
import { withDefaults } from "../check.js";
import { checkPreprocess } from "../image/checks.js";
import { normalize } from "../image/normalize.js";
import type { RawPixels } from "../image/pixels.js";
import type { Random } from "../random.js";
import type { Tensor } from "../tensor.js";
import { type ColorPCA, colorShift, type Triple } from "./color.js";
import { randomSample, type SampleOptions } from "./sample.js";

export { generator, type Random } from "../random.js";
export { type ColorPCA, colorPCA, colorShift, IMAGENET_COLORS, type Triple } from "./color.js";
export { randomSample, type SampleOptions, sampleAt, sampleCount } from "./sample.js";

/** Options of {@link augment}. */
export interface AugmentOptions extends SampleOptions {
  /** Principal components for {@link colorShift}; the colours stay as they are unless given. */
  readonly colors?: ColorPCA;
  /** Of the normalisation, one number a channel; ImageNet's by default. */
  readonly mean?: Triple;
  readonly std?: Triple;
}

const DEFAULTS: Required<Omit<AugmentOptions, "colors">> & Pick<AugmentOptions, "colors"> = {
  crop: 224,
  colors: undefined,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/**
 * A training input [1, 3, crop, crop] of an image: a random crop, reflected or not, its colours shifted, normalised. The
 * image, of RGB or RGBA bytes, is larger than the crop, at best with its shorter side at 256 for a crop of 224. The same seed
 * gives the same numbers in every runtime.
 *
 *     const random = generator(seed);
 *     const x = augment(await resize(await decode(file), { width: 256, height: 256 }), random, { colors: IMAGENET_COLORS });
 *
 * Throws `bad-option`, `bad-image`.
 */
export function augment(image: RawPixels, random: Random, options: AugmentOptions = {}): Tensor {
  const { colors, mean, std, crop } = withDefaults("augment", DEFAULTS, options);
  checkPreprocess({ resize: null, crop: null, interpolation: "bilinear", mean, std });
  const sample = randomSample(image, random, { crop });
  const shift = colors ? colorShift(colors, random) : [0, 0, 0];
  return normalize(sample, { mean: mean.map((value, c) => value - shift[c]!), std });
}
