/** Operators with weights, other than convolutions: Gemm, MatMul, norms, PRelu. */
import { affine, batchNorm2d, layerNorm, linear } from "../layers.js";
import { toFloat32, type WeightTensor } from "../weights/dtype.js";
import { asWeight, type Constant, knownNumbers, transposed } from "./constant.js";
import type { At, Value } from "./node.js";
import { axisAt, CHANNELS, compare, type Dim, withSize } from "./view.js";
import { expectChannels, vector } from "./windows.js";

/** alpha * A * B + beta * C, with constants B and C: a linear layer. */
export function gemm(at: At): Value {
  if (at.int("transA", 0) === 1) return at.refuse("transposes what depends on the image");
  const weight = weightOf(at, at.constant(1), at.int("transB", 0) === 1);
  const [alpha, beta] = [at.float("alpha", 1), at.float("beta", 1)];
  const given = at.optional(2);
  const outFeatures = weight.shape[0] as number;
  const shift = given && spread(at, given, outFeatures).map((number) => number * beta);
  const x = at.value(0);
  if (alpha === 1) return linearOf(at, x, weight, shift && asBias(shift));
  const y = linearOf(at, x, weight);
  return at.layer(
    affine(Array<number>(outFeatures).fill(alpha), shift ?? Array<number>(outFeatures).fill(0)),
    y,
  );
}

/** The last dimension times a matrix. */
export function matMul(at: At): Value {
  return linearOf(at, at.value(0), weightOf(at, at.constant(1), false));
}

export const asBias = (numbers: readonly number[]): WeightTensor => ({
  dtype: "f32",
  shape: [numbers.length],
  data: Float32Array.from(numbers),
});

/** [out, in], as a linear layer has it. */
function weightOf(at: At, matrix: Constant, isTurned: boolean): WeightTensor {
  const weight = matrix.shape.length === 2 ? asWeight(matrix, matrix.shape) : undefined;
  if (!weight)
    return at.refuse(`multiplies by a constant of ${matrix.shape.length} dimensions, which is no matrix`);
  return isTurned ? weight : at.derived(`${at.node.inputs[1]} turned`, () => transposed(weight));
}

/** One number for each feature, of as many or of one for all. */
function spread(at: At, constant: Constant, features: number): readonly number[] {
  const numbers = knownNumbers(constant);
  const isRow = constant.shape.slice(0, -1).every((side) => side === 1);
  if (numbers?.length === 1) return Array<number>(features).fill(numbers[0] as number);
  if (numbers?.length === features && isRow) return numbers;
  return at.refuse(
    `adds a constant [${constant.shape.join(", ")}], not one number for each of ${features} features`,
  );
}

/** A linear layer over flat features, or over the channels of each pixel where they are the last dimension. */
function linearOf(at: At, x: Value, weight: WeightTensor, bias?: WeightTensor): Value {
  const [outFeatures = 0, inFeatures = 0] = weight.shape;
  const weights = { weight, ...(bias && { bias }) };
  const last = x.view.length - 1;
  const isMap = x.shape.length === 4 && axisAt(x.view, last) === CHANNELS;
  if (isMap && (last > 1 || (isPixel(x) && isScale(at, at.node.outputs[0] as string)))) {
    expectChannels(at, x, inFeatures);
    const layer = linear(inFeatures, outFeatures, { bias: bias !== undefined, perPixel: true });
    const shape = x.shape.map((size, axis) => (axis === CHANNELS ? outFeatures : size));
    return { ...at.layer(layer, x, shape, weights), view: withSize(x.view, last, CHANNELS, outFeatures) };
  }
  const [flat, ordered] = flattened(at, x, weight);
  if (typeof flat.shape[1] === "number") expectChannels(at, flat, inFeatures);
  const layer = linear(inFeatures, outFeatures, { bias: bias !== undefined });
  return at.layer(layer, flat, [flat.shape[0] as Dim, outFeatures], { ...weights, weight: ordered });
}

const isPixel = ({ shape }: Value): boolean => shape[2] === 1 && shape[3] === 1;

/**
 * Whether features become a map again, as squeeze-excite's do that are computed by linear layers: then they stay a map of
 * one pixel. What the answer decides is only which layers are taken, so it may look at names alone.
 */
