import { probability } from "../check.js";
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
import { optionsOf } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the SqueezeNets. */
export interface SqueezeNetOptions extends ModelOptions {
  /**
   * The probability of the classifier's dropout, which does nothing here but shows in the print; 0.5 by
   * default.
   */
  readonly dropout?: number;
}

/**
 * SqueezeNet 1.0, arXiv 1602.07360, under torchvision's keys.
 *
 * [3, H, W], at least 21 x 21 and at best 224 x 224, to [1000] logits (after a ReLU, so none is negative).
 * Throws `bad-option`.
 */
export function squeezenet1_0(options: SqueezeNetOptions = {}): Net {
  return squeezenet("squeezenet1_0", options, (inChannels) => [
    conv2d(inChannels, 96, 7, { stride: 2 }),
    act(),
    pool(),
    fire(96, 16, 64),
    fire(128, 16, 64),
    fire(128, 32, 128),
    pool(),
    fire(256, 32, 128),
    fire(256, 48, 192),
    fire(384, 48, 192),
    fire(384, 64, 256),
    pool(),
    fire(512, 64, 256),
  ]);
}

/**
 * SqueezeNet 1.1: the authors' revision of arXiv 1602.07360 with 2.4 times less work, under torchvision's
 * keys.
 *
 * [3, H, W], at least 17 x 17 and at best 224 x 224, to [1000] logits (after a ReLU, so none is negative).
 * Throws `bad-option`.
 */
export function squeezenet1_1(options: SqueezeNetOptions = {}): Net {
  return squeezenet("squeezenet1_1", options, (inChannels) => [
    conv2d(inChannels, 64, 3, { stride: 2 }),
    act(),
    pool(),
    fire(64, 16, 64),
    fire(128, 16, 64),
    pool(),
    fire(128, 32, 128),
    fire(256, 32, 128),
    pool(),
    fire(256, 48, 192),
    fire(384, 48, 192),
    fire(384, 64, 256),
    fire(512, 64, 256),
  ]);
}

function squeezenet(
  name: string,
  options: SqueezeNetOptions,
  features: (inChannels: number) => readonly Layer[],
): Net {
  const o = optionsOf(name, options, { dropout: [0.5, probability] });
  const classifier = sequential(
    dropout(o.dropout),
    conv2d(512, o.classes, 1),
    act(),
    adaptiveAvgPool2d([1, 1]),
  );
  const children = { features: sequential(...features(o.inChannels)), classifier };
  return net("SqueezeNet", children, ["features", "classifier", flatten()], o);
}

const act = () => relu({ inplace: true });
const pool = () => maxPool2d(3, { stride: 2, ceilMode: true });

/** Squeezes to a few channels by 1 x 1, then expands to `expand` channels by 1 x 1 and as many by 3 x 3. */
function fire(inChannels: number, squeeze: number, expand: number): Module {
  const children = {
    squeeze: conv2d(inChannels, squeeze, 1),
    squeeze_activation: act(),
    expand1x1: conv2d(squeeze, expand, 1),
    expand1x1_activation: act(),
    expand3x3: conv2d(squeeze, expand, 3, { padding: 1 }),
    expand3x3_activation: act(),
  };
  const expanded = concat(["expand1x1", "expand1x1_activation"], ["expand3x3", "expand3x3_activation"]);
  return module("Fire", children, ["squeeze", "squeeze_activation", expanded]);
}

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
