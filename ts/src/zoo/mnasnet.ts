import { number, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  dropout,
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
import { roundChannels } from "./blocks.js";
import { optionsOf } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the MNASNets. */
export interface MnasNetOptions extends ModelOptions {
  /** What every number of channels but the last is multiplied by, before it is rounded to a multiple of 8. */
  readonly alpha?: number;
  /** The probability of the classifier's dropout, which does nothing here but shows in the print; 0.2 by default. */
  readonly dropout?: number;
}

/** Of each stage: channels, kernel, stride of the first block, how much a block widens inside, blocks. */
const STAGES = [
  [24, 3, 2, 3, 3],
  [40, 5, 2, 3, 3],
  [80, 5, 2, 6, 3],
  [96, 3, 1, 6, 2],
  [192, 5, 2, 6, 4],
  [320, 3, 1, 6, 1],
] as const;

const act = relu({ inplace: true });
const norm = (channels: number) => batchNorm2d(channels, { momentum: 1 - 0.9997 });
const pointwise = (from: number, to: number) => [conv2d(from, to, 1, { bias: false }), norm(to)];
const depthwise = (channels: number, kernel: number, stride: number) => [
  conv2d(channels, channels, kernel, { stride, padding: (kernel - 1) / 2, groups: channels, bias: false }),
  norm(channels),
  act,
];

function invertedResidual(
  from: number,
  to: number,
  kernel: number,
  stride: number,
  widening: number,
): Module {
  const inside = from * widening;
  const layers = sequential(
    ...pointwise(from, inside),
    act,
    ...depthwise(inside, kernel, stride),
    ...pointwise(inside, to),
  );
  const steps = stride === 1 && from === to ? [add(["layers"], [])] : ["layers"];
  return module("_InvertedResidual", { layers }, steps);
}

/**
 * MNASNet B1, arXiv 1807.11626, under torchvision's keys: [3, H, W] of any size, at best 224 x 224, to [1000]
 * logits. The nets throw `bad-option`.
 */
const mnasnet =
  (name: string, alpha: number) =>
  (options: MnasNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      alpha: [alpha, (where, key, value) => number(where, key, value, 0)],
      dropout: [0.2, probability],
    });
    const first = roundChannels(32 * o.alpha);
    let channels = roundChannels(16 * o.alpha);
    const layers: Layer[] = [
      conv2d(o.inChannels, first, 3, { stride: 2, padding: 1, bias: false }),
      norm(first),
      act,
      ...depthwise(first, 3, 1),
      ...pointwise(first, channels),
    ];
    for (const [width, kernel, stride, widening, count] of STAGES) {
      const to = roundChannels(width * o.alpha);
      const blocks: Module[] = [];
      for (let i = 0; i < count; i++, channels = to)
        blocks.push(invertedResidual(channels, to, kernel, i === 0 ? stride : 1, widening));
      layers.push(sequential(...blocks));
    }
    layers.push(...pointwise(channels, 1280), act);
    const classifier = sequential(dropout(o.dropout, { inplace: true }), linear(1280, o.classes));
    const steps = ["layers", adaptiveAvgPool2d(1), flatten(), "classifier"];
    return net("MNASNet", { layers: sequential(...layers), classifier }, steps, o);
  };

/** MNASNet with half the channels. */
export const mnasnet0_5 = mnasnet("mnasnet0_5", 0.5);
/** MNASNet with three quarters of the channels. */
export const mnasnet0_75 = mnasnet("mnasnet0_75", 0.75);
/** MNASNet. */
export const mnasnet1_0 = mnasnet("mnasnet1_0", 1);
/** MNASNet with 1.3 times the channels. */
export const mnasnet1_3 = mnasnet("mnasnet1_3", 1.3);

const paper = "arXiv 1807.11626, MnasNet: platform-aware neural architecture search for mobile";

/**
 * @family mnasnet
 * Every stage of the network has its own block, and the blocks are searched together. The search rewards accuracy
 * and the time measured on a real telephone. Kernels of 5 x 5 and different expansions thus stand where they pay.
 *
 *     x -+-> 1x1 (3 or 6 times) -> relu -> depthwise 3x3 or 5x5 -> relu -> 1x1 -+-> +
 *        +----------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const mnasnetRows = imagenetRows(
  { family: "mnasnet", paper, year: 2018, source: "torchvision" },
  {
    mnasnet0_5: { build: mnasnet0_5, params: 2_218_512, macs: 104_455_968, top: [67.734, 87.49] },
    mnasnet0_75: {
      build: mnasnet0_75,
      params: 3_170_208,
      macs: 215_493_104,
      top: [71.18, 90.496],
      preprocess: imagenet(232, 224),
    },
    mnasnet1_0: { build: mnasnet1_0, params: 4_383_312, macs: 314_415_872, top: [73.456, 91.51] },
    mnasnet1_3: {
      build: mnasnet1_3,
      params: 6_282_256,
      macs: 526_362_432,
      top: [76.506, 93.522],
      preprocess: imagenet(232, 224),
    },
  },
);