function isScale(at: At, output: string): boolean {
  const names = [output];
  for (let i = 0; i < names.length && i < 20; i++)
    for (const reader of at.scope.readers.get(names[i] as string) ?? []) {
      if (reader.opType === "Reshape" || reader.opType === "Unsqueeze") return true;
      if (BETWEEN.includes(reader.opType))
        names.push(...reader.outputs.filter((name) => !names.includes(name)));
    }
  return false;
}

const BETWEEN = [
  "Relu",
  "Sigmoid",
  "HardSigmoid",
  "HardSwish",
  "Clip",
  "Add",
  "Mul",
  "Gemm",
  "MatMul",
  "Dropout",
];

/**
 * The features as a layer flattens them, channels first, and the weight [out, in] for that order: models that were
 * made in TensorFlow flatten channels last.
 */
function flattened(at: At, x: Value, weight: WeightTensor): readonly [Value, WeightTensor] {
  const [batch, features, ...more] = x.view;
  const sorted = [...(features ?? [])].sort(compare);
  const isReordered = sorted.some((atom, i) => atom !== features?.[i]);
  if (x.shape.length !== 4 || more.length > 0 || !isReordered) return [at.asFlat(x), weight];
  const sizes = sorted.map(({ size }) =>
    typeof size === "number" ? size : at.refuse("flattens an unknown size"),
  );
  const flat = at.asFlat({ ...x, view: [batch ?? [], sorted] });
  // How far apart neighbours along each part lie, channels first.
  const steps =
    features?.map((atom) => sizes.slice(sorted.indexOf(atom) + 1).reduce((a, b) => a * b, 1)) ?? [];
  const sides = features?.map(({ size }) => size as number) ?? [];
  const key = `${at.node.inputs[1]} in the order ${steps} of ${sides}`;
  return [flat, at.derived(key, () => reordered(weight, sides, steps))];
}

/** Columns that count through `sides` moved to where `steps` lead. */
function reordered(weight: WeightTensor, sides: readonly number[], steps: readonly number[]): WeightTensor {
  const [rows = 0, columns = 0] = weight.shape;
  const from = toFloat32(weight);
  const data = new Float32Array(from.length);
  for (let j = 0; j < columns; j++) {
    let [to, rest] = [0, j];
    for (let k = sides.length - 1; k >= 0; k--) {
      const side = sides[k] as number;
      to += (rest % side) * (steps[k] as number);
      rest = Math.floor(rest / side);
    }
    for (let i = 0; i < rows; i++) data[i * columns + to] = from[i * columns + j] as number;
  }
  return { dtype: "f32", shape: weight.shape, data };
}

export function batchNormalization(at: At): Value {
  const x = at.features(0);
  if (
    at.int("training_mode", 0) === 1 ||
    at.int("spatial", 1) === 0 ||
    at.node.outputs.slice(1).some((name) => name)
  )
    return at.refuse("normalises by the batch's own statistics, as in training");
  if (axisAt(x.view, 1) !== CHANNELS) return at.refuse("normalises another dimension than the channels");
  const channels = at.constant(1).shape.reduce((a, b) => a * b, 1);
  expectChannels(at, x, channels);
  const [weight, bias, running_mean, running_var] = [1, 2, 3, 4].map((i) =>
    vector(at, at.constant(i), channels),
  );
  const layer = batchNorm2d(channels, { eps: at.float("epsilon", 1e-5) });
  return at.layer(layer, x, undefined, { weight, bias, running_mean, running_var } as Record<
    string,
    WeightTensor
  >);
}

/** Over the last dimension alone, where that is the channels. */
export function layerNormalization(at: At): Value {
  const x = at.features(0);
  const last = x.view.length - 1;
  const isLast = at.axis(at.int("axis", -1), x.view.length) === last;
  if (!isLast || axisAt(x.view, last) !== CHANNELS)
    return at.refuse("normalises more than the channels of a pixel");
  if (at.node.outputs.slice(1).some((name) => name)) return at.refuse("gives its statistics as well");
  const channels = at.constant(1).shape.reduce((a, b) => a * b, 1);
  expectChannels(at, x, channels);
  const given = at.optional(2);
  const bias = given ? vector(at, given, channels) : asBias(Array<number>(channels).fill(0));
  const weights = { weight: vector(at, at.constant(1), channels), bias };
  return at.layer(layerNorm(channels, { eps: at.float("epsilon", 1e-5) }), x, undefined, weights);
}
