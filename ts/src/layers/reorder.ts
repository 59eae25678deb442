/** Layers that move values or leave them alone. */
import { deepFreeze, flag, integer, probability, type Sides, sides, withDefaults } from "../check.js";
import { ConvzooError } from "../errors.js";
import type {
  ChannelShuffle,
  Dropout,
  Flatten,
  Identity,
  Pad2d,
  PadChannels,
  Slice,
  StochasticDepth,
} from "../layers.js";

/** Flatten: [C, H, W] to [C * H * W]. */
export function flatten(): Flatten {
  return deepFreeze({ op: "flatten" });
}

/** ZeroPad2d: zeros on all sides, or [top, left, bottom, right]; a negative number cuts. Throws `bad-option`. */
export function zeroPad2d(padding: number | Sides): Pad2d {
  const all = typeof padding === "number" ? ([padding, padding, padding, padding] as const) : padding;
  return deepFreeze({ op: "pad2d", padding: sides("zeroPad2d", all, 1 - 2 ** 31) });
}

/** ChannelShuffle, arXiv 1707.01083: takes one channel of each group in turn. Throws `bad-option`. */
export function channelShuffle(groups: number): ChannelShuffle {
  return deepFreeze({ op: "channel_shuffle", groups: integer("channelShuffle", "groups", groups, 1) });
}

/** The channels from `start` up to, and without, `end`. Throws `bad-option`, and `bad-net` where that is none. */
export function slice(start: number, end: number): Slice {
  integer("slice", "start", start, 0);
  integer("slice", "end", end, 0);
  if (end <= start)
    throw new ConvzooError("bad-net", `slice: end (${end}) must be greater than start (${start}).`);
  return deepFreeze({ op: "slice", start, end });
}

/** Channels of zeros before and after: [C, H, W] to [before + C + after, H, W]. Throws `bad-option`. */
export function padChannels(before: number, after: number): PadChannels {
  return deepFreeze({
    op: "pad_channels",
    before: integer("padChannels", "before", before, 0),
    after: integer("padChannels", "after", after, 0),
  });
}

/**
 * Dropout: the identity here, since nothing is trained; kept for its place in keys and print. Throws
 * `bad-option`.
 */
export function dropout(p = 0.5, options: { readonly inplace?: boolean } = {}): Dropout {
  const { inplace } = withDefaults("dropout", { inplace: false }, options);
  return deepFreeze({
    op: "dropout",
    p: probability("dropout", "p", p),
    inplace: flag("dropout", "inplace", inplace),
  });
}

/** torchvision's StochasticDepth, arXiv 1603.09382: the identity here, as dropout is. Throws `bad-option`. */
export function stochasticDepth(p: number): StochasticDepth {
  return deepFreeze({ op: "stochastic_depth", p: probability("stochasticDepth", "p", p) });
}

/** Identity. */
export function identity(): Identity {
  return deepFreeze({ op: "identity", type: "Identity" });
}

/**
 * torchvision's Permute to channels last or back, the identity here: shapes are always said as [C, H, W], and what
 * reads the channels of each pixel is `layerNorm` or a `linear` with `perPixel`.
 */
export function permute(): Identity {
  return deepFreeze({ op: "identity", type: "Permute" });
}
