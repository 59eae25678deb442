/** Checks of preprocessing options, before they cross to the core's side. Loaded when first needed. */
import { ConvzooError } from "../errors.js";
import { MAX_PIXELS, MAX_SIDE } from "./pixels.js";
import { badOption, checkFilter, isPositiveInteger, type PreprocessOptions } from "./preprocess.js";

const KNOWN: readonly string[] = [
  ...["resize", "crop", "interpolation", "mean", "std", "scale", "shift", "channels", "grayscale"],
];

/** Throws `bad-option` unless these are {@link PreprocessOptions}, with nothing missing and nothing else. */
export function checkPreprocess(options: PreprocessOptions): void {
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
