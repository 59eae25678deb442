import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  batchNorm2d,
  conv2d,
  flatten,
  linear,
  type Module,
  module,
  type Net,
  net,
  padChannels,
  relu,
  type Step,
} from "../layers.js";
import { depthOf, stages } from "./cifar.js";
import { optionsOf, positive } from "./options.js";
import { CIFAR10, type ModelOptions, rows } from "./row.js";

/** Options of the ResNets for CIFAR. */
export interface CifarResNetOptions extends ModelOptions {
  /** Layers with weights: 6 n + 2 for n blocks in each of the three stages. */
  readonly depth?: number;
}

/** Two 3 x 3 convolutions; the shortcut to more channels takes every other pixel, and zeros for the new channels. */
function basicBlock(from: number, to: number, stride: number): Module {
  const children = {
    conv1: conv2d(from, to, 3, { stride, padding: 1, bias: false }),
    bn1: batchNorm2d(to),
    conv2: conv2d(to, to, 3, { padding: 1, bias: false }),
    bn2: batchNorm2d(to),
  };
  const half = (to - from) / 2;
  const shortcut: Step[] = half > 0 ? [avgPool2d(1, { stride }), padChannels(half, half)] : [];
  return module("BasicBlock", children, [add(["conv1", "bn1", relu(), "conv2", "bn2"], shortcut), relu()]);
}

/**
 * ResNet for CIFAR, arXiv 1512.03385, section 4.2, with shortcuts that have no weights: [3, H, W] of any size, at
 * best 32 x 32, to [10] logits. The nets throw `bad-option`.
 */
const cifarResNet =
  (name: string, depth: number) =>
  (options: CifarResNetOptions = {}): Net => {
    const o = optionsOf(name, options, { classes: [10, positive], depth: [depth, depthOf(6, 2)] });
    const [layer1, layer2, layer3] = stages(16, [16, 32, 64], (o.depth - 2) / 6, basicBlock);
    const children = {
      conv1: conv2d(o.inChannels, 16, 3, { padding: 1, bias: false }),
      bn1: batchNorm2d(16),
      layer1,
      layer2,
      layer3,
      linear: linear(64, o.classes),
    };
    const head = [adaptiveAvgPool2d(1), flatten(), "linear"];
    return net("CifarResNet", children, ["conv1", "bn1", relu(), "layer1", "layer2", "layer3", ...head], o);
  };

/** ResNet 20 for CIFAR. */
export const resnet20_cifar = cifarResNet("resnet20_cifar", 20);
/** ResNet 32 for CIFAR. */
export const resnet32_cifar = cifarResNet("resnet32_cifar", 32);
/** ResNet 44 for CIFAR. */
export const resnet44_cifar = cifarResNet("resnet44_cifar", 44);
/** ResNet 56 for CIFAR. */
export const resnet56_cifar = cifarResNet("resnet56_cifar", 56);
/** ResNet 110 for CIFAR. */
export const resnet110_cifar = cifarResNet("resnet110_cifar", 110);

const paper = "arXiv 1512.03385, Deep residual learning for image recognition";

/**
 * @family resnet_cifar
 * The ResNets of the first paper for images of 32 x 32: three stages of equal basic blocks of two 3 x 3
 * convolutions. Where a stage halves the map and doubles the channels, the shortcut takes every second pixel and
 * pads with zero channels. It therefore has no weights at all.
 *
 *     x -+-> 3x3 -> norm -> relu -> 3x3 -> norm -+-> + -> relu
 *        +--(every second pixel, zero channels)--+
 */

/** The table's rows of this family; accuracy on CIFAR-10 as in the paper's table 6. */
export const cifarResnetRows = rows({ family: "resnet_cifar", paper, year: 2015, source: "paper" }, CIFAR10, {
  resnet20_cifar: { build: resnet20_cifar, params: 269_722, macs: 40_551_040, top: [91.25] },
  resnet32_cifar: { build: resnet32_cifar, params: 464_154, macs: 68_862_592, top: [92.49] },
  resnet44_cifar: { build: resnet44_cifar, params: 658_586, macs: 97_174_144, top: [92.83] },
  resnet56_cifar: { build: resnet56_cifar, params: 853_018, macs: 125_485_696, top: [93.03] },
  resnet110_cifar: { build: resnet110_cifar, params: 1_727_962, macs: 252_887_680, top: [93.57] },
});
