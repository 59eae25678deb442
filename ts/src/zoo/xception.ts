import {
  add,
  batchNorm2d,
  conv2d,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { globalPool } from "./blocks.js";
import { optionsOf } from "./options.js";
import { imagenetRows, inception, type ModelOptions } from "./row.js";

const act = relu({ inplace: true });

/** Channel by channel, then 1 x 1. */
function separable(from: number, to: number): Module {
  const conv1 = conv2d(from, from, 3, { padding: 1, groups: from, bias: false });
  return module("SeparableConv2d", { conv1, pointwise: conv2d(from, to, 1, { bias: false }) }, [
    "conv1",
    "pointwise",
  ]);
}

/** Of each block the channels behind each convolution; one whose outputs are not as many as its inputs halves the size. */
const BLOCKS: readonly (readonly number[])[] = [
  [128, 128],
  [256, 256],
  [728, 728],
  ...Array<readonly number[]>(8).fill([728, 728, 728]),
  [728, 1024],
];

function block(from: number, widths: readonly number[], first: boolean): [Module, number] {
  const rep: Layer[] = [];
  let channels = from;
  for (const [i, to] of widths.entries()) {
    if (i > 0 || !first) rep.push(i > 0 ? act : relu());
    rep.push(separable(channels, to), batchNorm2d(to));
    channels = to;
  }
  const halves = channels !== from;
  if (halves) rep.push(maxPool2d(3, { stride: 2, padding: 1 }));
  const skip: Record<string, Layer> = halves
    ? { skip: conv2d(from, channels, 1, { stride: 2, bias: false }), skipbn: batchNorm2d(channels) }
    : {};
  return [module("Block", { ...skip, rep: sequential(...rep) }, [add(["rep"], Object.keys(skip))]), channels];
}

/**
 * Xception, arXiv 1610.02357, under the keys of timm's legacy_xception: [3, H, W], at least 7 x 7 and at best
 * 299 x 299, to [1000] logits. Throws `bad-option`.
 */
export function legacy_xception(options: ModelOptions = {}): Net {
  const o = optionsOf("legacy_xception", options, {});
  const children: Record<string, Layer> = {
    conv1: conv2d(o.inChannels, 32, 3, { stride: 2, bias: false }),
    bn1: batchNorm2d(32),
    act1: act,
    conv2: conv2d(32, 64, 3, { bias: false }),
    bn2: batchNorm2d(64),
    act2: act,
  };
  let channels = 64;
  for (const [i, widths] of BLOCKS.entries())
    [children[`block${i + 1}`], channels] = block(channels, widths, i === 0);
  for (const [i, to] of [1536, 2048].entries()) {
    const tail = { conv: separable(channels, to), bn: batchNorm2d(to), act };
    for (const [name, layer] of Object.entries(tail)) children[`${name}${i + 3}`] = layer;
    channels = to;
  }
  Object.assign(children, { global_pool: globalPool, fc: linear(channels, o.classes) });
  return net("Xception", children, Object.keys(children), o);
}

const paper = "arXiv 1610.02357, Xception: deep learning with depthwise separable convolutions";

/**
 * @family xception
 * An inception module driven to its end: every channel gets a spatial convolution of its own. A 1 x 1 convolution
 * then mixes the channels, so that space and channels are treated one after the other. Residual connections join
 * the blocks of these separable convolutions.
 *
 *     x -+-> [relu -> depthwise 3x3 -> 1x1 -> norm] x 3 -+-> +
 *        +-----------------------------------------------+
 */

/** The table's rows of this family; accuracy as Cadene published it. */
export const xceptionRows = imagenetRows(
  { family: "xception", paper, year: 2016, source: "Cadene" },
  {
    legacy_xception: {
      build: legacy_xception,
      minSize: 7,
      params: 22_855_952,
      macs: 8_357_403_496,
      top: [78.888, 94.292],
      preprocess: inception(333),
    },
  },
);
