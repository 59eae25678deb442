/** Operators that move numbers: other dimensions, other orders, parts of a value, values side by side, zeros around. */
import { maxPool2d, padChannels, slice, zeroPad2d } from "../layers.js";
import { knownNumbers, numbersOf } from "./constant.js";
import type { At, Part, Value } from "./node.js";
import { axisAt, CHANNELS, type Dim, dimsOf, reshaped, sameView, type View, withSize } from "./view.js";

/** Reshape, Flatten, Squeeze, Unsqueeze, Transpose: nothing moves, unless that deals out channels. */
export function reviewed(at: At): Value {
  const x = at.value(0);
  return at.shuffled({ ...x, view: viewAfter(at, x) });
}

function viewAfter(at: At, { view }: Value): View {
  const rank = view.length;
  switch (at.opType) {
    case "Transpose":
      return at.permutation(rank).map((from) => view[from] as View[number]);
    case "Flatten": {
      const given = at.int("axis", 1);
      const axis = given === rank ? rank : at.axis(given, rank);
      return [view.slice(0, axis).flat(), view.slice(axis).flat()];
    }
    case "Unsqueeze": {
      const dims = [...view];
      for (const axis of at.axes(rank, 1, true).sort((a, b) => a - b)) dims.splice(axis, 0, []);
      return dims;
    }
    case "Squeeze": {
      const given = at.axes(rank, 1);
      const isOne = (_: unknown, axis: number) =>
        given.length > 0 ? given.includes(axis) : dimsOf(view)[axis] === 1;
      if (view.some((group, axis) => isOne(group, axis) && group.length > 0))
        return at.refuse("takes away a dimension that is more than 1, or the batch");
      return view.filter((group, axis) => !isOne(group, axis));
    }
    default: {
      const target = numbersOf(at.constant(1)) ?? at.refuse("reshapes to too many dimensions");
      const allowsZero = at.int("allowzero", 0) === 1;
      const dims = target.map((dim, i) => (dim === 0 && !allowsZero ? (dimsOf(view)[i] ?? 0) : dim));
      const found =
        dims.length <= 8 && dims.indexOf(-1) === dims.lastIndexOf(-1) ? reshaped(view, dims) : undefined;
      return (
        found ?? at.refuse(`reshapes [${dimsOf(view).join(", ")}] to [${target.slice(0, 9).join(", ")}]`)
      );
    }
  }
}

/** Values joined along their channels. */
export function concat(at: At): Value {
  const values = at.node.inputs.map((_, i) => at.value(i));
  const rank = values[0]?.view.length ?? 0;
  const axis = at.axis(at.int("axis", 1), rank);
  const isOfChannels = ({ view, shape }: Value, first: Value) =>
    axisAt(view, axis) === CHANNELS &&
    shape.length === first.shape.length &&
    sameView(withSize(view, axis, CHANNELS, "C"), withSize(first.view, axis, CHANNELS, "C"));
  let [found, first] = [values, values[0] as Value];
  if (!values.every((value) => isOfChannels(value, first))) {
    found = values.map((value) => (value.view.length === 2 ? at.asFlat(value) : at.asMap(value)));
    first = found[0] as Value;
    if (!found.every((value) => isOfChannels(value, first)))
      return at.refuse("joins values along another dimension than the channels");
  }
  const sizes = found.map(({ shape }) => shape[CHANNELS] as Dim);
  const known = sizes.filter((size) => typeof size === "number");
  const channels = known.length === sizes.length ? known.reduce((a, b) => a + b, 0) : sizes.join("+");
  if (found.length === 1) return first;
  const shape = first.shape.map((size, i) => (i === CHANNELS ? channels : size));
  return at.join("concat", found, shape, withSize(first.view, axis, CHANNELS, channels));
}

/** The channels cut into parts, one an output. */
export function split(at: At): readonly Value[] {
  const x = at.value(0);
  const axis = at.axis(at.int("axis", 0), x.view.length);
  const size = dimsOf(x.view)[axis];
  if (typeof size !== "number") return at.refuse("splits a size that is not known");
  const count = at.int("num_outputs", at.node.outputs.length);
  const given = at.list("split", 1);
  const each = Math.ceil(size / count);
  const sizes = given.length > 0 ? given : at.node.outputs.map((_, i) => Math.min(each, size - i * each));
  let end = 0;
  return sizes.map((part) => {
    const start = end;
    end += part;
    return partOf(at, x, { axis, start, end, step: 1 });
  });
}

/** Slice: of the channels, or of rows and columns, where steps are a pooling of single pixels. */
export function slices(at: At): Value {
  const x = at.value(0);
  return at.slices(dimsOf(x.view)).reduce((value, part) => partOf(at, value, part), x);
}

