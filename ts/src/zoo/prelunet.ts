import { list, probability } from "../check.js";
import {
  adaptiveMaxPool2d,
  concat,
  conv2d,
  dropout,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  module,
  type Net,
  net,
  prelu,
  sequential,
} from "../layers.js";
import { optionsOf, positive, repeats } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of the PReLU-nets. */
export interface PReLUNetOptions extends ModelOptions {
  /** 3 x 3 convolutions of each stage: 5 or 6. */
  readonly depth?: number;
  /** Channels of each stage: 256, 512, 512; in model C 384, 768, 896. */
  readonly widths?: readonly number[];
  /** Cells a side of each level of the spatial pyramid: 7, 3, 2, 1. */
  readonly bins?: readonly number[];
  /** The probability of both dropouts, which do nothing here but show in the print; 0.5 by default. */
  readonly dropout?: number;
}

/**
 * The networks of arXiv 1502.01852, "Delving deep into rectifiers", with PReLU, spatial pyramid pooling
 * (arXiv 1406.4729) and thus inputs of many sizes; keys `features.N` and `classifier.N`. [3, H, W], at least
 * 15 x 15 and at best 224 x 224, to [1000] logits. The nets throw `bad-option`.
 */
const preluNet =
  (name: string, depth: number, widths: readonly number[]) =>
  (options: PReLUNetOptions = {}): Net => {
    const numbers = (where: string, key: string, values: readonly number[]) =>
      list(where, key, values, positive);
    const o = optionsOf(name, options, {
      depth: [depth, repeats],
      widths: [widths, numbers],
      bins: [[7, 3, 2, 1], numbers],
      dropout: [0.5, probability],
    });
    const features: Layer[] = [conv2d(o.inChannels, 96, 7, { stride: 2, padding: 3 }), prelu(96)];
    let channels = 96;
    for (const width of o.widths) {
      features.push(maxPool2d(2));
      for (let i = 0; i < o.depth; i++, channels = width)
        features.push(conv2d(channels, width, 3, { padding: 1 }), prelu(width));
    }
    const levels = o.bins.map((bins) => [adaptiveMaxPool2d(bins), flatten()]);
    const cells = o.bins.reduce((sum, bins) => sum + bins * bins, 0);
    const classifier: Layer[] = [];
    let units = cells * channels;
    for (const to of [4096, 4096]) {
      classifier.push(linear(units, to), prelu(to), dropout(o.dropout));
      units = to;
    }
    const children = {
      features: sequential(...features),
      spp: module("SpatialPyramid", {}, levels.length === 1 ? (levels[0] ?? []) : [concat(...levels)]),
      classifier: sequential(...classifier, linear(units, o.classes)),
    };
    return net("PReLUNet", children, ["features", "spp", "classifier"], o);
  };

/** Model A. */
export const prelu_net_a = preluNet("prelu_net_a", 5, [256, 512, 512]);
/** Model B: one more convolution a stage than A. */
export const prelu_net_b = preluNet("prelu_net_b", 6, [256, 512, 512]);
/** Model C: wider than B. */
export const prelu_net_c = preluNet("prelu_net_c", 6, [384, 768, 896]);

const paper = "arXiv 1502.01852, Delving deep into rectifiers";

/**
 * @family prelu_net
 * A ReLU's slope for negative values is learnt, one for each channel. Weights start with a variance that keeps the
 * signal's size through rectifiers, so very deep nets train from scratch. Pooling at several sizes before the
 * classifier makes the net take images of any size.
 *
 *     x -> conv 7x7 /2 -> pool -> [conv 3x3 -> prelu] ... -> pyramid pooling 7, 3, 2, 1 -> linear x 3
 */

const conditions = "ten crops";

/** The table's rows of this family; accuracy as in the paper's table 5. */
export const preluNetRows = imagenetRows(
  { family: "prelu_net", paper, year: 2015, source: "paper" },
  {
    prelu_net_a: {
      build: prelu_net_a,
      minSize: 15,
      params: 178_032_072,
      macs: 19_058_106_368,
      top: [74.41, 91.77],
      conditions,
    },
    prelu_net_b: {
      build: prelu_net_b,
      minSize: 15,
      params: 183_343_048,
      macs: 23_219_904_512,
      top: [74.47, 91.87],
      conditions,
    },
    prelu_net_c: {
      build: prelu_net_c,
      minSize: 15,
      params: 330_623_944,
      macs: 53_463_130_112,
      top: [75.73, 92.62],
      conditions,
    },
  },
);
