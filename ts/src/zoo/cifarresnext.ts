import {
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  flatten,
  linear,
  type Module,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { depthOf, stages } from "./cifar.js";
import { optionsOf, positive } from "./options.js";
import { CIFAR10, type ModelOptions, rows } from "./row.js";

/** Options of the ResNeXts for CIFAR. */
export interface CifarResNeXtOptions extends ModelOptions {
  /** Layers with weights: 9 n + 2 for n blocks in each of the three stages; 29 by default. */
  readonly depth?: number;
  /** Groups of a block's 3 x 3 convolution, the cardinality. */
  readonly groups?: number;
  /** Channels a group of that convolution in the first stage. */
  readonly widthPerGroup?: number;
}

function bottleneck(from: number, to: number, stride: number, groups: number, width: number): Module {
  const shortcut =
    from === to
      ? sequential({})
      : sequential({
          shortcut_conv: conv2d(from, to, 1, { stride, bias: false }),
          shortcut_bn: batchNorm2d(to),
        });
  const children = {
    conv_reduce: conv2d(from, width, 1, { bias: false }),
    bn_reduce: batchNorm2d(width),
    conv_conv: conv2d(width, width, 3, { stride, padding: 1, groups, bias: false }),
    bn: batchNorm2d(width),
    conv_expand: conv2d(width, to, 1, { bias: false }),
    bn_expand: batchNorm2d(to),
    shortcut,
  };
  const residual = [
    "conv_reduce",
    "bn_reduce",
    relu(),
    "conv_conv",
    "bn",
    relu(),
    "conv_expand",
    "bn_expand",
  ];
  return module("ResNeXtBottleneck", children, [add(["shortcut"], residual), relu()]);
}

/**
 * ResNeXt for CIFAR, arXiv 1611.05431, section 5.2: [3, H, W] of any size, at best 32 x 32, to [10] logits. The nets
 * throw `bad-option`.
 */
const cifarResNeXt =
  (name: string, groups: number, widthPerGroup: number) =>
  (options: CifarResNeXtOptions = {}): Net => {
    const o = optionsOf(name, options, {
      classes: [10, positive],
      depth: [29, depthOf(9, 2)],
      groups: [groups, positive],
      widthPerGroup: [widthPerGroup, positive],
    });
    const width = o.groups * o.widthPerGroup;
    const block = (from: number, to: number, stride: number) =>
      bottleneck(from, to, stride, o.groups, (width * to) / 256);
    const made = stages(64, [256, 512, 1024], (o.depth - 2) / 9, block).map((stage, i) => {
      const name = `stage_${i + 1}`;
      const blocks = Object.entries(stage.children).map(([k, one]) => [`${name}_bottleneck_${k}`, one]);
      return [name, sequential(Object.fromEntries(blocks))] as const;
    });
    const children = {
      conv_1_3x3: conv2d(o.inChannels, 64, 3, { padding: 1, bias: false }),
      bn_1: batchNorm2d(64),
      ...Object.fromEntries(made),
      classifier: linear(1024, o.classes),
    };
    const steps = ["conv_1_3x3", "bn_1", relu(), "stage_1", "stage_2", "stage_3"];
    return net("ResNeXt29", children, [...steps, adaptiveAvgPool2d(1), flatten(), "classifier"], o);
  };

/** ResNeXt 29 of 8 groups of 64 channels. */
export const resnext29_8x64d = cifarResNeXt("resnext29_8x64d", 8, 64);
/** ResNeXt 29 of 16 groups of 64 channels. */
export const resnext29_16x64d = cifarResNeXt("resnext29_16x64d", 16, 64);

const paper = "arXiv 1611.05431, Aggregated residual transformations for deep neural networks";

/**
 * @family resnext_cifar
 * ResNeXt for images of 32 x 32: three stages of three bottlenecks. Each has 8 or 16 groups of 64 channels in its
 * 3 x 3 convolution. More groups help more than more width for the same number of parameters.
 *
 *     x -+-> 1x1 -> norm -> relu -> 3x3 in 8 groups -> norm -> relu -> 1x1 -> norm -+-> + -> relu
 *        +--------------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy on CIFAR-10 as in the paper's table 7. */
export const cifarResnextRows = rows(
  { family: "resnext_cifar", paper, year: 2016, source: "paper" },
  CIFAR10,
  {
    resnext29_8x64d: { build: resnext29_8x64d, params: 34_426_698, macs: 5_387_266_048, top: [96.35] },
    resnext29_16x64d: { build: resnext29_16x64d, params: 68_155_210, macs: 10_688_866_304, top: [96.42] },
  },
);
