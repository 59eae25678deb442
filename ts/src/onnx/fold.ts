/** Operators whose inputs are all constants: their results are, too. */
import {
  asWeight,
  type Constant,
  computed,
  knownNumbers,
  MOST_NUMBERS,
  numbersOf,
  pairwise,
  transposed,
  underShape,
} from "./constant.js";
import type { At } from "./node.js";
import { type Dim, dimsOf, product } from "./view.js";

/** The constant that a node gives; undefined where it is not of those that are computed here. */
export function fold(at: At, inputs: readonly (Constant | undefined)[]): Constant | undefined {
  const [first] = inputs;
  if (at.opType === "ConstantOfShape") return filled(at, first);
  if (!first) return undefined;
  switch (at.opType) {
    case "Identity":
    case "Dropout":
      return first;
    case "Cast":
      return cast(at, first);
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      return inputs[1] && arithmetic(at.opType, first, inputs[1]);
    case "Concat":
      return joined(at, inputs);
    case "Gather":
      return inputs[1] && gathered(at, first, inputs[1]);
    case "Slice":
      return sliced(at, first);
    case "Transpose":
      return turned(at, first);
    case "Unsqueeze": {
      const axes = at.axes(first.shape.length, at.opset < 13 ? undefined : 1, true);
      const shape = [...first.shape];
      for (const axis of axes.sort((a, b) => a - b)) shape.splice(axis, 0, 1);
      return underShape(first, shape);
    }
    case "Squeeze": {
      const given = at.axes(first.shape.length, at.opset < 13 ? undefined : 1);
      const axes = given.length > 0 ? given : first.shape.flatMap((side, axis) => (side === 1 ? [axis] : []));
      return axes.every((axis) => first.shape[axis] === 1)
        ? underShape(
            first,
            first.shape.filter((_, axis) => !axes.includes(axis)),
          )
        : undefined;
    }
    case "Reshape":
      return inputs[1] && reshape(first, inputs[1]);
    case "ReduceProd": {
      const numbers = first.shape.length === 1 ? numbersOf(first) : undefined;
      return numbers && computed(at.int("keepdims", 1) ? [1] : [], [product(numbers)], first.isInteger);
    }
    default:
      return undefined;
  }
}

/** The sizes of a value, which may be names. */
export function shapeOf(at: At): Constant {
  const given = at.input(0);
  const dims: readonly Dim[] = given?.kind === "constant" ? given.shape : dimsOf(at.value(0).view);
  const part = dims.slice(at.int("start", 0), at.has("end") ? at.int("end", 0) : undefined);
  return computed([part.length], part);
}

function filled(at: At, shape: Constant | undefined): Constant | undefined {
  const sides = shape && knownNumbers(shape);
  const count = sides?.reduce((a, b) => a * b, 1);
  if (!sides || count === undefined || !(count >= 0 && count <= MOST_NUMBERS)) return undefined;
  const value = at.tensor("value");
  const [number = 0] = (value && knownNumbers(value)) ?? [];
  return computed(sides, Array<number>(count).fill(number), value?.isInteger ?? false);
}

/** ONNX's element types that are integers, and truth values. */
const INTEGERS = [2, 3, 4, 5, 6, 7, 9, 12, 13];

function cast(at: At, from: Constant): Constant | undefined {
  const isInteger = INTEGERS.includes(at.int("to", 1));
  if (isInteger === from.isInteger) return from;
  // A weight's element type makes no difference to what reads it; sizes must be cut to integers.
  if (!isInteger) return { ...from, isInteger };
  const numbers = numbersOf(from);
  return (
    numbers &&
    computed(
      from.shape,
      numbers.map((n) => (typeof n === "number" ? Math.trunc(n) : n)),
    )
  );
}

function arithmetic(op: "Add" | "Sub" | "Mul" | "Div", a: Constant, b: Constant): Constant | undefined {
  const isInteger = a.isInteger && b.isInteger;
  return pairwise(a, b, (x, y) => {
    if (typeof x !== "number" || typeof y !== "number") {
      if ((op === "Mul" || op === "Div") && y === 1) return x;
      return op === "Mul" ? product([x, y]) : `(${x} ${op} ${y})`;
    }
    if (op === "Add") return x + y;
    if (op === "Sub") return x - y;
    if (op === "Mul") return x * y;
    return isInteger ? Math.trunc(x / y) : x / y;
  });
}

function joined(at: At, inputs: readonly (Constant | undefined)[]): Constant | undefined {
  const parts = inputs.map((input) => (input?.shape.length === 1 ? numbersOf(input) : undefined));
  const count = parts.reduce((sum, part) => sum + (part?.length ?? NaN), 0);
  if (at.int("axis", 0) > 0 || !(count <= MOST_NUMBERS)) return undefined;
  return computed(
    [count],
    parts.flatMap((part) => part ?? []),
    inputs[0]?.isInteger,
  );
}

/** Of a list of numbers, one or some. */
function gathered(at: At, from: Constant, indices: Constant): Constant | undefined {
  const [numbers, places] = [numbersOf(from), knownNumbers(indices)];
  if (from.shape.length !== 1 || !numbers || !places || at.int("axis", 0) > 0) return undefined;
  const found = places.map((place) => numbers.at(place));
  return found.every((n) => n !== undefined) ? computed(indices.shape, found, from.isInteger) : undefined;
}

function sliced(at: At, from: Constant): Constant | undefined {
  const numbers = numbersOf(from);
  const parts = at.slices(from.shape);
  const [{ axis, start, end, step } = { axis: -1, start: 0, end: 0, step: 1 }] = parts;
  if (!numbers || parts.length !== 1 || axis !== 0) return undefined;
  const rest = from.shape.slice(1);
  const each = rest.reduce((a, b) => a * b, 1);
  const rows: number[] = [];
  if (step > 0) for (let row = start; row < end; row += step) rows.push(row);
  else for (let row = start; row > end; row += step) rows.push(row);
  const found = rows.flatMap((row) => numbers.slice(row * each, (row + 1) * each));
  return computed([rows.length, ...rest], found, from.isInteger);
}

function turned(at: At, from: Constant): Constant | undefined {
  const { shape } = from;
  const order = at.permutation(shape.length);
  if (order.every((axis, i) => axis === i)) return from;
  const weight = shape.length === 2 ? asWeight(from, shape) : undefined;
  if (!weight) return undefined;
  const tensor = at.derived(`${at.node.inputs[0]} turned`, () => transposed(weight));
  return { kind: "constant", shape: tensor.shape, isInteger: from.isInteger, tensor };
}

function reshape(from: Constant, target: Constant): Constant | undefined {
  const sides = knownNumbers(target)?.map((side, i) => (side === 0 ? (from.shape[i] ?? 0) : side));
  if (!sides) return undefined;
  const count = from.shape.reduce((a, b) => a * b, 1);
  const known = sides.filter((side) => side !== -1).reduce((a, b) => a * b, 1);
  const shape = sides.map((side) => (side === -1 ? count / known : side));
  const fits =
    shape.reduce((a, b) => a * b, 1) === count && shape.every((side) => Number.isInteger(side) && side >= 0);
  return fits ? underShape(from, shape) : undefined;
}
