import { show } from "../check.js";
import { ConvzooError } from "../errors.js";
import { type Pixels, stack, type Tensor } from "../tensor.js";
import { type CropBox, cut, type View, viewBox } from "./crop.js";
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
  /** The part of the result that is wanted, within it; all by default. The rest is not computed. */
  readonly part?: CropBox;
}

/** The core's resize: Pillow's bytes for gray, RGB or RGBA pixels. Its arguments have been checked. */
export type ResizeFn = (pixels: Pixels, target: ResizeTarget) => Pixels | Promise<Pixels>;

/**
 * torchvision's preset for classification: resize, crop, normalise. Gives a tensor [N, C, H, W] with an image for each
 * view, by default the one in the centre. The options have been checked (checks.ts).
 *
 * Throws `bad-option` where the image is too small for its crops; `too-large` if the resized image would be; `bad-image`
 * where all values are the same and `std` is the image's own.
 */
export async function preprocessPixels(
  pixels: Pixels,
  options: PreprocessOptions,
  resize: ResizeFn,
  views: readonly View[] = [{ at: "center", reflect: false }],
): Promise<Tensor> {
  const { resize: to, crop, interpolation: filter } = options;
  const size = to === null ? undefined : resizedSize(pixels, to);
  if (crop === null && views.some(({ at }) => at !== "center"))
    throw badOption("crop", 'a size where crops is not "center"', crop);
  const [view, ...others] = views;
  if (size && crop !== null && view && others.length === 0) {
    const part = viewBox(size, crop, view);
    // Only the crop's pixels are made, of which each is the same as in the whole.
    if (part.left >= 0 && part.top >= 0) {
      const made = await resizePixels(pixels, { ...size, filter, part }, resize);
      const box = { ...part, left: 0, top: 0 };
      return normalize(view.reflect ? cut(made, box, true) : made, options);
    }
  }
  const sized = size ? await resizePixels(pixels, { ...size, filter }, resize) : pixels;
  const seen = (view: View) => (crop === null ? sized : cut(sized, viewBox(sized, crop, view), view.reflect));
  return stack(views.map((view) => normalize(seen(view), options)));
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

/**
 * The size after {@link PreprocessOptions.resize}; where it gives the shorter side, rounded as torchvision's `Resize` does: the
 * longer one is cut to an integer.
 */
export function resizedSize(
  { width, height }: { width: number; height: number },
  resize: PreprocessOptions["resize"],
): { width: number; height: number } {
  if (resize === null) return { width, height };
  if (typeof resize !== "number") return { width: resize[1], height: resize[0] };
  return width <= height
    ? { width: resize, height: Math.trunc((resize * height) / width) }
    : { width: Math.trunc((resize * width) / height), height: resize };
}

/** Throws `bad-option`. */
export function checkFilter(filter: unknown): void {
  if (!(FILTERS as readonly unknown[]).includes(filter))
    throw badOption("filter", `one of ${FILTERS.join(", ")}`, filter);
}

export function isPositiveInteger(n: unknown): n is number {
  return Number.isInteger(n) && (n as number) > 0;
}

/** The refusal of an option. */
export function badOption(name: string, wanted: string, found: unknown): ConvzooError {
  return new ConvzooError("bad-option", `Image option ${name} is ${wanted}; ${show(found)} was given.`);
}
