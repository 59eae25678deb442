/** Pooling. */
import { deepFreeze, flag, poolPadding, type Sides, size, withDefaults } from "../check.js";
import type { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d, Size } from "../layers.js";

/**
 * Options of {@link maxPool2d}; the stride is the kernel unless given. Four numbers of padding are [top, left, bottom,
 * right], which no print shows; `"same"` is TensorFlow's.
 */
export interface MaxPool2dOptions {
  readonly stride?: Size;
  readonly padding?: Size | Sides | "same";
  readonly dilation?: Size;
  readonly ceilMode?: boolean;
}
/** Options of {@link avgPool2d}, as those of {@link maxPool2d}; PyTorch's average has no dilation. */
export interface AvgPool2dOptions {
  readonly stride?: Size;
  readonly padding?: Size | Sides | "same";
  readonly dilation?: Size;
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

/** MaxPool2d. Throws `bad-option` for a number out of range, also for a padding over half of the kernel. */
export function maxPool2d(kernel: Size, options: MaxPool2dOptions = {}): MaxPool2d {
  const defaults = { stride: kernel, padding: 0, dilation: 1, ceilMode: false };
  const o = withDefaults<Required<MaxPool2dOptions>>("maxPool2d", defaults, options);
  const dilation = size("maxPool2d", "dilation", o.dilation, 1);
  return deepFreeze({
    op: "max_pool2d",
    kernel: size("maxPool2d", "kernel", kernel, 1),
    stride: size("maxPool2d", "stride", o.stride, 1),
    padding: poolPadding("maxPool2d", o.padding, kernel, dilation),
    dilation,
    ceilMode: flag("maxPool2d", "ceilMode", o.ceilMode),
  });
}

/** AvgPool2d. Throws `bad-option` for a number out of range, also for a padding over half of the kernel. */
export function avgPool2d(kernel: Size, options: AvgPool2dOptions = {}): AvgPool2d {
  const defaults = { stride: kernel, padding: 0, dilation: 1, ceilMode: false, countIncludePad: true };
  const o = withDefaults<Required<AvgPool2dOptions>>("avgPool2d", defaults, options);
  const dilation = size("avgPool2d", "dilation", o.dilation, 1);
  return deepFreeze({
    op: "avg_pool2d",
    kernel: size("avgPool2d", "kernel", kernel, 1),
    stride: size("avgPool2d", "stride", o.stride, 1),
    padding: poolPadding("avgPool2d", o.padding, kernel, dilation),
    dilation,
    ceilMode: flag("avgPool2d", "ceilMode", o.ceilMode),
    countIncludePad: flag("avgPool2d", "countIncludePad", o.countIncludePad),
  });
}

/** AdaptiveAvgPool2d: [C, H, W] to [C, ...output]. Throws `bad-option` for a number out of range. */
export function adaptiveAvgPool2d(output: Size): AdaptiveAvgPool2d {
  return deepFreeze({ op: "adaptive_avg_pool2d", output: size("adaptiveAvgPool2d", "output", output, 1) });
}

/** AdaptiveMaxPool2d: [C, H, W] to [C, ...output]. Throws `bad-option` for a number out of range. */
export function adaptiveMaxPool2d(output: Size): AdaptiveMaxPool2d {
  return deepFreeze({ op: "adaptive_max_pool2d", output: size("adaptiveMaxPool2d", "output", output, 1) });
}
