import { flag, number, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  dropout,
  flatten,
  hardsigmoid,
  hardswish,
  linear,
  type Module,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { convNormAct, roundChannels, squeezeExcitation } from "./blocks.js";
import { optionsOf } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of the MobileNets v3. */
export interface MobileNetV3Options extends ModelOptions {
  /** What every number of channels is multiplied by, before it is rounded to a multiple of 8; 1 by default. */
  readonly widthMult?: number;
  /** Whether the last stage and the classifier have half the channels; false by default. */
  readonly reducedTail?: boolean;
  /** Whether the last stage dilates instead of striding; false by default. */
  readonly dilated?: boolean;
  /** The probability of the classifier's dropout, which does nothing here but shows in the print; 0.2 by default. */
  readonly dropout?: number;
}

/** A block: kernel, channels inside and out, squeeze and excitation, hardswish (or ReLU), stride. */
type Block = readonly [kernel: number, inside: number, to: number, se: boolean, hs: boolean, stride: number];

const LARGE: readonly Block[] = [
  [3, 16, 16, false, false, 1],
  [3, 64, 24, false, false, 2],
  [3, 72, 24, false, false, 1],
  [5, 72, 40, true, false, 2],
  [5, 120, 40, true, false, 1],
  [5, 120, 40, true, false, 1],
  [3, 240, 80, false, true, 2],
  [3, 200, 80, false, true, 1],
  [3, 184, 80, false, true, 1],
  [3, 184, 80, false, true, 1],
  [3, 480, 112, true, true, 1],
  [3, 672, 112, true, true, 1],
  [5, 672, 160, true, true, 2],
  [5, 960, 160, true, true, 1],
  [5, 960, 160, true, true, 1],
];

const SMALL: readonly Block[] = [
  [3, 16, 16, true, false, 2],
  [3, 72, 24, false, false, 2],
  [3, 88, 24, false, false, 1],
  [5, 96, 40, true, true, 2],
  [5, 240, 40, true, true, 1],
  [5, 240, 40, true, true, 1],
  [5, 120, 48, true, true, 1],
  [5, 144, 48, true, true, 1],
  [5, 288, 96, true, true, 2],
  [5, 576, 96, true, true, 1],
  [5, 576, 96, true, true, 1],
];

const norm = { eps: 0.001, momentum: 0.01 };

function invertedResidual(from: number, block: Block, dilation: number): Module {
  const [kernel, inside, to, se, hs, stride] = block;
  const act = hs ? hardswish() : relu({ inplace: true });
  const step = dilation > 1 ? 1 : stride;
  const layers = [
    ...(inside === from ? [] : [convNormAct(from, inside, 1, { act, norm })]),
    convNormAct(inside, inside, kernel, { stride: step, dilation, groups: inside, act, norm }),
    ...(se ? [squeezeExcitation(inside, roundChannels(Math.floor(inside / 4)), relu(), hardsigmoid())] : []),
    convNormAct(inside, to, 1, { act: null, norm }),
  ];
  const steps = stride === 1 && from === to ? [add(["block"], [])] : ["block"];
  return module("InvertedResidual", { block: sequential(...layers) }, steps);
}

/**
 * MobileNet v3, arXiv 1905.02244, under torchvision's keys: [3, H, W] of any size, at best 224 x 224, to [1000]
 * logits. `last` is the classifier's channels inside. The nets throw `bad-option`.
 */
const mobilenet =
  (name: string, plan: readonly Block[], last: number) =>
  (options: MobileNetV3Options = {}): Net => {
    const o = optionsOf(name, options, {
      widthMult: [1, (where, key, value) => number(where, key, value, 0)],
      reducedTail: [false, flag],
      dilated: [false, flag],
      dropout: [0.2, probability],
    });
    const wide = (count: number) => roundChannels(count * o.widthMult);
    const cut = o.reducedTail ? 2 : 1;
    let channels = wide(16);
    const features = [convNormAct(o.inChannels, channels, 3, { stride: 2, act: hardswish(), norm })];
    for (const [i, [kernel, inside, to, se, hs, stride]] of plan.entries()) {
      // The last stage is three blocks, of which the first still widens from the stage before.
      const left = plan.length - i;
      const width = wide(left <= 2 ? inside / cut : inside);
      const out = wide(left <= 3 ? to / cut : to);
      const dilation = o.dilated && left <= 3 ? 2 : 1;
      features.push(invertedResidual(channels, [kernel, width, out, se, hs, stride], dilation));
      channels = out;
    }
    const hidden = wide(last / cut);
    features.push(convNormAct(channels, 6 * channels, 1, { act: hardswish(), norm }));
    const classifier = sequential(
      linear(6 * channels, hidden),
      hardswish(),
      dropout(o.dropout, { inplace: true }),
      linear(hidden, o.classes),
    );
    const children = { features: sequential(...features), avgpool: adaptiveAvgPool2d(1), classifier };
    return net("MobileNetV3", children, ["features", "avgpool", flatten(), "classifier"], o);
  };

/** MobileNet v3 large. */
export const mobilenet_v3_large = mobilenet("mobilenet_v3_large", LARGE, 1280);
/** MobileNet v3 small. */
export const mobilenet_v3_small = mobilenet("mobilenet_v3_small", SMALL, 1024);

const paper = "arXiv 1905.02244, Searching for MobileNetV3";

/**
 * @family mobilenet_v3
 * MobileNet v2's block, found anew by search for the time on a telephone and trimmed by hand. Squeeze-and-
 * excitation is added in many blocks. Hard versions of swish and sigmoid replace the costly ones.
 *
 *     x -+-> 1x1 -> hardswish -> depthwise 3x3 or 5x5 -> squeeze-excite -> 1x1 -+-> +
 *        +----------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const mobilenetv3Rows = imagenetRows(
  { family: "mobilenet_v3", paper, year: 2019, source: "torchvision" },
  {
    mobilenet_v3_large: {
      build: mobilenet_v3_large,
      params: 5_483_032,
      macs: 216_589_760,
      top: [74.042, 91.34],
    },
    mobilenet_v3_small: {
      build: mobilenet_v3_small,
      params: 2_542_856,
      macs: 56_510_400,
      top: [67.668, 87.402],
    },
  },
);
