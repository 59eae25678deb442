/** Each operator of ONNX as layers: the one list of what is translated. */
import { adaptiveAvgPool2d, adaptiveMaxPool2d, localResponseNorm } from "../layers.js";
import type { Constant } from "./constant.js";
import { batchNormalization, gemm, layerNormalization, matMul } from "./dense.js";
import { fold, shapeOf } from "./fold.js";
import { concat, gather, pad, reduceMean, reviewed, slices, split } from "./moves.js";
import type { At, Known, Value } from "./node.js";
import { activation, arithmetic, erf, pRelu, softmaxOf, sum } from "./pointwise.js";
import { averagePool, conv, maxPool } from "./windows.js";

/** What a node gives, output by output. */
export function convert(at: At): readonly Known[] {
  const { opType } = at;
  if (opType === "Constant") return [constant(at)];
  if (opType === "Shape") return [shapeOf(at)];
  const inputs = at.node.inputs.map((_, i) => at.input(i));
  if (inputs.every((input) => input === undefined || input.kind === "constant")) {
    const folded = fold(at, inputs as (Constant | undefined)[]);
    return [folded ?? at.refuse("computes a constant that is not known")];
  }
  if (opType === "Split") return split(at);
  return [one(at)];
}

function one(at: At): Known {
  switch (at.opType) {
    case "Conv":
      return conv(at);
    case "Gemm":
      return gemm(at);
    case "MatMul":
      return matMul(at);
    case "BatchNormalization":
      return batchNormalization(at);
    case "LayerNormalization":
      return layerNormalization(at);
    case "LRN":
      return localResponse(at);
    case "MaxPool":
      return maxPool(at);
    case "AveragePool":
      return averagePool(at);
    case "GlobalAveragePool":
      return globalAverage(at)(at.map(0));
    case "GlobalMaxPool": {
      const x = at.map(0);
      return at.layer(adaptiveMaxPool2d(1), x, pixelOf(x));
    }
    case "ReduceMean":
      return reduceMean(at, globalAverage(at));
    case "Relu":
    case "LeakyRelu":
    case "Clip":
    case "Sigmoid":
    case "HardSigmoid":
    case "HardSwish":
    case "Tanh":
    case "Gelu":
      return activation(at);
    case "PRelu":
      return pRelu(at);
    case "Erf":
      return erf(at);
    case "Softmax":
    case "LogSoftmax":
      return softmaxOf(at);
    case "Add":
    case "Sub":
    case "Mul":
    case "Div":
      return arithmetic(at);
    case "Sum":
      return sum(
        at,
        at.node.inputs.map((_, i) => at.value(i)),
      );
    case "Concat":
      return concat(at);
    case "Slice":
      return slices(at);
    case "Gather":
      return gather(at);
    case "Pad":
      return pad(at);
    case "Reshape":
    case "Flatten":
    case "Squeeze":
    case "Unsqueeze":
    case "Transpose":
      return reviewed(at);
    case "Identity":
      return at.input(0) as Known;
    case "Dropout":
      return dropped(at);
    case "Cast":
      return FLOATS.includes(at.int("to", 1)) ? at.value(0) : at.refuse("makes integers of a value");
    default:
      return at.refuse("is an operator that classifiers seldom have");
  }
}

/** float32, float16, float64, bfloat16: everything is computed in float32. */
const FLOATS = [1, 10, 11, 16];

function constant(at: At): Known {
  const [value, float, int] = [
    at.tensor("value"),
    at.node.attributes.get("value_float"),
    at.node.attributes.get("value_int"),
  ];
  if (value) return value;
  const [floats, ints] = [
    at.node.attributes.get("value_floats")?.floats,
    at.node.attributes.get("value_ints")?.ints,
  ];
  const made = (shape: readonly number[], numbers: readonly number[], isInteger: boolean): Constant => ({
    kind: "constant",
    shape,
    isInteger,
    numbers,
  });
  if (float?.float !== undefined) return made([], [float.float], false);
  if (int?.int !== undefined) return made([], [int.int], true);
  if (floats) return made([floats.length], floats, false);
  return ints ? made([ints.length], ints, true) : at.refuse("holds neither numbers nor a tensor");
}

/** The identity, unless a constant says that the network is in training. */
function dropped(at: At): Known {
  const training = at.optional(2);
  const isOn = training !== undefined && at.scalar("training_mode", 2, 0) !== 0;
  return isOn ? at.refuse("drops at random, as in training") : (at.input(0) as Known);
}

const pixelOf = ({ shape }: Value) => [...shape.slice(0, 2), 1, 1];
const globalAverage = (at: At) => (x: Value) => at.layer(adaptiveAvgPool2d(1), x, pixelOf(x));

/** AlexNet's normalisation; an even size has another middle than PyTorch's. */
function localResponse(at: At): Value {
  const size = at.int("size", 0);
  if (size % 2 === 0) return at.refuse(`normalises over ${size} channels, an even number`);
  const [alpha, beta, k] = [at.float("alpha", 1e-4), at.float("beta", 0.75), at.float("bias", 1)];
  return at.layer(localResponseNorm(size, { alpha, beta, k }), at.map(0));
}
