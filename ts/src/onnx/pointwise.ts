/** Operators that work on each number by itself: activations, and arithmetic with constants or between values. */
import {
  affine,
  gelu,
  hardsigmoid,
  hardswish,
  type Leaf,
  linear,
  logSoftmax,
  prelu,
  relu,
  relu6,
  sigmoid,
  silu,
  softmax,
  tanh,
} from "../layers.js";
import { type Constant, knownNumbers } from "./constant.js";
import { asBias } from "./dense.js";
import type { At, Erf, Known, Value } from "./node.js";
import { axisAt, CHANNELS, type Dim, sameView } from "./view.js";

/** The activation that a node is. */
export function activation(at: At): Value {
  const x = at.value(0);
  const made = (layer: Leaf) => at.layer(layer, x);
  switch (at.opType) {
    case "Relu":
      return made(relu());
    case "Sigmoid":
      return made(sigmoid());
    case "Tanh":
      return made(tanh());
    case "HardSwish":
      return made(hardswish());
    case "Gelu":
      return at.string("approximate", "none") === "none"
        ? made(gelu())
        : at.refuse("approximates GELU by tanh");
    case "LeakyRelu":
      return at.layer(prelu(1), x, undefined, { weight: asBias([at.float("alpha", 0.01)]) });
    case "HardSigmoid":
      return hardSigmoid(at, x);
    default:
      return clip(at, x);
  }
}

/** max(0, min(1, alpha * x + beta)); PyTorch's is that of 1 / 6 and 1 / 2. */
function hardSigmoid(at: At, x: Value): Value {
  const [alpha, beta] = [6 * at.float("alpha", 0.2), 6 * at.float("beta", 0.5) - 3];
  const isPlain = Math.abs(alpha - 1) < 1e-6 && Math.abs(beta) < 1e-6;
  return at.layer(hardsigmoid(), isPlain ? x : scaled(at, x, [alpha], [beta]));
}

/** A cut to 0 to 6, or to 0 and more; other ends are no layer's. */
function clip(at: At, x: Value): Value {
  const least = at.scalar("min", 1, -Infinity);
  const most = at.scalar("max", 2, Infinity);
  // Writers that know no infinity take the largest float.
  const [isOpenBelow, isOpenAbove] = [least <= -3.4e38, most >= 3.4e38];
  if (isOpenBelow && isOpenAbove) return x;
  if (least === 0 && isOpenAbove) return at.layer(relu(), x);
  if (least === 0 && most === 6) return at.layer(relu6(), x);
  return at.refuse(`cuts to ${least} to ${most}`);
}

export function pRelu(at: At): Value {
  const x = at.features(0);
  const slopes = perChannel(at, at.constant(1), x);
  return at.layer(prelu(slopes.length), x, undefined, { weight: asBias(slopes) });
}

/** Softmax and its logarithm over the channels. Before opset 13 a node takes all dimensions from its axis on. */
export function softmaxOf(at: At): Value {
  const x = at.features(0);
  const rank = x.view.length;
  const axis = at.axis(at.int("axis", at.opset < 13 ? 1 : -1), rank);
  const isAlone = at.opset >= 13 || x.view.slice(axis + 1).every((group) => group.length === 0);
  if (axisAt(x.view, axis) !== CHANNELS || !isAlone)
    return at.refuse("is over other dimensions than the channels");
  return at.layer(at.opType === "Softmax" ? softmax() : logSoftmax(), x);
}

/** Add, Sub, Mul, Div. */
export function arithmetic(at: At): Known {
  const [a, b] = [at.input(0), at.input(1)];
  if (a?.kind === "erf" || b?.kind === "erf") return withErf(at, a, b);
  if (a?.kind === "value" && b?.kind === "value") return between(at, a, b);
  const isFirst = a?.kind === "value";
  const x = at.features(isFirst ? 0 : 1);
  const numbers = perChannel(at, at.constant(isFirst ? 1 : 0), x);
  const each = (of: (n: number) => number) => numbers.map(of);
  const all = (number: number) => each(() => number);
  switch (at.opType) {
    case "Add":
      return plus(at, x, numbers);
    case "Sub":
      return isFirst
        ? plus(
            at,
            x,
            each((n) => -n),
          )
        : scaled(at, x, all(-1), numbers);
    case "Mul":
      return scaled(at, x, numbers, all(0));
    default:
      return isFirst
        ? scaled(
            at,
            x,
            each((n) => 1 / n),
            all(0),
          )
        : at.refuse("divides by a value");
  }
}

