/** Normalisation, and scaling by learnt or fixed factors. */
import { deepFreeze, flag, integer, list, number, withDefaults } from "../check.js";
import type { Affine, BatchNorm2d, LayerNorm2d, LayerScale, LocalResponseNorm } from "../layers.js";

/** Options of {@link batchNorm2d}; `momentum` only shows in the print. */
export interface BatchNorm2dOptions {
  readonly eps?: number;
  readonly momentum?: number;
  readonly affine?: boolean;
}

/**
 * BatchNorm2d, arXiv 1502.03167, as it is after training: (x - running_mean) / sqrt(running_var + eps), then
 * weight and bias. Throws `bad-option`.
 */
export function batchNorm2d(channels: number, options: BatchNorm2dOptions = {}): BatchNorm2d {
  const defaults = { eps: 1e-5, momentum: 0.1, affine: true };
  const o = withDefaults<Required<BatchNorm2dOptions>>("batchNorm2d", defaults, options);
  return deepFreeze({
    op: "batch_norm2d",
    channels: integer("batchNorm2d", "channels", channels, 1),
    eps: number("batchNorm2d", "eps", o.eps, 0),
    momentum: number("batchNorm2d", "momentum", o.momentum),
    affine: flag("batchNorm2d", "affine", o.affine),
  });
}

/** Options of {@link layerNorm} and {@link layerNorm2d}. */
export interface LayerNormOptions {
  readonly eps?: number;
}

const layerNormOf =
  (type: LayerNorm2d["type"]) =>
  (channels: number, options: LayerNormOptions = {}): LayerNorm2d => {
    const { eps } = withDefaults(type, { eps: 1e-5 }, options);
    return deepFreeze({
      op: "layer_norm2d",
      type,
      channels: integer(type, "channels", channels, 1),
      eps: number(type, "eps", eps, 0),
    });
  };

/** LayerNorm over the channels of each pixel, as PyTorch has it between two permutations. Throws `bad-option`. */
export const layerNorm = layerNormOf("LayerNorm");
/** torchvision's LayerNorm2d, over the channels of each pixel. Throws `bad-option`. */
export const layerNorm2d = layerNormOf("LayerNorm2d");

/** Options of {@link localResponseNorm}. */
export interface LocalResponseNormOptions {
  readonly alpha?: number;
  readonly beta?: number;
  readonly k?: number;
}

/**
 * LocalResponseNorm over `size` channels (Krizhevsky, Sutskever, Hinton 2012): x / (k + alpha / size * the sum of
 * squares) ^ beta. Throws `bad-option`.
 */
export function localResponseNorm(size: number, options: LocalResponseNormOptions = {}): LocalResponseNorm {
  const defaults = { alpha: 1e-4, beta: 0.75, k: 1 };
  const o = withDefaults<Required<LocalResponseNormOptions>>("localResponseNorm", defaults, options);
  return deepFreeze({
    op: "local_response_norm",
    size: integer("localResponseNorm", "size", size, 1),
    alpha: number("localResponseNorm", "alpha", o.alpha),
    beta: number("localResponseNorm", "beta", o.beta),
    k: number("localResponseNorm", "k", o.k),
  });
}

/** A learnt factor a channel, arXiv 2103.17239: a parameter of the module that it is a child of. Throws `bad-option`. */
export function layerScale(channels: number): LayerScale {
  return deepFreeze({ op: "layer_scale", channels: integer("layerScale", "channels", channels, 1) });
}

/** x * scale + shift with constants, one for all or one a channel. Throws `bad-option`. */
export function affine(scale: number | readonly number[], shift: number | readonly number[]): Affine {
  const numbers = (name: string, values: number | readonly number[]) =>
    list("affine", name, typeof values === "number" ? [values] : values, number);
  return deepFreeze({ op: "affine", scale: numbers("scale", scale), shift: numbers("shift", shift) });
}
