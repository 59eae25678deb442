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

/** Options of the pre-activation ResNets. */
export interface PreActResNetOptions extends ModelOptions {
  /** Layers with weights: 9 n + 2 for n bottlenecks in each of the three stages. */
  readonly depth?: number;
}

/** A bottleneck whose convolutions each come behind their batch norm and ReLU. */
function bottleneck(from: number, to: number, stride: number): Module {
  const inside = to / 4;
  const projects = from !== to;
  const children = {
    bn1: batchNorm2d(from),
    conv1: conv2d(from, inside, 1, { bias: false }),
    bn2: batchNorm2d(inside),
    conv2: conv2d(inside, inside, 3, { stride, padding: 1, bias: false }),
    bn3: batchNorm2d(inside),
    conv3: conv2d(inside, to, 1, { bias: false }),
    ...(projects && { downsample: sequential(conv2d(from, to, 1, { stride, bias: false })) }),
  };
  const residual = ["bn1", relu(), "conv1", "bn2", relu(), "conv2", "bn3", relu(), "conv3"];
  return module("PreActBottleneck", children, [add(residual, projects ? ["downsample"] : [])]);
}

/**
 * ResNet with pre-activation for CIFAR, arXiv 1603.05027: [3, H, W] of any size, at best 32 x 32, to [10] logits. The
 * nets throw `bad-option`.
 */
const preActResNet =
  (name: string, depth: number) =>
  (options: PreActResNetOptions = {}): Net => {
    const o = optionsOf(name, options, { classes: [10, positive], depth: [depth, depthOf(9, 2)] });
    const [layer1, layer2, layer3] = stages(16, [64, 128, 256], (o.depth - 2) / 9, bottleneck);
    const children = {
      conv1: conv2d(o.inChannels, 16, 3, { padding: 1, bias: false }),
      layer1,
      layer2,
      layer3,
      bn: batchNorm2d(256),
      fc: linear(256, o.classes),
    };
    const head = ["bn", relu(), adaptiveAvgPool2d(1), flatten(), "fc"];
    return net("PreActResNet", children, ["conv1", "layer1", "layer2", "layer3", ...head], o);
  };

/** ResNet 164 with pre-activation, for CIFAR. */
export const preact_resnet164_cifar = preActResNet("preact_resnet164_cifar", 164);
/** ResNet 1001 with pre-activation, for CIFAR. */
export const preact_resnet1001_cifar = preActResNet("preact_resnet1001_cifar", 1001);

const paper = "arXiv 1603.05027, Identity mappings in deep residual networks";

/**
 * @family preact_resnet
 * Batch norm and ReLU stand before each convolution instead of behind it. The path from block to block is then the
 * identity alone, without a ReLU in the way. Nets of a thousand layers train like that, and shallower ones
 * generalise better.
 *
 *     x -+-> norm -> relu -> conv -> norm -> relu -> conv -> norm -> relu -> conv -+-> +
 *        +-------------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy on CIFAR-10 as in the paper's table 4. */
export const preactResnetRows = rows(
  { family: "preact_resnet", paper, year: 2016, source: "paper" },
  CIFAR10,
  {
    preact_resnet164_cifar: {
      build: preact_resnet164_cifar,
      params: 1_703_258,
      macs: 247_646_720,
      top: [94.54],
    },
    preact_resnet1001_cifar: {
      build: preact_resnet1001_cifar,
      params: 10_327_706,
      macs: 1_490_995_712,
      top: [95.08],
    },
  },
);
