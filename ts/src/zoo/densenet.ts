import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm2d,
  concat,
  conv2d,
  flatten,
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
import { optionsOf, positive, repeatsList } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of the DenseNets. */
export interface DenseNetOptions extends ModelOptions {
  /** Channels that every layer adds. */
  readonly growthRate?: number;
  /** Layers of each block. */
  readonly blockConfig?: readonly number[];
  /** Channels of the first convolution. */
  readonly numInitFeatures?: number;
  /** The bottleneck of a layer has this times its growth rate channels; 4 by default. */
  readonly bnSize?: number;
  /** The probability of dropout after each layer, of which neither run nor print show anything; 0 by default. */
  readonly dropRate?: number;
}

const act = relu({ inplace: true });

function denseLayer(channels: number, growthRate: number, bnSize: number): Module {
  const inside = bnSize * growthRate;
  return module(
    "_DenseLayer",
    {
      norm1: batchNorm2d(channels),
      relu1: act,
      conv1: conv2d(channels, inside, 1, { bias: false }),
      norm2: batchNorm2d(inside),
      relu2: act,
      conv2: conv2d(inside, growthRate, 3, { padding: 1, bias: false }),
    },
    ["norm1", "relu1", "conv1", "norm2", "relu2", "conv2"],
  );
}

/** Each layer reads all that came before it, joined, and its output joins them. */
function denseBlock(layers: readonly Module[]): Module {
  const children = Object.fromEntries(layers.map((layer, i) => [`denselayer${i + 1}`, layer]));
  const steps = Object.keys(children).map((name) => concat([], [name]));
  return module("_DenseBlock", children, steps);
}

function transition(channels: number, outChannels: number): Module {
  const children = {
    norm: batchNorm2d(channels),
    relu: act,
    conv: conv2d(channels, outChannels, 1, { bias: false }),
    pool: avgPool2d(2),
  };
  return module("_Transition", children, Object.keys(children));
}

/**
 * DenseNet, arXiv 1608.06993, under torchvision's keys: [3, H, W], at least 29 x 29 and at best 224 x 224, to
 * [1000] logits. The nets throw `bad-option`.
 */
const densenet =
  (name: string, growthRate: number, blockConfig: readonly number[], numInitFeatures = 2 * growthRate) =>
  (options: DenseNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      growthRate: [growthRate, positive],
      blockConfig: [blockConfig, repeatsList],
      numInitFeatures: [numInitFeatures, positive],
      bnSize: [4, positive],
      dropRate: [0, probability],
    });
    const first = o.numInitFeatures;
    const features: Record<string, Layer> = {
      conv0: conv2d(o.inChannels, first, 7, { stride: 2, padding: 3, bias: false }),
      norm0: batchNorm2d(first),
      relu0: act,
      pool0: maxPool2d(3, { stride: 2, padding: 1 }),
    };
    let channels = first;
    for (const [i, depth] of o.blockConfig.entries()) {
      const layers: Module[] = [];
      for (let k = 0; k < depth; k++, channels += o.growthRate)
        layers.push(denseLayer(channels, o.growthRate, o.bnSize));
      features[`denseblock${i + 1}`] = denseBlock(layers);
      if (i === o.blockConfig.length - 1) break;
      const half = Math.floor(channels / 2);
      features[`transition${i + 1}`] = transition(channels, half);
      channels = half;
    }
    features.norm5 = batchNorm2d(channels);
    const children = { features: sequential(features), classifier: linear(channels, o.classes) };
    const steps = ["features", relu(), adaptiveAvgPool2d([1, 1]), flatten(), "classifier"];
    return net("DenseNet", children, steps, o);
  };

/** DenseNet 121. */
export const densenet121 = densenet("densenet121", 32, [6, 12, 24, 16]);
/** DenseNet 161. */
export const densenet161 = densenet("densenet161", 48, [6, 12, 36, 24]);
/** DenseNet 169. */
export const densenet169 = densenet("densenet169", 32, [6, 12, 32, 32]);
/** DenseNet 201. */
export const densenet201 = densenet("densenet201", 32, [6, 12, 48, 32]);

const paper = "arXiv 1608.06993, Densely connected convolutional networks";

/**
 * @family densenet
 * Each layer reads the outputs of all layers before it in its block, joined along the channels. It adds only a few
 * channels of its own, the growth rate. Features are computed once and used throughout, so that few parameters are
 * needed.
 *
 *     x -+-> norm -> relu -> 1x1 -> norm -> relu -> 3x3 -+-> concat
 *        +-----------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const densenetRows = imagenetRows(
  { family: "densenet", paper, year: 2016, source: "torchvision" },
  {
    densenet121: {
      build: densenet121,
      minSize: 29,
      params: 7_978_856,
      macs: 2_834_161_664,
      top: [74.434, 91.972],
    },
    densenet161: {
      build: densenet161,
      minSize: 29,
      params: 28_681_000,
      macs: 7_727_907_072,
      top: [77.138, 93.56],
    },
    densenet169: {
      build: densenet169,
      minSize: 29,
      params: 14_149_480,
      macs: 3_359_843_328,
      top: [75.6, 92.806],
    },
    densenet201: {
      build: densenet201,
      minSize: 29,
      params: 20_013_928,
      macs: 4_291_365_888,
      top: [76.896, 93.37],
    },
  },
);
