import { ConvzooError } from "../errors.js";
import { type Pixels, stack, type Tensor } from "../tensor.js";
import { type Crops, cropBoxes, cut } from "./crop.js";
import { normalize } from "./normalize.js";
import { MAX_PIXELS, MAX_SIDE } from "./pixels.js";

/** Pillow's resampling filters. */
export const FILTERS = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] as const;
export type Filter = (typeof FILTERS)[number];

/** How an image becomes a network's input: plain data, which goes with a checkpoint. `transforms` has the usual ones. */
export interface PreprocessOptions {
  /** What the shorter side becomes, the ratio kept; or [rows, columns], whatever the ratio; null leaves the size. */
  readonly resize: number | readonly [number, number] | null;
  /** The square or [rows, columns] to cut out of the middle; null keeps all. */
  readonly crop: number | readonly [number, number] | null;
  readonly interpolation: Filter;
  /**
   * What is subtracted from the values, which are from 0 to 1: one number a channel, three or with `grayscale` one, in the
   * order of `channels`; or `"image"`, the mean of all values of this image.
   */
  readonly mean: readonly number[] | "image";
  /** What they are then divided by, in the same forms; `"image"` is the deviation of all values, as torch's `std()`. */
  readonly std: readonly number[] | "image";
  /** What they are multiplied by after that; 1 unless given. */
  readonly scale?: number;
  /** What is added in the end; 0 unless given. */
  readonly shift?: number;
  /** The order of the channels: `"BGR"` for networks trained in Caffe; `"RGB"` unless given. */
  readonly channels?: "RGB" | "BGR";
  readonly grayscale?: boolean;
}

/** The size and filter to resize to. */
export interface ResizeTarget {
  readonly width: number;
  readonly height: number;
  readonly filter: Filter;
}

/** The core's resize: Pillow's bytes for RGB pixels. Its arguments have been checked. */
export type ResizeFn = (pixels: Pixels, target: ResizeTarget) => Pixels | Promise<Pixels>;

/**
 * torchvision's preset for classification: resize, crop, normalise. Gives a tensor [N, C, H, W] with an image for each of
 * `crops`. Throws `bad-option`; `too-large` if the resized image would be; `bad-image` where an image's own deviation is 0.
 */
export async function preprocessPixels(
  pixels: Pixels,
  options: PreprocessOptions,
  resize: ResizeFn,
  crops: Crops = "center",
): Promise<Tensor> {
  checkOptions(options);
  const { resize: to, crop, interpolation: filter } = options;
  const size = typeof to === "number" ? resizedSize(pixels, to) : to && { width: to[1], height: to[0] };
  const sized = size ? await resizePixels(pixels, { ...size, filter }, resize) : pixels;
  const boxes = cropBoxes(sized, crop, crops);
  return stack(boxes.map((box) => normalize(crop === null ? sized : cut(sized, box), options)));
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

const KNOWN: readonly string[] = [
  ...["resize", "crop", "interpolation", "mean", "std", "scale", "shift", "channels", "grayscale"],
];

function checkOptions(options: PreprocessOptions): void {
  if (typeof options !== "object" || options === null) throw badOption("preprocess", "an object", options);
  for (const name of Object.keys(options)) {
    if (KNOWN.includes(name)) continue;
    throw new ConvzooError(
      "bad-option",
      `There is no image option "${name}"; there are ${KNOWN.join(", ")}.`,
    );
  }
  const { resize, crop, interpolation, mean, std, scale = 1, shift = 0 } = options;
  const { channels = "RGB", grayscale = false } = options;
  checkSides("resize", resize);
  checkSides("crop", crop);
  checkFilter(interpolation);
  if (typeof grayscale !== "boolean") throw badOption("grayscale", "true or false", grayscale);
  if (channels !== "RGB" && (channels !== "BGR" || grayscale))
    throw badOption("channels", '"RGB" or, without grayscale, "BGR"', channels);
  const wanted = grayscale ? "an array of one number, as grayscale is true" : "an array of three numbers";
  const isPerChannel = (list: unknown) =>
    Array.isArray(list) && list.length === (grayscale ? 1 : 3) && list.every((n) => Number.isFinite(n));
  if (mean !== "image" && !isPerChannel(mean)) throw badOption("mean", `"image" or ${wanted}`, mean);
  if (std !== "image" && (!isPerChannel(std) || std.some((n) => Math.fround(n) === 0)))
    throw badOption("std", `"image" or ${wanted}, none of them 0`, std);
  if (!Number.isFinite(scale)) throw badOption("scale", "a number", scale);
  if (!Number.isFinite(shift)) throw badOption("shift", "a number", shift);
}

function checkSides(name: string, sides: PreprocessOptions["crop"]): void {
  const isSide = (n: unknown) => isPositiveInteger(n) && n <= MAX_SIDE;
  if (sides === null || isSide(sides)) return;
  if (Array.isArray(sides) && sides.length === 2 && sides.every(isSide) && sides[0] * sides[1] <= MAX_PIXELS)
    return;
  throw badOption(
    name,
    `null, a whole number from 1 to ${MAX_SIDE}, or a pair [rows, columns] of them`,
    sides,
  );
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
