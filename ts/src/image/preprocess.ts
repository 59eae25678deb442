import { ConvzooError } from "../errors.js";
import type { Pixels, Tensor } from "../tensor.js";
import { type CropBox, centerBox, cropPixels } from "./crop.js";
import { normalize } from "./normalize.js";
import { MAX_PIXELS, MAX_SIDE } from "./pixels.js";

/** Pillow's resampling filters. */
export const FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] as const;
export type Filter = (typeof FILTERS)[number];

/** How an image becomes a network's input: plain data, which goes with a checkpoint. */
export interface PreprocessOptions {
  /** What the shorter side becomes, the ratio kept; null leaves the size. */
  readonly resize: number | null;
  /** The square or [rows, columns] to cut out of the middle; null keeps all. */
  readonly crop: number | readonly [number, number] | null;
  readonly interpolation: Filter;
  /** One number a channel: three, or one with `grayscale`. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly grayscale?: boolean;
}

/** The size and filter to resize to. */
export interface ResizeTarget {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
  /** The part of the result that is wanted, within it; all by default. The rest is not computed. */
  readonly part?: CropBox;
}

/** The core's resize: Pillow's bytes for gray, RGB or RGBA pixels. Its arguments have been checked. */
export type ResizeFn = (pixels: Pixels, target: ResizeTarget) => Pixels | Promise<Pixels>;

/**
 * torchvision's preset for classification: resize the shorter side, crop the centre, normalise.
 * Gives a tensor [1, C, H, W]. Throws `bad-option`; `too-large` if the resized image would be.
 */
export async function preprocessPixels(
  pixels: Pixels,
  options: PreprocessOptions,
  resize: ResizeFn,
): Promise<Tensor> {
  checkOptions(options);
  const { resize: side, crop, interpolation: filter } = options;
  if (side !== null && crop !== null) {
    const size = resizedSize(pixels, side);
    const part = centerBox(size, crop);
    // Only the crop's pixels are made, of which each is the same as in the whole.
    if (part.left >= 0 && part.top >= 0)
      return normalize(await resizePixels(pixels, { ...size, filter, part }, resize), options);
  }
  const sized =
    side === null ? pixels : await resizePixels(pixels, { ...resizedSize(pixels, side), filter }, resize);
  return normalize(crop === null ? sized : cropPixels(sized, crop), options);
}

/**
 * Resizes to a size, checked before anything is allocated. Throws `bad-option` for a size that is not of whole numbers
 * of at least 1 or a filter that there is not; `too-large` for sides above 65,535 or too many pixels, also between the
 * horizontal and the vertical pass.
 */
export async function resizePixels(pixels: Pixels, target: ResizeTarget, resize: ResizeFn): Promise<Pixels> {
  const { width, height, filter } = target;
  checkFilter(filter);
  for (const [name, side] of [
    ["width", width],
    ["height", height],
  ] as const) {
    if (!isPositiveInteger(side)) throw badOption(name, "a whole number of at least 1", side);
  }
  const pixelsBetween = width * Math.max(height, pixels.height);
  if (width > MAX_SIDE || height > MAX_SIDE || pixelsBetween > MAX_PIXELS) {
    throw new ConvzooError(
      "too-large",
      `Resizing ${pixels.width} x ${pixels.height} pixels to ${width} x ${height} takes more memory than is allowed; ` +
        "ask for a smaller size, or crop the image first.",
    );
  }
  return resize(pixels, target);
}

/** The size whose shorter side is `side`, rounded as torchvision's `Resize` does: the longer one is cut to an integer. */
export function resizedSize(
  size: { width: number; height: number },
  side: number,
): { width: number; height: number } {
  const { width, height } = size;
  return width <= height
    ? { width: side, height: Math.trunc((side * height) / width) }
    : { width: Math.trunc((side * width) / height), height: side };
}

function checkOptions(options: PreprocessOptions): void {
  if (typeof options !== "object" || options === null) throw badOption("preprocess", "an object", options);
  const { resize, crop, interpolation, mean, std, grayscale } = options;
  const isSide = (n: unknown) => isPositiveInteger(n) && n <= MAX_SIDE;
  if (resize !== null && !isSide(resize))
    throw badOption("resize", `null or a whole number from 1 to ${MAX_SIDE}`, resize);
  const isPair =
    Array.isArray(crop) && crop.length === 2 && crop.every(isSide) && crop[0] * crop[1] <= MAX_PIXELS;
  if (crop !== null && !isSide(crop) && !isPair) {
    throw badOption(
      "crop",
      `null, a whole number from 1 to ${MAX_SIDE}, or a pair [rows, columns] of them`,
      crop,
    );
  }
  checkFilter(interpolation);
  if (grayscale !== undefined && typeof grayscale !== "boolean")
    throw badOption("grayscale", "true or false", grayscale);
  const channels = grayscale ? 1 : 3;
  const isPerChannel = (list: unknown) =>
    Array.isArray(list) && list.length === channels && list.every((n) => Number.isFinite(n));
  const wanted =
    channels === 1 ? "an array of one number, as grayscale is true" : "an array of three numbers";
  if (!isPerChannel(mean)) throw badOption("mean", wanted, mean);
  if (!isPerChannel(std) || std.some((n) => Math.fround(n) === 0))
    throw badOption("std", `${wanted}, none of them 0`, std);
}

function checkFilter(filter: unknown): void {
  if (!(FILTERS as readonly unknown[]).includes(filter))
    throw badOption("filter", `one of ${FILTERS.join(", ")}`, filter);
}

function isPositiveInteger(n: unknown): n is number {
  return Number.isInteger(n) && (n as number) > 0;
}

function badOption(name: string, wanted: string, found: unknown): ConvzooError {
  const shown =
    typeof found === "string" ? `"${found}"` : Array.isArray(found) ? `[${found.join(", ")}]` : String(found);
  return new ConvzooError("bad-option", `Image option ${name} is ${wanted}; ${shown} was given.`);
}