function partOf(at: At, x: Value, { axis: index, start, end, step }: Part): Value {
  const size = dimsOf(x.view)[index] as Dim;
  const axis = axisAt(x.view, index);
  const isToEnd = end === size || end >= 2 ** 31 - 1;
  if (start === 0 && isToEnd && step === 1) return x;
  if (axis < CHANNELS || x.shape.length !== 4 || step < 1)
    return at.refuse("takes a part of something else than a map");
  if (axis === CHANNELS) {
    if (typeof size !== "number" || step !== 1)
      return at.refuse("takes channels that do not lie side by side");
    if (!(start >= 0 && start < end && end <= size))
      return at.fail("bad-net", `takes channels ${start} to ${end} of ${size}`);
    return {
      ...at.layer(slice(start, end), x, resized(x, axis, end - start)),
      view: withSize(x.view, index, axis, end - start),
    };
  }
  // Of an unknown size, the ends can still be told from its end.
  const after = isToEnd ? 0 : typeof size === "number" ? size - end : end < 0 ? -end : undefined;
  if (after === undefined || start < 0) return at.refuse("takes a part of a size that is not known");
  const rest = typeof size === "number" ? Math.ceil((size - start - after) / step) : `${at.name}.${axis}`;
  if (typeof rest === "number" && rest < 1) return at.fail("bad-net", "takes an empty part");
  const cut = ([2, 3] as const).map((one) =>
    one === axis ? ([-start, -after] as const) : ([0, 0] as const),
  );
  const [[top, bottom], [left, right]] = cut as unknown as [[number, number], [number, number]];
  const shape = resized(x, axis, rest);
  const view = withSize(x.view, index, axis, rest);
  const cropped = start === 0 && after === 0 ? x : at.layer(zeroPad2d([top, left, bottom, right]), x, shape);
  if (step === 1) return { ...cropped, view };
  const stride = axis === 2 ? ([step, 1] as const) : ([1, step] as const);
  return { ...at.layer(maxPool2d(1, { stride }), cropped, shape), view };
}

const resized = ({ shape }: Value, axis: number, size: Dim): readonly Dim[] =>
  shape.map((other, i) => (i === axis ? size : other));

/** Gather of channels that lie side by side; one by itself takes the dimension away. */
export function gather(at: At): Value {
  const x = at.value(0);
  const index = at.axis(at.int("axis", 0), x.view.length);
  const size = dimsOf(x.view)[index];
  const given = at.constant(1);
  const places = knownNumbers(given)?.map((place) =>
    place < 0 && typeof size === "number" ? place + size : place,
  );
  const [start] = places ?? [];
  const isRow = places?.every((place, i) => place === (start ?? 0) + i) && given.shape.length < 2;
  if (start === undefined || !places || !isRow || axisAt(x.view, index) !== CHANNELS)
    return at.refuse("gathers other places than neighbouring channels");
  const part = partOf(at, x, { axis: index, start, end: start + places.length, step: 1 });
  return given.shape.length === 1 ? part : { ...part, view: part.view.filter((_, i) => i !== index) };
}

/** Zeros around a map, before and after its channels. */
export function pad(at: At): Value {
  const x = at.value(0);
  const rank = x.view.length;
  const given = at.list("pads", 1);
  const axes = at.opset >= 18 && at.input(3) ? at.axes(rank, 3) : Array.from({ length: rank }, (_, i) => i);
  if (at.string("mode", "constant") !== "constant" || at.scalar("value", 2, 0) !== 0)
    return at.refuse("pads with something else than zeros");
  if (given.length !== 2 * axes.length) return at.fail("bad-net", `has ${given.length} numbers as its pads`);
  const ends = new Map<number, readonly [number, number]>();
  let { view } = x;
  for (const [i, index] of axes.entries()) {
    const [before, after] = [given[i] as number, given[i + axes.length] as number];
    if (before === 0 && after === 0) continue;
    const axis = axisAt(x.view, index);
    if (axis < CHANNELS || x.shape.length !== 4 || (axis === CHANNELS && Math.min(before, after) < 0))
      return at.refuse("pads something else than a map");
    ends.set(axis, [before, after]);
    view = withSize(view, index, axis, grown(x.shape[axis] as Dim, before + after));
  }
  const shape = x.shape.map((size, axis) => grown(size, ends.get(axis)?.reduce((a, b) => a + b, 0) ?? 0));
  if (shape.some((size) => typeof size === "number" && size < 1))
    return at.fail("bad-net", "cuts everything away");
  let y: Value = x;
  const [[top, bottom], [left, right]] = [ends.get(2) ?? [0, 0], ends.get(3) ?? [0, 0]] as const;
  if (ends.has(2) || ends.has(3)) y = at.layer(zeroPad2d([top, left, bottom, right]), y);
  const channels = ends.get(CHANNELS);
  if (channels) y = at.layer(padChannels(...channels), y);
  return { ...y, shape, view };
}

const grown = (size: Dim, by: number): Dim =>
  typeof size === "number" ? size + by : by === 0 ? size : `(${size} + ${by})`;

/** The mean over all rows and columns, kept as a pixel or not. */
export function reduceMean(at: At, pool: (x: Value) => Value): Value {
  const x = at.value(0);
  const axes = at.axes(x.view.length, at.opset < 18 ? undefined : 1);
  const reduced = axes.flatMap((axis) => x.view[axis] ?? []);
  const isOfPixels = reduced.every(({ at: [axis] }) => axis === 2 || axis === 3);
  const isWhole = x.view.every(
    (group, i) => axes.includes(i) || group.every(({ at: [axis] }) => axis !== 2 && axis !== 3),
  );
  if (x.shape.length !== 4 || axes.length === 0 || !isOfPixels || !isWhole)
    return at.refuse("averages over other dimensions than all rows and columns");
  const y = pool(x);
  const keeps = at.int("keepdims", 1) === 1;
  const view = x.view
    .map((group, i) => (axes.includes(i) ? [] : group))
    .filter((_, i) => keeps || !axes.includes(i));
  return { ...y, view };
}
