/** The sizes at which an image is seen, and how their maps become one. */
import { ConvzooError } from "../errors.js";
import { MAX_SIDE } from "../image/pixels.js";
import type { Tensor } from "../tensor.js";
import { type Grid, sampleOnto } from "./grid.js";

/** Factors of the image's own size, or OverFeat's six sizes. */
export type Scales = readonly number[] | "overfeat";

/** The six sizes of OverFeat (arXiv 1312.6229, table 5), shorter side first. */
const OVERFEAT = [
  [245, 245],
  [281, 317],
  [317, 389],
  [389, 461],
  [425, 497],
  [461, 569],
] as const;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The sizes, each once, in the order given. Throws `bad-option`. */
export function sizesOf({ width, height }: Size, scales: Scales): readonly Size[] {
  if (scales === "overfeat") {
    return OVERFEAT.map(([short, long]) =>
      width < height ? { width: short, height: long } : { width: long, height: short },
    );
  }
  const isFactor = (scale: unknown) => typeof scale === "number" && scale > 0 && Number.isFinite(scale);
  if (!Array.isArray(scales) || scales.length === 0 || !scales.every(isFactor)) {
    const message = `scales is "overfeat" or a list of factors above 0, such as [0.5, 1], not ${JSON.stringify(scales)}.`;
    throw new ConvzooError("bad-option", message);
  }
  const sizes = scales.map((scale) => ({
    width: Math.max(1, Math.round(scale * width)),
    height: Math.max(1, Math.round(scale * height)),
  }));
  const tooLarge = sizes.find((size) => size.width > MAX_SIDE || size.height > MAX_SIDE);
  if (tooLarge) {
    const message = `At scale ${scales[sizes.indexOf(tooLarge)]} the image would be ${tooLarge.width} x ${tooLarge.height} pixels.`;
    throw new ConvzooError("too-large", `${message} Use smaller scales.`);
  }
  return sizes;
}

/** A map and where it lies. */
export interface Placed {
  readonly scores: Tensor;
  readonly grid: Grid;
}

/**
 * The maps of several scales (or models) on the grid of the finest, bilinearly, and there averaged: by `weights`, whose sum is 1,
 * if there are any.
 */
export function merge(maps: readonly Placed[], weights?: readonly number[]): Placed {
  const finest = maps.reduce((a, b) => (b.grid.rows.step < a.grid.rows.step ? b : a));
  const { grid } = finest;
  const [classes = 0, h = 0, w = 0] = finest.scores.shape;
  const data = new Float32Array(classes * h * w);
  for (let c = 0; c < classes; c++) {
    const sums = new Float64Array(h * w);
    for (const [m, map] of maps.entries()) {
      const weight = weights?.[m] ?? 1 / maps.length;
      const cells = map.scores.data.length / classes;
      const one = map.scores.data.subarray(c * cells, (c + 1) * cells);
      const values = map === finest ? one : sampleOnto(one, map.grid, grid);
      for (const [k, value] of values.entries()) sums[k]! += weight * value;
    }
    data.set(sums, c * h * w);
  }
  return { scores: { shape: [classes, h, w], data }, grid };
}
