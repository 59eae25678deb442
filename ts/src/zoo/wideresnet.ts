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

/** Options of the wide ResNets for CIFAR. */
export interface WideResNetOptions extends ModelOptions {
  /** 6 n + 4 for n blocks in each of the three stages. */
  readonly depth?: number;
  /** How many times as many channels as in a ResNet, k. */
  readonly widenFactor?: number;
}

/** Two 3 x 3 convolutions behind their batch norms; a projection reads what the first of them does. */
function wideBlock(from: number, to: number, stride: number): Module {
  const children = {
    bn1: batchNorm2d(from),
    conv1: conv2d(from, to, 3, { stride, padding: 1, bias: false }),
    bn2: batchNorm2d(to),
    conv2: conv2d(to, to, 3, { padding: 1, bias: false }),
  };
  const activated = ["bn1", relu()];
  const residual = ["conv1", "bn2", relu(), "conv2"];
  if (from === to) return module("WideBlock", children, [add([...activated, ...residual], [])]);
  const convShortcut = conv2d(from, to, 1, { stride, bias: false });
  const steps = [...activated, add(residual, ["convShortcut"])];
  return module("WideBlock", { ...children, convShortcut }, steps);
}

/**
 * Wide ResNet for CIFAR, arXiv 1605.07146: [3, H, W] of any size, at best 32 x 32, to [10] logits. The nets throw
 * `bad-option`.
 */
const wideResNet =
  (name: string, depth: number, widenFactor: number) =>
  (options: WideResNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      classes: [10, positive],
      depth: [depth, depthOf(6, 4)],
      widenFactor: [widenFactor, positive],
    });
    const width = 16 * o.widenFactor;
    const made = stages(16, [width, 2 * width, 4 * width], (o.depth - 4) / 6, wideBlock);
    const [block1, block2, block3] = made.map((layer) => sequential({ layer })) as [Module, Module, Module];
    const children = {
      conv1: conv2d(o.inChannels, 16, 3, { padding: 1, bias: false }),
      block1,
      block2,
      block3,
      bn1: batchNorm2d(4 * width),
      fc: linear(4 * width, o.classes),
    };
    const head = ["bn1", relu(), adaptiveAvgPool2d(1), flatten(), "fc"];
    return net("WideResNet", children, ["conv1", "block1", "block2", "block3", ...head], o);
  };

/** Wide ResNet 16-8. */
export const wrn_16_8 = wideResNet("wrn_16_8", 16, 8);
/** Wide ResNet 28-10. */
export const wrn_28_10 = wideResNet("wrn_28_10", 28, 10);
/** Wide ResNet 40-4. */
export const wrn_40_4 = wideResNet("wrn_40_4", 40, 4);

const paper = "arXiv 1605.07146, Wide residual networks";

/**
 * @family wide_resnet_cifar
 * Pre-activation residual nets for CIFAR with k times the channels and far fewer layers. Width, not depth, turns
 * out to carry most of the accuracy of a residual net. WRN-28-10 has 28 layers of ten times the channels, and
 * trains several times faster than a thin net of a thousand.
 *
 *     x -+-> norm -> relu -> 3x3 -> norm -> relu -> 3x3 -+-> +
 *        +---------(1x1 where the shape changes)---------+
 */

/** The table's rows of this family; accuracy on CIFAR-10 as in the paper's table 5. */
export const wideResnetRows = rows(
  { family: "wide_resnet_cifar", paper, year: 2016, source: "paper" },
  CIFAR10,
  {
    wrn_16_8: { build: wrn_16_8, params: 10_961_370, macs: 1_548_145_664, top: [95.73] },
    wrn_28_10: { build: wrn_28_10, params: 36_479_194, macs: 5_243_328_768, top: [96] },
    wrn_40_4: { build: wrn_40_4, params: 8_949_210, macs: 1_298_582_016, top: [95.47] },
  },
);
