import { probability } from "../check.js";
import {
  conv2d,
  dropout,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { optionsOf } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the OverFeats. */
export interface OverFeatOptions extends ModelOptions {
  /** The probability of both dropouts, which do nothing here but show in the print; 0.5 by default. */
  readonly dropout?: number;
}

type Conv = readonly [maps: number, kernel: number, stride: number, padding: number, pooling: number];

/**
 * OverFeat, arXiv 1312.6229, whose classifier can scan images of any size: see `convolutionize`. No contrast
 * normalisation; keys `features.N` and `classifier.N`. [3, 231, 231] or
 * [3, 221, 221] to [1000] logits. The nets throw `bad-option`.
 */
const overfeat =
  (name: string, convs: readonly Conv[], side: number, hidden: readonly number[]) =>
  (options: OverFeatOptions = {}): Net => {
    const o = optionsOf(name, options, { dropout: [0.5, probability] });
    const features: Layer[] = [];
    let channels = o.inChannels;
    for (const [maps, kernel, stride, padding, pooling] of convs) {
      features.push(conv2d(channels, maps, kernel, { stride, padding }), relu());
      if (pooling) features.push(maxPool2d(pooling));
      channels = maps;
    }
    const classifier: Layer[] = [];
    let units = channels * side * side;
    for (const to of hidden) {
      classifier.push(linear(units, to), relu(), dropout(o.dropout));
      units = to;
    }
    classifier.push(linear(units, o.classes));
    const children = { features: sequential(...features), classifier: sequential(...classifier) };
    return net("OverFeat", children, ["features", flatten(), "classifier"], o);
  };

const FAST: readonly Conv[] = [
  [96, 11, 4, 0, 2],
  [256, 5, 1, 0, 2],
  [512, 3, 1, 1, 0],
  [1024, 3, 1, 1, 0],
  [1024, 3, 1, 1, 2],
];
const ACCURATE: readonly Conv[] = [
  [96, 7, 2, 0, 3],
  [256, 7, 1, 0, 2],
  [512, 3, 1, 1, 0],
  [512, 3, 1, 1, 0],
  [1024, 3, 1, 1, 0],
  [1024, 3, 1, 1, 3],
];

/** OverFeat's fast network, of the paper's table 1: [3, 231, 231]. */
export const overfeat_fast = overfeat("overfeat_fast", FAST, 6, [3072, 4096]);
/** OverFeat's accurate network, of the paper's table 3: [3, 221, 221]. */
export const overfeat_accurate = overfeat("overfeat_accurate", ACCURATE, 5, [4096, 4096]);

/** As the authors' program does it: one mean and one deviation for all channels. */
const preprocess = (crop: number) => {
  const [mean, std] = [118.380948 / 255, 61.896913 / 255];
  return { ...imagenet(256, crop), mean: [mean, mean, mean], std: [std, std, std] };
};

const paper = "arXiv 1312.6229, OverFeat: integrated recognition, localization and detection";

/**
 * @family overfeat
 * AlexNet's plan without normalisation and with pooling that does not overlap. Its linear layers are seen as
 * convolutions, so a larger image gives a map of scores in one pass. That makes it a detector as well as a
 * classifier.
 *
 *     x -> conv -> pool -> conv -> pool -> conv x 3 or 4 -> pool -> conv (linear) x 2 -> scores at every place
 */

/** The table's rows of this family; accuracy as in the paper's table 2. */
export const overfeatRows = imagenetRows(
  { family: "overfeat", paper, year: 2013, source: "paper" },
  {
    overfeat_fast: {
      build: overfeat_fast,
      minSize: 231,
      params: 145_920_872,
      macs: 2_801_403_904,
      top: [60.72, 82.88],
      conditions: "dense, one scale",
      preprocess: preprocess(231),
    },
    overfeat_accurate: {
      build: overfeat_accurate,
      minSize: 221,
      params: 144_656_488,
      macs: 5_355_446_784,
      top: [64.4, 85.29],
      conditions: "ten crops",
      preprocess: preprocess(221),
    },
  },
);
