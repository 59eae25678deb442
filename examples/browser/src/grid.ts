/** Where a map's cells lie in the picture. */
import type { Box, ScoreMap } from "convzoo";
import type { Picture } from "./state.js";

export interface Grid {
  /** The cell nearest to the picture's centre. */
  readonly middle: number;
  /** The cell nearest to a place. */
  at(x: number, y: number): number;
  /** A cell as a tile of the map. */
  cell(k: number): Box;
  /** What the classifier sees for it. */
  window(k: number): Box;
}

/** One side of the map: centres are `first + k * step`. */
interface Axis {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

export function gridOf(map: ScoreMap, { width, height }: Picture): Grid {
  const [, rows = 1, columns = 1] = map.scores.shape;
  // With nothing suppressed every cell is a peak, and peaks know their places; two of them tell an axis.
  const cells = map.peaks(map.classes[0] as number, { threshold: Number.NEGATIVE_INFINITY, nms: 1 });
  const axis = (count: number, index: "i" | "j", place: "x" | "y"): Axis => {
    const [a] = cells;
    const b = cells.find((cell) => cell[index] !== a?.[index]);
    const step = a && b ? (b[place] - a[place]) / (b[index] - a[index]) : map.stride;
    return { first: a ? a[place] - a[index] * step : 0, step, count };
  };
  const [y, x] = [axis(rows, "i", "y"), axis(columns, "j", "x")];
  const inner = cells.reduce<Box | undefined>(
    (largest, { box }) =>
      largest && largest.width * largest.height >= box.width * box.height ? largest : box,
    undefined,
  );
  const [w, h] = [inner?.width ?? width, inner?.height ?? height];
  const centre = (k: number) =>
    [x.first + (k % columns) * x.step, y.first + Math.floor(k / columns) * y.step] as const;
  const around = (k: number, boxWidth: number, boxHeight: number): Box => {
    const [cx, cy] = centre(k);
    return { x: cx - boxWidth / 2, y: cy - boxHeight / 2, width: boxWidth, height: boxHeight };
  };
  const nearest = (axis: Axis, place: number) =>
    Math.min(axis.count - 1, Math.max(0, Math.round((place - axis.first) / axis.step)));
  const at = (px: number, py: number) => nearest(y, py) * columns + nearest(x, px);
  return {
    middle: at(width / 2, height / 2),
    at,
    cell: (k) => around(k, x.step, y.step),
    window: (k) => around(k, w, h),
  };
}
