import { integer, probability, show } from "../check.js";
import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  concat,
  conv2d,
  dropout,
  flatten,
  type Layer,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { type Check, factor, optionsOf, positive } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the SqueezeNets; all but `dropout` are the paper's metaparameters (section 5.1). */
export interface SqueezeNetOptions extends ModelOptions {
  /** Channels that the first fire modules expand to: base_e, 128 by default. */
  readonly expand?: number;
  /** By how many more the next ones do: incr_e, 128 by default. */
  readonly increment?: number;
  /** After how many fire modules: freq, 2 by default. */
  readonly every?: number;
  /** The share of them that 3 x 3 convolutions make: pct_3x3, 0.5 by default. */
  readonly share3x3?: number;
  /** Channels that a module squeezes to, as a share of those that it expands to: SR, 0.125 by default. */
  readonly squeezeRatio?: number;
  /**
   * The probability of the classifier's dropout, which does nothing here but shows in the print; 0.5 by
   * default.
   */
  readonly dropout?: number;
}

const FIRES = 8;
const share: Check<number> = (where, name, value) => {
  if (probability(where, name, value) > 0 && value < 1) return value;
  throw new ConvzooError("bad-option", `${where}: ${name} must lie between 0 and 1, but is ${show(value)}.`);
};

/** `pools` says behind how many fire modules there is a pooling. */
const squeezenet =
  (name: string, stem: readonly [channels: number, kernel: number], pools: readonly number[]) =>
  (options: SqueezeNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      expand: [128, (where, key, value) => integer(where, key, value, 2)],
      increment: [128, (where, key, value) => integer(where, key, value, 0)],
      every: [2, positive],
      share3x3: [0.5, share],
      squeezeRatio: [0.125, factor],
      dropout: [0.5, probability],
    });
    let [channels] = stem;
    const features: Layer[] = [conv2d(o.inChannels, channels, stem[1], { stride: 2 }), act(), pool()];
    for (let i = 0; i < FIRES; i++) {
      const to = o.expand + o.increment * Math.floor(i / o.every);
      const wide = Math.min(to - 1, Math.max(1, Math.round(to * o.share3x3)));
      features.push(fire(channels, Math.max(1, Math.round(to * o.squeezeRatio)), to - wide, wide));
      if (pools.includes(i + 1)) features.push(pool());
      channels = to;
    }
    const classifier = sequential(
      dropout(o.dropout),
      conv2d(channels, o.classes, 1),
      act(),
      adaptiveAvgPool2d([1, 1]),
    );
    const children = { features: sequential(...features), classifier };
    return net("SqueezeNet", children, ["features", "classifier", flatten()], o);
  };

const act = () => relu({ inplace: true });
const pool = () => maxPool2d(3, { stride: 2, ceilMode: true });

/** Squeezes to a few channels by 1 x 1, then expands to `one` channels by 1 x 1 and `three` by 3 x 3. */
function fire(inChannels: number, squeeze: number, one: number, three: number): Module {
  const children = {
    squeeze: conv2d(inChannels, squeeze, 1),
    squeeze_activation: act(),
    expand1x1: conv2d(squeeze, one, 1),
    expand1x1_activation: act(),
    expand3x3: conv2d(squeeze, three, 3, { padding: 1 }),
    expand3x3_activation: act(),
  };
  const expanded = concat(["expand1x1", "expand1x1_activation"], ["expand3x3", "expand3x3_activation"]);
  return module("Fire", children, ["squeeze", "squeeze_activation", expanded]);
}

/**
 * SqueezeNet 1.0, arXiv 1602.07360, under torchvision's keys.
 *
 * [3, H, W], at least 21 x 21 and at best 224 x 224, to [1000] logits (after a ReLU, so none is negative).
 * Throws `bad-option`.
 */
export const squeezenet1_0 = squeezenet("squeezenet1_0", [96, 7], [3, 7]);

/**
 * SqueezeNet 1.1: the authors' revision of arXiv 1602.07360 with 2.4 times less work, under torchvision's
 * keys.
 *
 * [3, H, W], at least 17 x 17 and at best 224 x 224, to [1000] logits (after a ReLU, so none is negative).
 * Throws `bad-option`.
 */
export const squeezenet1_1 = squeezenet("squeezenet1_1", [64, 3], [2, 4]);

const paper =
  "arXiv 1602.07360, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size";

/**
 * @family squeezenet
 * A fire module first squeezes the channels with 1 x 1 convolutions. It then expands them with 1 x 1 and 3 x 3
 * convolutions side by side, so that few weights see many channels. AlexNet's accuracy comes with a fiftieth of
 * its parameters.
 *
 *                              +-> 1x1 -> relu -+
 *     x -> 1x1 -> relu (few) --+                +-> concat
 *                              +-> 3x3 -> relu -+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const squeezenetRows = imagenetRows(
  { family: "squeezenet", paper, year: 2016, source: "torchvision" },
  {
    squeezenet1_0: {
      build: squeezenet1_0,
      minSize: 21,
      params: 1_248_424,
      macs: 818_924_576,
      top: [58.092, 80.42],
    },
    squeezenet1_1: {
      build: squeezenet1_1,
      minSize: 17,
      params: 1_235_496,
      macs: 349_151_936,
      top: [58.178, 80.624],
      weights: {
        imagenet1k_v1: {
          url: () => new URL("./weights/squeezenet1_1.safetensors", import.meta.url),
          bytes: 2_475_896,
          sha256: "a3839aee18f41a3b9c0056b68d19499db5807ed5e41da4fd776adb7cf1bf5a92",
          licence: "Apache-2.0",
          preprocess: imagenet(256, 224),
          labels: "imagenet1k",
          note: "From the ONNX model zoo, stored as float16.",
        },
      },
    },
  },
);
