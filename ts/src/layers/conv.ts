/** Convolutions and linear layers. */
import { deepFreeze, flag, integer, pairOf, type Sides, sides, size, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import type { Conv2d, Linear, Size } from "../layers.js";

/** Options of {@link conv2d}, in [rows, columns] where a pair. */
export interface Conv2dOptions {
  readonly stride?: Size;
  /**
   * Four numbers are [top, left, bottom, right], as `F.pad` before the convolution gives them (no print shows
   * these). `"same"` gives outputs of the input's size / stride, rounded up, padded as TensorFlow does: PyTorch's
   * `padding="same"`, and with strides timm's Conv2dSame.
   */
  readonly padding?: Size | Sides | "same";
  readonly dilation?: Size;
  readonly groups?: number;
  readonly bias?: boolean;
}

/**
 * Conv2d from `inChannels` to `outChannels`: [inChannels, H, W] to [outChannels, H', W']. Throws `bad-option`
 * for a number out of range, `bad-net` where `groups` does not divide both channel counts.
 */
export function conv2d(
  inChannels: number,
  outChannels: number,
  kernel: Size,
  options: Conv2dOptions = {},
): Conv2d {
  const defaults = { stride: 1, padding: 0, dilation: 1, groups: 1, bias: true };
  const o = withDefaults<Required<Conv2dOptions>>("conv2d", defaults, options);
  const layer: Conv2d = {
    op: "conv2d",
    inChannels: integer("conv2d", "inChannels", inChannels, 1),
    outChannels: integer("conv2d", "outChannels", outChannels, 1),
    kernel: pairOf(size("conv2d", "kernel", kernel, 1)),
    stride: pairOf(size("conv2d", "stride", o.stride, 1)),
    padding: paddingOf(o.padding),
    dilation: pairOf(size("conv2d", "dilation", o.dilation, 1)),
    groups: integer("conv2d", "groups", o.groups, 1),
    bias: flag("conv2d", "bias", o.bias),
  };
  if (inChannels % o.groups !== 0 || outChannels % o.groups !== 0) {
    const counts = `inChannels (${inChannels}) and outChannels (${outChannels})`;
    throw new ConvzooError("bad-net", `conv2d: groups (${o.groups}) must divide ${counts}.`);
  }
  return deepFreeze(layer);
}

function paddingOf(padding: Size | Sides | "same"): Conv2d["padding"] {
  if (padding === "same") return padding;
  if (typeof padding !== "number" && padding?.length === 4) return sides("conv2d", padding, 0);
  return pairOf(size("conv2d", "padding", padding as Size, 0));
}

/** Options of {@link linear}. */
export interface LinearOptions {
  readonly bias?: boolean;
  /** Whether it reads the channels of each pixel, [inFeatures, H, W] to [outFeatures, H, W]. */
  readonly perPixel?: boolean;
}

/** Linear from [inFeatures] to [outFeatures]. Throws `bad-option` for a number out of range. */
export function linear(inFeatures: number, outFeatures: number, options: LinearOptions = {}): Linear {
  const defaults = { bias: true, perPixel: false };
  const { bias, perPixel } = withDefaults<Required<LinearOptions>>("linear", defaults, options);
  return deepFreeze({
    op: "linear",
    inFeatures: integer("linear", "inFeatures", inFeatures, 1),
    outFeatures: integer("linear", "outFeatures", outFeatures, 1),
    bias: flag("linear", "bias", bias),
    perPixel: flag("linear", "perPixel", perPixel),
  });
}
