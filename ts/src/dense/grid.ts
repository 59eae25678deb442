/** Where the cells of a map lie in the image, and the map at any place between them. */
import type { FieldAxis } from "./field.js";

/** A map's rows or columns, in pixels of the image given. */
export interface GridAxis {
  readonly count: number;
  /** From a cell's centre to the next one's, and where the first one's is. */
  readonly step: number;
  readonly centre: number;
  /** How much a cell sees around its centre; Infinity where it sees all. */
  readonly field: number;
  /** How large the network's own input is. */
  readonly window: number;
  /** Of the image. */
  readonly extent: number;
}

export interface Grid {
  readonly rows: GridAxis;
  readonly columns: GridAxis;
}

/** A rectangle in an image, in its pixels from the top left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The axis of a map of every `every`-th cell, of an input that is the image's `extent` resized. */
export function gridAxis(
  axis: FieldAxis,
  { extent, every, window, whole }: { extent: number; every: number; window: number; whole: boolean },
): GridAxis {
  const pixel = extent / axis.extent;
  return {
    count: Math.ceil(axis.count / every),
    step: axis.stride * every * pixel,
    centre: ((axis.first + axis.last + 1) / 2) * pixel,
    field: whole ? Number.POSITIVE_INFINITY : (axis.last - axis.first + 1) * pixel,
    window: window * pixel,
    extent,
  };
}

/** The part of the image that lies within `size` around the centre of a cell. */
export function boxAround({ rows, columns }: Grid, i: number, j: number, size: "field" | "window"): Box {
  const along = (axis: GridAxis, k: number): readonly [number, number] => {
    const centre = axis.centre + k * axis.step;
    return [Math.max(0, centre - axis[size] / 2), Math.min(axis.extent, centre + axis[size] / 2)];
  };
  const [[top, bottom], [left, right]] = [along(rows, i), along(columns, j)];
  return { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

/** The two cells around each place, and the second one's share; before the first centre and behind the last, that cell alone. */
interface Between {
  readonly low: Int32Array;
  readonly share: Float64Array;
}

function between(axis: GridAxis, places: number, at: (k: number) => number): Between {
  const low = new Int32Array(places);
  const share = new Float64Array(places);
  for (let k = 0; k < places; k++) {
    const cell = Math.min(axis.count - 1, Math.max(0, (at(k) - axis.centre) / axis.step));
    low[k] = Math.min(Math.max(0, axis.count - 2), Math.floor(cell));
    share[k] = cell - low[k]!;
  }
  return { low, share };
}

/**
 * The map at rows x columns places, bilinearly between the centres of its cells; `placeOf` gives the place, in pixels of the
 * image, of each row and column.
 */
export function sample(
  map: Float32Array,
  grid: Grid,
  [rows, columns]: readonly [number, number],
  placeOf: { readonly row: (i: number) => number; readonly column: (j: number) => number },
): Float32Array {
  const [down, across] = [
    between(grid.rows, rows, placeOf.row),
    between(grid.columns, columns, placeOf.column),
  ];
  const width = grid.columns.count;
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    const top = down.low[i]! * width;
    const bottom = grid.rows.count > 1 ? top + width : top;
    const share = down.share[i]!;
    for (let j = 0; j < columns; j++) {
      const left = across.low[j]!;
      const right = width > 1 ? left + 1 : left;
      const x = across.share[j]!;
      const above = map[top + left]! * (1 - x) + map[top + right]! * x;
      const below = map[bottom + left]! * (1 - x) + map[bottom + right]! * x;
      out[i * columns + j] = above * (1 - share) + below * share;
    }
  }
  return out;
}

/** The map at the centres of another grid's cells. */
export function sampleOnto(map: Float32Array, grid: Grid, onto: Grid): Float32Array {
  const centre = (axis: GridAxis) => (k: number) => axis.centre + k * axis.step;
  return sample(map, grid, [onto.rows.count, onto.columns.count], {
    row: centre(onto.rows),
    column: centre(onto.columns),
  });
}

/** The map on `height` x `width` pixels that cover the image. */
export function sampleImage(map: Float32Array, grid: Grid, width: number, height: number): Float32Array {
  const centre = (pixels: number, extent: number) => (k: number) => ((k + 0.5) * extent) / pixels;
  return sample(map, grid, [height, width], {
    row: centre(height, grid.rows.extent),
    column: centre(width, grid.columns.extent),
  });
}
