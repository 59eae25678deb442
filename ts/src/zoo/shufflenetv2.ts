import { list } from "../check.js";
import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  batchNorm2d,
  channelShuffle,
  concat,
  conv2d,
  flatten,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  sequential,
  slice,
} from "../layers.js";
import { type Check, optionsOf, positive, repeatsList } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the ShuffleNets v2. */
export interface ShuffleNetV2Options extends ModelOptions {
  /** Blocks of each of the three stages; [4, 8, 4] by default. */
  readonly stagesRepeats?: readonly number[];
  /** Channels of the first convolution, the three stages (even) and the last convolution. */
  readonly stagesOutChannels?: readonly number[];
}

const act = relu({ inplace: true });
const pointwise = (from: number, to: number) => [conv2d(from, to, 1, { bias: false }), batchNorm2d(to), act];
const depthwise = (channels: number, stride: number) => [
  conv2d(channels, channels, 3, { stride, padding: 1, groups: channels, bias: false }),
  batchNorm2d(channels),
];

/** With a stride, two branches of the whole input; without, half of the channels stay and half go through a branch. */
function invertedResidual(from: number, to: number, stride: number): Module {
  const half = to / 2;
  const whole = stride > 1;
  const children = {
    branch1: whole ? sequential(...depthwise(from, stride), ...pointwise(from, half)) : sequential(),
    branch2: sequential(
      ...pointwise(whole ? from : half, half),
      ...depthwise(half, stride),
      ...pointwise(half, half),
    ),
  };
  const joined = whole
    ? concat(["branch1"], ["branch2"])
    : concat([slice(0, half)], [slice(half, to), "branch2"]);
  return module("InvertedResidual", children, [joined, channelShuffle(2)]);
}

/**
 * ShuffleNet v2, arXiv 1807.11164, under torchvision's keys: [3, H, W] of any size, at best 224 x 224, to [1000]
 * logits. The nets throw `bad-option`.
 */
const shufflenet =
  (name: string, ...widths: readonly number[]) =>
  (options: ShuffleNetV2Options = {}): Net => {
    const o = optionsOf(name, options, {
      stagesRepeats: [
        [4, 8, 4],
        (where, key, value) => lengthOf(3, 1, where, key, repeatsList(where, key, value)),
      ],
      stagesOutChannels: [widths, (...given) => lengthOf(5, 2, ...given)],
    });
    const [first = 0, ...rest] = o.stagesOutChannels;
    const last = rest.pop() ?? 0;
    const stages: Record<string, Module> = {};
    let channels = first;
    for (const [i, to] of rest.entries()) {
      const blocks: Module[] = [];
      for (let k = 0; k < (o.stagesRepeats[i] ?? 0); k++, channels = to)
        blocks.push(invertedResidual(channels, to, k === 0 ? 2 : 1));
      stages[`stage${i + 2}`] = sequential(...blocks);
    }
    const children = {
      conv1: sequential(
        conv2d(o.inChannels, first, 3, { stride: 2, padding: 1, bias: false }),
        batchNorm2d(first),
        act,
      ),
      maxpool: maxPool2d(3, { stride: 2, padding: 1 }),
      ...stages,
      conv5: sequential(...pointwise(channels, last)),
      fc: linear(last, o.classes),
    };
    const steps = [...Object.keys(children).slice(0, -1), adaptiveAvgPool2d(1), flatten(), "fc"];
    return net("ShuffleNetV2", children, steps, o);
  };

/** `length` numbers; those of the stages are multiples of `step`, since halves of them are taken. */
function lengthOf(
  length: number,
  step: number,
  ...[where, name, values]: Parameters<Check<readonly number[]>>
) {
  const found = list(where, name, values, positive);
  if (found.length === length && found.slice(1, 4).every((value) => value % step === 0)) return values;
  const wanted = `${length} numbers${step > 1 ? ", even ones for the stages" : ""}`;
  throw new ConvzooError("bad-option", `${where}: ${name} must have ${wanted}.`);
}

/** ShuffleNet v2 of half the channels. */
export const shufflenet_v2_x0_5 = shufflenet("shufflenet_v2_x0_5", 24, 48, 96, 192, 1024);
/** ShuffleNet v2. */
export const shufflenet_v2_x1_0 = shufflenet("shufflenet_v2_x1_0", 24, 116, 232, 464, 1024);
/** ShuffleNet v2 of 1.5 times the channels. */
export const shufflenet_v2_x1_5 = shufflenet("shufflenet_v2_x1_5", 24, 176, 352, 704, 1024);
/** ShuffleNet v2 of twice the channels. */
export const shufflenet_v2_x2_0 = shufflenet("shufflenet_v2_x2_0", 24, 244, 488, 976, 2048);

const paper = "arXiv 1807.11164, ShuffleNet V2: practical guidelines for efficient CNN architecture design";

/**
 * @family shufflenet_v2
 * Half of the channels go through a block untouched. The other half pass a 1 x 1, a depthwise 3 x 3 and a 1 x 1
 * convolution, all of equal width, which costs the least memory traffic. Then the halves are joined and shuffled,
 * so that they mix.
 *
 *     x -> split -+-> 1x1 -> relu -> depthwise 3x3 -> 1x1 -> relu -+-> concat -> shuffle
 *                 +------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const shufflenetv2Rows = imagenetRows(
  { family: "shufflenet_v2", paper, year: 2018, source: "torchvision" },
  {
    shufflenet_v2_x0_5: {
      build: shufflenet_v2_x0_5,
      params: 1_366_792,
      macs: 40_476_448,
      top: [60.552, 81.746],
    },
    shufflenet_v2_x1_0: {
      build: shufflenet_v2_x1_0,
      params: 2_278_604,
      macs: 144_907_992,
      top: [69.362, 88.316],
    },
    shufflenet_v2_x1_5: {
      build: shufflenet_v2_x1_5,
      params: 3_503_624,
      macs: 295_759_392,
      top: [72.996, 91.086],
      preprocess: imagenet(232, 224),
    },
    shufflenet_v2_x2_0: {
      build: shufflenet_v2_x2_0,
      params: 7_393_996,
      macs: 583_253_464,
      top: [76.23, 93.006],
      preprocess: imagenet(232, 224),
    },
  },
);
