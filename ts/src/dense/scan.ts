/** One map: a fully convolutional network over an input of any size, in tiles where it is large. */
import type { Host } from "../backend/host.js";
import { ConvzooError } from "../errors.js";
import type { Shape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Fields } from "./field.js";
import type { Source } from "./source.js";
import { type Span, type Tiling, tile } from "./tiles.js";
import type { View } from "./view.js";

/** How a map is made. */
export interface ScanOptions {
  /** The classes whose maps are kept. */
  readonly classes: readonly number[];
  /** Every how manyth cell is kept. */
  readonly every: number;
  /** Bytes that the maps of a run may take: of the whole input, and of each tile where that is too little. */
  readonly memory: readonly [whole: number, tile: number];
  readonly signal?: AbortSignal;
}

/** A scan that is ready: its sizes are known and checked. */
export interface Scan {
  readonly fields: Fields;
  readonly every: number;
  readonly tiles: number;
  /** Runs it; `onTile` is called after each tile. */
  run(onTile: () => void): Promise<Tensor>;
}

/** Floats that a map may have: 1 GiB. */
const MOST = 2 ** 28;

/** Plans a scan; `fields` are those at the source's size. Throws `too-large`. */
export async function planScan(
  host: Host,
  { graph, id: view }: View,
  source: Source,
  fields: Fields,
  { classes, every, memory, signal }: ScanOptions,
): Promise<Scan> {
  const [height, width] = [fields.rows, fields.columns].map(({ count }) => Math.ceil(count / every));
  const shape = [classes.length, height!, width!];
  checkMap(shape);
  const outputs = [graph.output];
  const room = async (rows: number, columns: number): Promise<number> => {
    const input = [1, source.shape[0], rows, columns];
    return host.call("room", { shape: input, outputs, view }, { signal }).catch((error) => {
      if (error instanceof ConvzooError && error.code === "too-large") return Number.POSITIVE_INFINITY;
      throw error;
    });
  };
  const tiling = await tile(fields, room, memory);
  return {
    fields,
    every,
    tiles: tiling.rows.length * tiling.columns.length,
    async run(onTile) {
      const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
      for (const [rows, columns] of pairs(tiling)) {
        const input = await source.tile(rows, columns);
        const transfer = [input.data.buffer as ArrayBuffer];
        const [, map] = await host.call("run", { input, outputs, view }, { signal, transfer });
        const offset = [rows.start / fields.rows.stride, columns.start / fields.columns.stride] as const;
        copy(map!, { data, shape }, { rows, columns, offset, classes, every });
        onTile();
      }
      return { shape, data };
    },
  };
}

function checkMap(shape: Shape): void {
  const floats = shape.reduce((a, b) => a * b, 1);
  if (floats <= MOST) return;
  const message = `The map of ${shape.join(" x ")} scores takes ${Math.ceil(floats / 2 ** 18)} MiB, and at most 1024 are held.`;
  throw new ConvzooError(
    "too-large",
    `${message} Name the classes that you need, or pass a stride that keeps fewer cells.`,
  );
}

function* pairs({ rows, columns }: Tiling): Generator<readonly [Span, Span]> {
  for (const down of rows) for (const across of columns) yield [down, across];
}

interface Part {
  readonly rows: Span;
  readonly columns: Span;
  /** The place of the tile's first cells in the whole map. */
  readonly offset: readonly [number, number];
  readonly classes: readonly number[];
  readonly every: number;
}

/** Copies the cells of a tile that are the whole map's, and are kept. */
function copy({ shape, data }: Tensor, to: Tensor, { rows, columns, offset, classes, every }: Part): void {
  const [, , h = 0, w = 0] = shape;
  const [, height = 0, width = 0] = to.shape;
  const first = (cell: number) => Math.ceil(cell / every) * every;
  for (const [c, index] of classes.entries()) {
    for (let i = first(rows.from); i < rows.to; i += every) {
      const from = (index * h + i - offset[0]) * w - offset[1];
      const into = (c * height + i / every) * width;
      for (let j = first(columns.from); j < columns.to; j += every)
        to.data[into + j / every] = data[from + j]!;
    }
  }
}
