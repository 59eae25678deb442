import { number } from "../check.js";
import { ConvzooError } from "../errors.js";
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
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { depthOf } from "./cifar.js";
import { type Check, optionsOf, positive } from "./options.js";
import { CIFAR10, type ModelOptions, rows } from "./row.js";

/** Options of the DenseNets for CIFAR. */
export interface CifarDenseNetOptions extends ModelOptions {
  /** Layers with weights: 3 n + 4 for n layers in each of the three blocks, 6 n + 4 for n with bottlenecks. */
  readonly depth?: number;
  /** Channels that every layer adds. */
  readonly growthRate?: number;
  /** How much of its channels a block hands on: 1, with bottlenecks 0.5. */
  readonly compression?: number;
}

/** A layer reads all that came before it, joined, and its output joins them. */
function denseLayer(channels: number, growthRate: number, bottleneck: boolean): Module {
  const filter = (from: number) => conv2d(from, growthRate, 3, { padding: 1, bias: false });
  if (!bottleneck) {
    const children = { norm1: batchNorm2d(channels), conv1: filter(channels) };
    return module("DenseLayer", children, [concat([], ["norm1", relu(), "conv1"])]);
  }
  const inside = 4 * growthRate;
  const children = {
    norm1: batchNorm2d(channels),
    conv1: conv2d(channels, inside, 1, { bias: false }),
    norm2: batchNorm2d(inside),
    conv2: filter(inside),
  };
  return module("DenseLayer", children, [concat([], ["norm1", relu(), "conv1", "norm2", relu(), "conv2"])]);
}

const fraction: Check<number> = (where, name, value) => {
  if (number(where, name, value, 0) <= 1) return value;
  throw new ConvzooError("bad-option", `${where}: ${name} must be at most 1, but is ${value}.`);
};

/**
 * DenseNet for CIFAR, arXiv 1608.06993, the BC ones with bottlenecks and compression: [3, H, W], at least 4 x 4 and
 * at best 32 x 32, to [10] logits. The nets throw `bad-option`.
 */
const cifarDenseNet =
  (name: string, depth: number, growthRate: number, bottleneck = false) =>
  (options: CifarDenseNetOptions = {}): Net => {
    const perBlock = bottleneck ? 6 : 3;
    const o = optionsOf(name, options, {
      classes: [10, positive],
      depth: [depth, depthOf(perBlock, 4)],
      growthRate: [growthRate, positive],
      compression: [bottleneck ? 0.5 : 1, fraction],
    });
    let channels = bottleneck ? 2 * o.growthRate : 16;
    const features: Record<string, Layer> = {
      conv0: conv2d(o.inChannels, channels, 3, { padding: 1, bias: false }),
    };
    for (const i of [1, 2, 3]) {
      const layers: Record<string, Module> = {};
      for (let k = 1; k <= (o.depth - 4) / perBlock; k++, channels += o.growthRate)
        layers[`denselayer${k}`] = denseLayer(channels, o.growthRate, bottleneck);
      features[`denseblock${i}`] = sequential(layers);
      if (i === 3) break;
      const to = Math.max(1, Math.floor(channels * o.compression));
      features[`transition${i}`] = sequential({
        norm: batchNorm2d(channels),
        relu: relu(),
        conv: conv2d(channels, to, 1, { bias: false }),
        pool: avgPool2d(2),
      });
      channels = to;
    }
    features.norm_final = batchNorm2d(channels);
    const children = { features: sequential(features), classifier: linear(channels, o.classes) };
    return net("DenseNet", children, ["features", relu(), adaptiveAvgPool2d(1), flatten(), "classifier"], o);
  };

/** DenseNet of 40 layers that add 12 channels each, for CIFAR. */
export const densenet_40_12 = cifarDenseNet("densenet_40_12", 40, 12);
/** DenseNet of 100 layers that add 12 channels each, for CIFAR. */
export const densenet_100_12 = cifarDenseNet("densenet_100_12", 100, 12);
/** DenseNet of 100 layers that add 24 channels each, for CIFAR. */
export const densenet_100_24 = cifarDenseNet("densenet_100_24", 100, 24);
/** DenseNet-BC of 100 layers that add 12 channels each, for CIFAR. */
export const densenet_bc_100_12 = cifarDenseNet("densenet_bc_100_12", 100, 12, true);
/** DenseNet-BC of 250 layers that add 24 channels each, for CIFAR. */
export const densenet_bc_250_24 = cifarDenseNet("densenet_bc_250_24", 250, 24, true);
/** DenseNet-BC of 190 layers that add 40 channels each, for CIFAR. */
export const densenet_bc_190_40 = cifarDenseNet("densenet_bc_190_40", 190, 40, true);

const paper = "arXiv 1608.06993, Densely connected convolutional networks";

/**
 * @family densenet_cifar
 * DenseNets for images of 32 x 32: three dense blocks of equal length with transitions between. The plain form has
 * one 3 x 3 convolution a layer, the BC form a bottleneck before it and half the channels behind each block.
 * Growth rates are 12 to 40.
 *
 *     x -+-> norm -> relu -> 1x1 -> norm -> relu -> 3x3 -+-> concat
 *        +-----------------------------------------------+
 */

/** The table's rows of this family; accuracy on CIFAR-10, trained with augmentation, as in the paper's table 2. */
export const cifarDensenetRows = rows(
  { family: "densenet_cifar", paper, year: 2016, source: "paper" },
  CIFAR10,
  {
    densenet_40_12: { build: densenet_40_12, minSize: 4, params: 1_019_722, macs: 264_812_928, top: [94.76] },
    densenet_100_12: {
      build: densenet_100_12,
      minSize: 4,
      params: 6_979_642,
      macs: 1_769_516_448,
      top: [95.9],
    },
    densenet_100_24: {
      build: densenet_100_24,
      minSize: 4,
      params: 27_249_082,
      macs: 6_889_347_744,
      top: [96.26],
    },
    densenet_bc_100_12: {
      build: densenet_bc_100_12,
      minSize: 4,
      params: 769_162,
      macs: 287_929_692,
      top: [95.49],
    },
    densenet_bc_250_24: {
      build: densenet_bc_250_24,
      minSize: 4,
      params: 15_324_406,
      macs: 5_418_785_724,
      top: [96.38],
    },
    densenet_bc_190_40: {
      build: densenet_bc_190_40,
      minSize: 4,
      params: 25_624_430,
      macs: 9_301_945_740,
      top: [96.54],
    },
  },
);
