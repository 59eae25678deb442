/** The places of a map where a class scores highest. */
import { type Box, boxAround, type Grid } from "./grid.js";

/** A place where a class scores high. */
export interface Peak {
  readonly score: number;
  /** The cell's row and column. */
  readonly i: number;
  readonly j: number;
  /** Its centre, in pixels of the image. */
  readonly x: number;
  readonly y: number;
  /** As much of the image around it as the network's own input holds. */
  readonly box: Box;
}

/** Of the highest peaks, how many: a map may have as many cells as an image has pixels. */
const MOST = 1000;

/**
 * The cells of at least `threshold`, the highest first, each but those whose window overlaps that of a higher peak by more
 * than `nms`, intersection over union (greedy non-maximum suppression). Windows are compared before the image's edge cuts them.
 */
export function findPeaks(map: Float32Array, grid: Grid, threshold: number, nms: number): readonly Peak[] {
  const { rows, columns } = grid;
  const order = [...map.keys()]
    .filter((cell) => map[cell]! >= threshold)
    .sort((a, b) => map[b]! - map[a]! || a - b);
  const placeOf = (cell: number) => ({ i: Math.floor(cell / columns.count), j: cell % columns.count });
  const overlap = (a: Peak, cell: number): number => {
    const { i, j } = placeOf(cell);
    const height = Math.max(0, rows.window - Math.abs(a.i - i) * rows.step);
    const width = Math.max(0, columns.window - Math.abs(a.j - j) * columns.step);
    const both = height * width;
    return both / (2 * rows.window * columns.window - both);
  };
  const peaks: Peak[] = [];
  for (const cell of order) {
    if (peaks.length === MOST) break;
    if (peaks.some((peak) => overlap(peak, cell) > nms)) continue;
    const { i, j } = placeOf(cell);
    const [x, y] = [columns.centre + j * columns.step, rows.centre + i * rows.step];
    peaks.push({ score: map[cell]!, i, j, x, y, box: boxAround(grid, i, j, "window") });
  }
  return peaks;
}
