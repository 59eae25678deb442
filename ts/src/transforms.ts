/** How the makers of the networks prepared images: data for `load` and `preprocess`. Any field can be given anew by a spread. */
import { number, show, withDefaults } from "./check.js";
import { ConvzooError } from "./errors.js";
import type { PreprocessOptions } from "./image/preprocess.js";

/** What can differ between networks that were trained alike. */
export interface TransformOptions {
  /** What the shorter side becomes. */
  readonly resize?: number;
  /** The square in the middle. */
  readonly crop?: number;
  readonly interpolation?: PreprocessOptions["interpolation"];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** Statistics of ImageNet's training images, red, green, blue. */
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** Values from -1 to 1. */
const HALVES = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;

/** torchvision's `ImageClassification` preset: the shorter side to 256, the middle 224 x 224, ImageNet's statistics. */
export const torchvision = (options: TransformOptions = {}): PreprocessOptions =>
  withDefaults<Required<TransformOptions>>(
    "torchvision",
    { resize: 256, crop: 224, interpolation: "bilinear", ...IMAGENET },
    options,
  );

/** Options of {@link timm}. */
export interface TimmOptions extends Omit<TransformOptions, "resize"> {
  /** How much of the resized image is seen; 0.875 by default. */
  readonly cropPct?: number;
  /** `"squash"` resizes both sides, whatever the ratio; `"center"` by default. */
  readonly cropMode?: "center" | "squash";
}

/**
 * timm's evaluation transform, from what a model's `pretrained_cfg` says: `crop` is its input size. The shorter side becomes
 * crop / cropPct, cut to an integer. Throws `bad-option`.
 */
export function timm(options: TimmOptions = {}): PreprocessOptions {
  const defaults = {
    crop: 224,
    cropPct: 0.875,
    cropMode: "center",
    interpolation: "bicubic",
    ...IMAGENET,
  } as const;
  const { cropPct, cropMode, ...rest } = withDefaults<Required<TimmOptions>>("timm", defaults, options);
  const side = Math.floor(rest.crop / number("timm", "cropPct", cropPct, 0));
  if (cropMode === "center") return { ...rest, resize: side };
  if (cropMode === "squash") return { ...rest, resize: [side, side] };
  const message = `timm: cropMode must be "center" or "squash", but is ${show(cropMode)}.`;
  throw new ConvzooError("bad-option", message);
}

/**
 * Caffe's reference networks: channels from blue to red, as OpenCV reads them, with values from 0 to 255 less their `mean`,
 * here in that order. Throws `bad-option`.
 */
export function caffe(options: Omit<TransformOptions, "std"> = {}): PreprocessOptions {
  const defaults = { resize: 256, crop: 224, interpolation: "bilinear", mean: [104, 117, 123] } as const;
  const { mean, ...rest } = withDefaults<Required<Omit<TransformOptions, "std">>>("caffe", defaults, options);
  const std = [1 / 255, 1 / 255, 1 / 255];
  return { ...rest, mean: mean.map((value) => value / 255), std, channels: "BGR" };
}

/** TensorFlow's Inception networks and those after them: values from -1 to 1, the middle seven eighths of the image. */
export function inception(options: TransformOptions = {}): PreprocessOptions {
  const crop = options.crop ?? 299;
  const resize = Math.floor(crop / 0.875);
  return withDefaults<Required<TransformOptions>>(
    "inception",
    { resize, crop, interpolation: "bicubic", ...HALVES },
    options,
  );
}

/** MNIST's digits, one channel, with the statistics of its training set. */
export const mnist = {
  resize: 28,
  crop: 28,
  interpolation: "bilinear",
  grayscale: true,
  mean: [0.1307],
  std: [0.3081],
} as const satisfies PreprocessOptions;

/** CIFAR-10's images as they are, with the statistics of its training set. */
export const cifar10 = {
  resize: 32,
  crop: 32,
  interpolation: "bilinear",
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
} as const satisfies PreprocessOptions;

/** CIFAR-100's images as they are, with the statistics of its training set. */
export const cifar100 = {
  ...cifar10,
  mean: [0.5071, 0.4865, 0.4409],
  std: [0.2673, 0.2564, 0.2762],
} as const satisfies PreprocessOptions;

/** The lecture's: the whole image as it is, 0.5 + 0.5 * (img - img.mean()) / img.std(). For networks that take any size. */
export const lecture = {
  ...{ resize: null, crop: null, interpolation: "bilinear" },
  ...{ mean: "image", std: "image", scale: 0.5, shift: 0.5 },
} as const satisfies PreprocessOptions;
