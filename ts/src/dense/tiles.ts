/** Cutting an input that is too large into overlapping tiles whose cells together are the whole map's. */
import { ConvzooError } from "../errors.js";
import type { FieldAxis, Fields } from "./field.js";

/** A part of an axis: the pixels from `start` to `end` give, among others, the cells from `from` to `to`; ends excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

/**
 * Spans of at most `length` pixels whose cells are all of the axis's, in order; undefined where `length` is too short.
 *
 * A span begins at a multiple of every stride, and what lies behind it is one too: so padding that follows from a map's
 * size, and windows that hang over its end, are those of the whole. Cells that would see over an end of the span which is not
 * the image's are left to its neighbour.
 */
export function cut(
  { extent, count, align, ...field }: FieldAxis,
  length: number,
): readonly Span[] | undefined {
  const spans: Span[] = [];
  for (let [start, from] = [0, 0]; ; ) {
    const behind = Math.max(0, extent - start - length);
    const end = extent - Math.ceil(behind / align) * align;
    const to =
      end === extent ? count : Math.min(count, Math.floor((end - 1 - field.last) / field.stride) + 1);
    if (!(to > from)) return undefined;
    spans.push({ start, end, from, to });
    if (to === count) return spans;
    start = Math.max(0, Math.floor((to * field.stride + field.first) / align) * align);
    from = to;
  }
}

/** As many spans as `cut` gives, of lengths as even as that allows. */
function cutEvenly(axis: FieldAxis, length: number): readonly Span[] | undefined {
  const spans = cut(axis, length);
  if (!spans) return undefined;
  let [least, most] = [0, length];
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    if (cut(axis, middle)?.length === spans.length) most = middle;
    else least = middle;
  }
  return cut(axis, most);
}

/** Rows and columns of tiles. */
export interface Tiling {
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
}

const longest = (spans: readonly Span[]): number => Math.max(...spans.map(({ start, end }) => end - start));

/**
 * One tile where its run takes at most `most` bytes, else tiles whose runs take at most `budget` each, as large as that allows.
 * `room` says what an input of so many rows and columns takes. Throws `too-large` where the network cannot be cut, or not so
 * small.
 */
export async function tile(
  { rows, columns, whole }: Fields,
  room: (rows: number, columns: number) => Promise<number>,
  [most, budget]: readonly [most: number, budget: number],
): Promise<Tiling> {
  const all = ({ extent, count }: FieldAxis): Span => ({ start: 0, end: extent, from: 0, to: count });
  const needed = await room(rows.extent, columns.extent);
  if (needed <= most) return { rows: [all(rows)], columns: [all(columns)] };
  const size = (allowed: number) =>
    `${columns.extent} x ${rows.extent} pixels take ${mib(needed)} of memory, and ${mib(allowed)} are allowed`;
  if (whole !== undefined) {
    const message = `${size(most)}; ${whole} sees the whole image at once, so it cannot be cut. Pass a smaller scale, or more memory.`;
    throw new ConvzooError("too-large", message, { node: whole });
  }
  // Memory grows about as the area does; what a tile really takes corrects the guess.
  const probe = [rows, columns].map((axis) =>
    Math.min(axis.extent, 2 * (axis.last - axis.first + axis.align)),
  );
  let area = (budget * probe[0]! * probe[1]!) / (await room(probe[0]!, probe[1]!));
  for (;;) {
    const width = Math.floor(Math.min(columns.extent, Math.max(1, Math.sqrt(area), area / rows.extent)));
    const [down, across] = [cutEvenly(rows, Math.floor(area / width)), cutEvenly(columns, width)];
    if (!down || !across) {
      const message = `${size(budget)}, which is too little for the smallest tile that this network can be run on. Pass more memory.`;
      throw new ConvzooError("too-large", message);
    }
    const taken = await room(longest(down), longest(across));
    if (taken <= budget) return { rows: down, columns: across };
    area *= Math.min(0.95, budget / taken);
  }
}

const mib = (bytes: number): string =>
  Number.isFinite(bytes) ? `${Math.ceil(bytes / 2 ** 20)} MiB` : "more than can be had";
