/** What a value of a net becomes when the net scans larger inputs, and how what cannot be so is refused. */
import { ConvzooError } from "../errors.js";
import type { Join, Pair } from "../layers.js";

/** A value of the net, in the form that it has at the native size. */
export interface Value {
  /** The map; of flat features, that whose flattening they are, which is what flows in the convolutional net. */
  readonly map: readonly [channels: number, height: number, width: number];
  readonly flat: boolean;
  /** How many times finer than natively its rows and columns lie, by a pooling that gave up its stride. */
  readonly fine: Pair;
  /** Whether it has one number a channel for the whole map at any size, as the factors of a squeeze have. */
  readonly whole: boolean;
}

/** Whether each number of the value belongs to one place: it is a map, or the features of a single cell. */
export const isOneCell = ({ map: [, height, width] }: Value): boolean => height === 1 && width === 1;

export const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((side, i) => side === b[i]);

/** The advice where a net is convolutional, but not `fine`. */
export const WITHOUT = "leave fine out";

/** Throws `not-convolutional` for the layer at this path, or for the whole net. */
export function refuse(path: string, why: string): never {
  const details = path ? { node: path } : {};
  throw new ConvzooError("not-convolutional", `${path || "The network"}: ${why}.`, details);
}

/** What the join at `path` gives, natively of so many channels. Throws `not-convolutional`. */
export function joined(op: Join["op"], path: string, values: readonly Value[], channels: number): Value {
  const [first, second] = values as readonly [Value, Value];
  if (op === "mul" && second.whole && !first.whole) return first;
  const [, height, width] = first.map;
  // Flattened maps joined end to end are no channels of anything.
  const mixed = op === "concat" && first.flat && !isOneCell(first);
  for (const { map, whole } of values) {
    if (!mixed && whole === first.whole && same(map.slice(1), [height, width])) continue;
    const maps = values.map((value) => value.map.join(" x ")).join(" and ");
    refuse(path, `${op} joins what comes of ${maps}, which no convolution does`);
  }
  return first.flat && !isOneCell(first) ? first : { ...first, map: [channels, height, width] };
}
