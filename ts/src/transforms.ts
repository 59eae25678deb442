/** How the makers of the networks prepared images: data for `load` and `preprocess`. Any field can be given anew by a spread. */
import { number } from "./check.js";
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
export const torchvision = (options: TransformOptions = {}): PreprocessOptions => ({
  ...{ resize: 256, crop: 224, interpolation: "bilinear", ...IMAGENET },
  ...options,
});

/**
 * timm's evaluation transform, from what a model's `pretrained_cfg` says: `crop` is its input size. Of the resized image
 * `cropPct` is seen: the shorter side becomes crop / cropPct, cut to an integer. With `cropMode: "squash"` both sides do, whatever
 * the ratio. Throws `bad-option` for a `cropPct` that is not above 0.
 */
export function timm({
  crop = 224,
  cropPct = 0.875,
  cropMode = "center",
  ...options
}: Omit<TransformOptions, "resize"> & {
  readonly cropPct?: number;
  readonly cropMode?: "center" | "squash";
} = {}): PreprocessOptions {
  const side = Math.floor(crop / number("timm", "cropPct", cropPct, 0));
  const resize = cropMode === "squash" ? ([side, side] as const) : side;
  return { interpolation: "bicubic", ...IMAGENET, ...options, resize, crop };
}

/**
 * Caffe's reference networks: channels from blue to red, as OpenCV reads them, with values from 0 to 255 less their `mean`,
 * here in that order.
 */
export const caffe = ({
  mean = [104, 117, 123],
  ...options
}: Omit<TransformOptions, "std"> = {}): PreprocessOptions => ({
  ...torchvision(options),
  mean: mean.map((value) => value / 255),
  std: [1 / 255, 1 / 255, 1 / 255],
  channels: "BGR",
});

/** TensorFlow's Inception networks and those after them: values from -1 to 1, the middle seven eighths of the image. */
export const inception = ({ crop = 299, ...options }: TransformOptions = {}): PreprocessOptions => ({
  ...{ resize: Math.floor(crop / 0.875), crop, interpolation: "bicubic", ...HALVES },
  ...options,
});

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