/** A constant as one number for all, or one for each channel. */
function perChannel(at: At, constant: Constant, { view, shape }: Value): readonly number[] {
  const offset = view.length - constant.shape.length;
  const wide = constant.shape.flatMap((side, i) => (side === 1 ? [] : [i + offset]));
  const isOfChannels = wide.length === 1 && axisAt(view, wide[0] as number) === CHANNELS;
  const numbers = knownNumbers(constant);
  if (numbers && offset >= 0 && (wide.length === 0 || (isOfChannels && numbers.length === shape[CHANNELS])))
    return numbers;
  return at.refuse(
    `combines a value with a constant [${constant.shape.join(", ")}], which is not one number for each channel`,
  );
}

/** x * scale + shift; what was scaled and shifted just before is so once, and not at all where that leaves it alone. */
function scaled(at: At, x: Value, scale: readonly number[], shift: readonly number[]): Value {
  const before = at.scope.draft.get(x.id);
  const { layer } = before ?? {};
  if (!before || typeof layer !== "object" || layer.op !== "affine") {
    const isIdentity = scale.every((n) => n === 1) && shift.every((n) => n === 0);
    return isIdentity ? x : at.layer(affine(scale, shift), x);
  }
  const count = Math.max(scale.length, layer.scale.length);
  const of = (numbers: readonly number[], i: number) => numbers[numbers.length === 1 ? 0 : i] as number;
  const both = Array.from({ length: count }, (_, i) => ({
    scale: of(layer.scale, i) * of(scale, i),
    shift: of(layer.shift, i) * of(scale, i) + of(shift, i),
  }));
  const id = before.inputs[0] as number;
  return scaled(
    at,
    { ...x, id },
    both.map((one) => one.scale),
    both.map((one) => one.shift),
  );
}

/** A constant added: the bias of a MatMul, where nothing else reads that. */
function plus(at: At, x: Value, numbers: readonly number[]): Value {
  const before = at.scope.draft.get(x.id);
  const { layer } = before ?? {};
  const name = at.node.inputs.find((input) => at.scope.values.get(input) === x) ?? "";
  const isAlone = at.scope.readers.get(name)?.length === 1;
  if (!before || typeof layer !== "object" || layer.op !== "linear" || layer.bias || !isAlone)
    return scaled(at, x, Array<number>(numbers.length).fill(1), numbers);
  const { inFeatures, outFeatures, perPixel } = layer;
  const bias = numbers.length === 1 ? Array<number>(outFeatures).fill(numbers[0] as number) : numbers;
  const weights = { ...before.weights, bias: asBias(bias) };
  const id = at.scope.draft.add({ ...before, layer: linear(inFeatures, outFeatures, { perPixel }), weights });
  return { ...x, id };
}

/** Two values, number by number; a factor may be one number for each channel. */
function between(at: At, a: Value, b: Value): Value {
  if (at.opType === "Div") return at.refuse("divides by a value");
  if (at.opType === "Mul") return gated(at, a, b) ?? gated(at, b, a) ?? times(at, a, b);
  return sum(at, [a, at.opType === "Sub" ? scaled(at, b, [-1], [0]) : b]);
}

/** x * sigmoid(x) is SiLU, x * hardsigmoid(x) hardswish. */
function gated(at: At, x: Value, gate: Value): Value | undefined {
  const { layer, inputs } = at.scope.draft.get(gate.id) ?? {};
  if (
    typeof layer !== "object" ||
    layer.op !== "activation" ||
    inputs?.[0] !== x.id ||
    !sameView(x.view, gate.view)
  )
    return undefined;
  if (layer.kind === "sigmoid") return at.layer(silu(), x);
  return layer.kind === "hardsigmoid" ? at.layer(hardswish(), x) : undefined;
}

function times(at: At, a: Value, b: Value): Value {
  if (isFactor(b, a)) return at.join("mul", [a, b], a.shape, a.view);
  if (isFactor(a, b)) return at.join("mul", [b, a], b.shape, b.view);
  const [x, y] = alike(at, [a, b]) as [Value, Value];
  return at.join("mul", [x, y], x.shape, x.view);
}

