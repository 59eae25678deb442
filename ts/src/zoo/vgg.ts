import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  batchNorm2d,
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
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of the VGG networks. */
export interface VggOptions extends ModelOptions {
  /** The probability of both dropouts, which do nothing here but show in the print; 0.5 by default. */
  readonly dropout?: number;
}

/** How many 3 x 3 convolutions each of the five stages has. */
type Depths = readonly [number, number, number, number, number];

const WIDTHS = [64, 128, 256, 512, 512];

/**
 * VGG, arXiv 1409.1556, under torchvision's keys: [3, H, W], at least 32 x 32 and at best 224 x 224, to [1000]
 * logits. With `norm`, batch norm follows every convolution. The nets throw `bad-option`.
 */
const vgg =
  (name: string, depths: Depths, norm = false) =>
  (options: VggOptions = {}): Net => {
    const o = optionsOf(name, options, { dropout: [0.5, probability] });
    const act = relu({ inplace: true });
    const features: Layer[] = [];
    let channels = o.inChannels;
    for (const [stage, width] of WIDTHS.entries()) {
      for (let i = 0; i < (depths[stage] ?? 0); i++) {
        features.push(conv2d(channels, width, 3, { padding: 1 }), ...(norm ? [batchNorm2d(width)] : []), act);
        channels = width;
      }
      features.push(maxPool2d(2));
    }
    const drop = dropout(o.dropout);
    const hidden = [linear(512 * 7 * 7, 4096), act, drop, linear(4096, 4096), act, drop];
    const classifier = sequential(...hidden, linear(4096, o.classes));
    const children = { features: sequential(...features), avgpool: adaptiveAvgPool2d([7, 7]), classifier };
    return net("VGG", children, ["features", "avgpool", flatten(), "classifier"], o);
  };

/** VGG 11, the paper's network A. */
export const vgg11 = vgg("vgg11", [1, 1, 2, 2, 2]);
/** VGG 13, the paper's network B. */
export const vgg13 = vgg("vgg13", [2, 2, 2, 2, 2]);
/** VGG 16, the paper's network D. */
export const vgg16 = vgg("vgg16", [2, 2, 3, 3, 3]);
/** VGG 19, the paper's network E. */
export const vgg19 = vgg("vgg19", [2, 2, 4, 4, 4]);
/** VGG 11 with batch norm. */
export const vgg11_bn = vgg("vgg11_bn", [1, 1, 2, 2, 2], true);
/** VGG 13 with batch norm. */
export const vgg13_bn = vgg("vgg13_bn", [2, 2, 2, 2, 2], true);
/** VGG 16 with batch norm. */
export const vgg16_bn = vgg("vgg16_bn", [2, 2, 3, 3, 3], true);
/** VGG 19 with batch norm. */
export const vgg19_bn = vgg("vgg19_bn", [2, 2, 4, 4, 4], true);

const paper = "arXiv 1409.1556, Very deep convolutional networks for large-scale image recognition";

/**
 * @family vgg
 * Only convolutions of 3 x 3 are used, in five stages with pooling between. Two of them see what one of 5 x 5
 * sees, with fewer weights and one more nonlinearity. Depth, from 11 to 19 layers, is then what is varied.
 *
 *     x -> [[conv 3x3 -> relu] x 1 to 4 -> max-pool 2] x 5 -> [linear -> relu -> dropout] x 2 -> linear
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const vggRows = imagenetRows(
  { family: "vgg", paper, year: 2014, source: "torchvision" },
  {
    vgg11: { build: vgg11, minSize: 32, params: 132_863_336, macs: 7_609_090_048, top: [69.02, 88.628] },
    vgg13: { build: vgg13, minSize: 32, params: 133_047_848, macs: 11_308_466_176, top: [69.928, 89.246] },
    vgg16: { build: vgg16, minSize: 32, params: 138_357_544, macs: 15_470_264_320, top: [71.592, 90.382] },
    vgg19: { build: vgg19, minSize: 32, params: 143_667_240, macs: 19_632_062_464, top: [72.376, 90.876] },
    vgg11_bn: { build: vgg11_bn, minSize: 32, params: 132_868_840, macs: 7_609_090_048, top: [70.37, 89.81] },
    vgg13_bn: {
      build: vgg13_bn,
      minSize: 32,
      params: 133_053_736,
      macs: 11_308_466_176,
      top: [71.586, 90.374],
    },
    vgg16_bn: {
      build: vgg16_bn,
      minSize: 32,
      params: 138_365_992,
      macs: 15_470_264_320,
      top: [73.36, 91.516],
    },
    vgg19_bn: {
      build: vgg19_bn,
      minSize: 32,
      params: 143_678_248,
      macs: 19_632_062_464,
      top: [74.218, 91.842],
    },
  },
);
