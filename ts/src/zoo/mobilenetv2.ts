import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  linear,
  type Module,
  module,
  type Net,
  net,
  relu6,
  sequential,
} from "../layers.js";
import { convNormAct, roundChannels } from "./blocks.js";
import { factor, optionsOf } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";
import { MOBILENET_V2 } from "./stages.js";

/** Options of {@link mobilenet_v2}. */
export interface MobileNetV2Options extends ModelOptions {
  /** What every number of channels is multiplied by, before it is rounded to a multiple of 8; 1 by default. */
  readonly widthMult?: number;
  /** The probability of the classifier's dropout, which does nothing here but shows in the print; 0.2 by default. */
  readonly dropout?: number;
}

const act = relu6({ inplace: true });

/** Widens by 1 x 1, filters channel by channel, narrows by 1 x 1; adds its input where the shape allows it. */
function invertedResidual(from: number, to: number, stride: number, widening: number): Module {
  const inside = from * widening;
  const conv = sequential(
    ...(widening === 1 ? [] : [convNormAct(from, inside, 1, { act })]),
    convNormAct(inside, inside, 3, { stride, groups: inside, act }),
    conv2d(inside, to, 1, { bias: false }),
    batchNorm2d(to),
  );
  return module("InvertedResidual", { conv }, stride === 1 && from === to ? [add(["conv"], [])] : ["conv"]);
}

/**
 * MobileNet v2, arXiv 1801.04381, under torchvision's keys: [3, H, W] of any size, at best 224 x 224, to [1000]
 * logits. Throws `bad-option`.
 */
export function mobilenet_v2(options: MobileNetV2Options = {}): Net {
  const o = optionsOf("mobilenet_v2", options, {
    widthMult: [1, factor],
    dropout: [0.2, probability],
  });
  let channels = roundChannels(32 * o.widthMult);
  const features = [convNormAct(o.inChannels, channels, 3, { stride: 2, act })];
  for (const [widening, , stride, width, blocks] of MOBILENET_V2) {
    const to = roundChannels(width * o.widthMult);
    for (let i = 0; i < blocks; i++) {
      features.push(invertedResidual(channels, to, i === 0 ? stride : 1, widening));
      channels = to;
    }
  }
  const last = roundChannels(1280 * Math.max(1, o.widthMult));
  features.push(convNormAct(channels, last, 1, { act }));
  const classifier = sequential(dropout(o.dropout), linear(last, o.classes));
  const steps = ["features", adaptiveAvgPool2d([1, 1]), flatten(), "classifier"];
  return net("MobileNetV2", { features: sequential(...features), classifier }, steps, o);
}

const paper = "arXiv 1801.04381, MobileNetV2: inverted residuals and linear bottlenecks";

/**
 * @family mobilenet_v2
 * Channels are widened by a 1 x 1 convolution, filtered one by one, and narrowed again. The residual connection
 * joins the narrow ends, which keeps memory small. The last 1 x 1 has no nonlinearity, since a ReLU on few
 * channels would destroy information.
 *
 *     x -+-> 1x1 (6 times) -> relu6 -> depthwise 3x3 -> relu6 -> 1x1 (narrow) -+-> +
 *        +---------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const mobilenetv2Rows = imagenetRows(
  { family: "mobilenet_v2", paper, year: 2018, source: "torchvision" },
  {
    mobilenet_v2: { build: mobilenet_v2, params: 3_504_872, macs: 300_774_272, top: [71.878, 90.286] },
  },
);
