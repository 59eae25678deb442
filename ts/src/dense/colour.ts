/** Numbers as colours. */
import {
  interpolateInferno,
  interpolateMagma,
  interpolatePlasma,
  interpolateTurbo,
  interpolateViridis,
} from "d3-scale-chromatic";
import { ConvzooError } from "../errors.js";

/** matplotlib's colour maps, and Google's turbo. */
export type Colormap = "viridis" | "magma" | "inferno" | "plasma" | "turbo";

const COLORMAPS: Readonly<Record<Colormap, (t: number) => string>> = {
  viridis: interpolateViridis,
  magma: interpolateMagma,
  inferno: interpolateInferno,
  plasma: interpolatePlasma,
  turbo: interpolateTurbo,
};

/** Pixels of red, green, blue and alpha, as ImageData has them. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** RGB bytes of 256 steps of a colour map. Throws `bad-option` for a name that there is not. */
export function palette(name: Colormap): Uint8Array {
  if (!Object.hasOwn(COLORMAPS, name)) {
    const known = Object.keys(COLORMAPS).join(", ");
    throw new ConvzooError("bad-option", `colormap is one of ${known}, not ${JSON.stringify(name)}.`);
  }
  const colours = Array.from({ length: 256 }, (_, i) => bytesOf(COLORMAPS[name](i / 255)));
  return Uint8Array.from(colours.flat());
}

/** Of "#rrggbb" or "rgb(r, g, b)". */
function bytesOf(css: string): readonly number[] {
  if (css.startsWith("#")) return [1, 3, 5].map((at) => Number.parseInt(css.slice(at, at + 2), 16));
  return [...css.matchAll(/\d+/g)].map(([number]) => Number(number));
}

/** Which step of a palette a value is, as a fraction; a range without width is all its end. */
export function fraction(value: number, [low, high]: readonly [number, number]): number {
  if (high <= low) return value >= high ? 1 : 0;
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

/** Values as opaque colours. */
export function paint(
  values: Float32Array,
  [width, height]: readonly [number, number],
  range: readonly [number, number],
  colormap: Colormap,
): RgbaImage {
  const colours = palette(colormap);
  const data = new Uint8ClampedArray(4 * width * height);
  for (const [k, value] of values.entries()) {
    const from = 3 * Math.round(255 * fraction(value, range));
    data.set(colours.subarray(from, from + 3), 4 * k);
    data[4 * k + 3] = 255;
  }
  return { width, height, data };
}

/** Values as colours over an image's RGB bytes, the more opaque the higher they are: up to `opacity`. */
export function paintOver(
  rgb: Uint8Array,
  values: Float32Array,
  [width, height]: readonly [number, number],
  range: readonly [number, number],
  { colormap, opacity }: { colormap: Colormap; opacity: number },
): RgbaImage {
  const colours = palette(colormap);
  const data = new Uint8ClampedArray(4 * width * height);
  for (const [k, value] of values.entries()) {
    const share = fraction(value, range);
    const from = 3 * Math.round(255 * share);
    for (let c = 0; c < 3; c++) {
      data[4 * k + c] = rgb[3 * k + c]! * (1 - opacity * share) + colours[from + c]! * opacity * share;
    }
    data[4 * k + 3] = 255;
  }
  return { width, height, data };
}