/** Whether it is one pixel, with the channels of a larger map in the same dimension. */
function isFactor(factor: Value, of: Value): boolean {
  const isPixel = factor.shape.length === 4 && factor.shape[2] === 1 && factor.shape[3] === 1;
  const isLarger = of.shape.length === 4 && (of.shape[2] !== 1 || of.shape[3] !== 1);
  if (!isPixel || !isLarger || factor.view.length !== of.view.length || factor.shape[1] !== of.shape[1])
    return false;
  return of.view.every((group, i) => {
    const axis = group[0]?.at[0] ?? -1;
    return axis < 0 || axis > CHANNELS || JSON.stringify(group) === JSON.stringify(factor.view[i]);
  });
}

export function sum(at: At, values: readonly Value[]): Value {
  const [first, ...rest] = alike(at, values);
  if (!first) return at.fail("bad-net", "adds nothing");
  return rest.length === 0 ? first : at.join("add", [first, ...rest], first.shape, first.view);
}

/** Values that are seen the same way, and have the same sizes where those are known. */
function alike(at: At, values: readonly Value[]): readonly Value[] {
  const [first] = values as [Value];
  const isSame = values.every(
    ({ view, shape }) => sameView(view, first.view) && shape.length === first.shape.length,
  );
  const found = isSame
    ? values
    : values.map((value) => (value.view.length === 2 ? at.asFlat(value) : at.asMap(value)));
  const shape = found[0]?.shape ?? [];
  const differs = (a: Dim, b: Dim | undefined) => typeof a === "number" && typeof b === "number" && a !== b;
  for (const other of found)
    if (other.shape.length !== shape.length || other.shape.some((size, axis) => differs(size, shape[axis])))
      return at.refuse(
        `combines values of different sizes, [${shape.join(", ")}] and [${other.shape.join(", ")}]`,
      );
  return found;
}

/** x / sqrt(2) under the error function: the first step of a GELU written out. */
export function erf(at: At): Erf {
  const given = at.node.inputs[0] as string;
  const found = factorOf(at, given);
  if (!found || Math.abs(found.factor - Math.SQRT1_2) > 1e-6)
    return at.refuse("takes the error function of something else than a GELU does");
  return { kind: "erf", of: found.of, scale: 1, shift: 0 };
}

/** What the value of this name is a multiple of, if a Mul or Div by one number makes it. */
function factorOf(at: At, name: string): { readonly of: Value; readonly factor: number } | undefined {
  const maker = at.scope.makers.get(name);
  if (!maker || (maker.opType !== "Mul" && maker.opType !== "Div")) return undefined;
  const [a, b] = maker.inputs.map((input) => at.scope.values.get(input));
  const [x, constant] = a?.kind === "constant" && maker.opType === "Mul" ? [b, a] : [a, b];
  const [number, ...more] = (constant?.kind === "constant" && knownNumbers(constant)) || [];
  if (x?.kind !== "value" || number === undefined || more.length > 0) return undefined;
  return { of: x, factor: maker.opType === "Mul" ? number : 1 / number };
}

/** Steps of x * (1 + erf(x / sqrt(2))) / 2, in whatever order the factors come. */
function withErf(at: At, a: Known | undefined, b: Known | undefined): Known {
  const [e, other, i] = a?.kind === "erf" ? [a, b, 1] : [b as Erf, a, 0];
  if (other?.kind === "constant") {
    const [number, ...more] = knownNumbers(other) ?? [];
    const divides = at.opType === "Div" && i === 1;
    if (number !== undefined && more.length === 0) {
      if (at.opType === "Add") return { ...e, shift: e.shift + number };
      const factor = divides ? 1 / number : number;
      if (at.opType === "Mul" || divides) return { ...e, scale: e.scale * factor, shift: e.shift * factor };
    }
  }
  if (other?.kind === "value" && at.opType === "Mul" && Math.abs(e.scale - e.shift) < 1e-6) {
    const isItself = other.id === e.of.id;
    const found = isItself ? { of: other, factor: 1 } : factorOf(at, at.node.inputs[i] as string);
    if (found?.of.id === e.of.id)
      return scaled(at, at.layer(gelu(), e.of), [2 * found.factor * e.scale], [0]);
  }
  return at.refuse("computes with the error function what no GELU does");
}
