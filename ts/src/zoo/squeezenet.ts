import { integer, probability, withDefaults } from "../check.js";
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
import type { ModelOptions, Rows } from "./row.js";

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
  const defaults = { classes: 1000, inChannels: 3, dropout: 0.5 };
  const {
    classes,
    inChannels,
    dropout: p,
  } = withDefaults<Required<SqueezeNetOptions>>(name, defaults, options);
  integer(name, "classes", classes, 1);
  integer(name, "inChannels", inChannels, 1);
  probability(name, "dropout", p);
  const classifier = sequential(dropout(p), conv2d(512, classes, 1), act(), adaptiveAvgPool2d([1, 1]));
  const children = { features: sequential(...features(inChannels)), classifier };
  return net("SqueezeNet", children, ["features", "classifier", flatten()], { inChannels });
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

/** The table's rows of this family; accuracy as torchvision published it. */
export const squeezenetRows = {
  squeezenet1_0: {
    build: squeezenet1_0,
    input: [3, 224, 224],
    minSize: 21,
    family: "squeezenet",
    paper:
      "arXiv 1602.07360, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    year: 2016,
    params: 1_248_424,
    macs: 818_924_576,
    weights: {},
    published: { top1: 58.092, top5: 80.42 },
  },
  squeezenet1_1: {
    build: squeezenet1_1,
    input: [3, 224, 224],
    minSize: 17,
    family: "squeezenet",
    paper:
      "arXiv 1602.07360, SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    year: 2016,
    params: 1_235_496,
    macs: 349_151_936,
    weights: {
      imagenet1k_v1: {
        url: () => new URL("./weights/squeezenet1_1.safetensors", import.meta.url),
        bytes: 2_475_896,
        sha256: "a3839aee18f41a3b9c0056b68d19499db5807ed5e41da4fd776adb7cf1bf5a92",
        licence: "Apache-2.0",
        preprocess: {
          resize: 256,
          crop: 224,
          interpolation: "bilinear",
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
        },
        labels: "imagenet1k",
        note: "From the ONNX model zoo, stored as float16.",
      },
    },
    published: { top1: 58.178, top5: 80.624 },
  },
} as const satisfies Rows;
