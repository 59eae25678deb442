/** Layers that work on each number by itself, and softmax. */
import { deepFreeze, flag, integer, withDefaults } from "../check.js";
import type { Activation, ActivationKind, LogSoftmax, PReLU, Softmax } from "../layers.js";

/** Options of activations; `inplace` is only what PyTorch prints: nothing here overwrites a value that is read again. */
export interface ActivationOptions {
  readonly inplace?: boolean;
}

const activation =
  (kind: ActivationKind) =>
  (options: ActivationOptions = {}): Activation => {
    const { inplace } = withDefaults(kind, { inplace: false }, options);
    return deepFreeze({ op: "activation", kind, inplace: flag(kind, "inplace", inplace) });
  };

/** ReLU: max(x, 0). */
export const relu = activation("relu");
/** ReLU6: x cut to 0 to 6. */
export const relu6 = activation("relu6");
/** Hardswish: x * relu6(x + 3) / 6. */
export const hardswish = activation("hardswish");
/** Hardsigmoid: relu6(x + 3) / 6. */
export const hardsigmoid = activation("hardsigmoid");
/** Sigmoid: 1 / (1 + exp(-x)). */
export const sigmoid = activation("sigmoid");
/** SiLU, or swish: x * sigmoid(x). */
export const silu = activation("silu");
/** GELU, the exact one: x * (1 + erf(x / sqrt(2))) / 2. */
export const gelu = activation("gelu");
/** Tanh. */
export const tanh = activation("tanh");

/** PReLU, arXiv 1502.01852: max(x, 0) + slope * min(x, 0), with one slope or one a channel. Throws `bad-option`. */
export function prelu(slopes = 1): PReLU {
  return deepFreeze({ op: "prelu", slopes: integer("prelu", "slopes", slopes, 1) });
}

/** Softmax over the channels. */
export function softmax(): Softmax {
  return deepFreeze({ op: "softmax", dim: 1 });
}

/** LogSoftmax over the channels. */
export function logSoftmax(): LogSoftmax {
  return deepFreeze({ op: "log_softmax", dim: 1 });
}
