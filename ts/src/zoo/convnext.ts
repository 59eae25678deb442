import { list, probability } from "../check.js";
import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  add,
  conv2d,
  flatten,
  gelu,
  type Layer,
  layerNorm,
  layerNorm2d,
  layerScale,
  linear,
  type Module,
  module,
  type Net,
  net,
  permute,
  sequential,
  stochasticDepth,
} from "../layers.js";
import { optionsOf, positive, repeatsList } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the ConvNeXts. */
export interface ConvNextOptions extends ModelOptions {
  /** Blocks of each stage. */
  readonly depths?: readonly number[];
  /** Channels of each stage, as many as there are depths. */
  readonly widths?: readonly number[];
  /** The probability of the last block's stochastic depth, which does nothing here but shows in the print. */
  readonly stochasticDepthProb?: number;
}

const norm = { eps: 1e-6 };

function cnBlock(channels: number, p: number): Module {
  const block = sequential(
    conv2d(channels, channels, 7, { padding: 3, groups: channels }),
    permute(),
    layerNorm(channels, norm),
    linear(channels, 4 * channels, { perPixel: true }),
    gelu(),
    linear(4 * channels, channels, { perPixel: true }),
    permute(),
  );
  const children = { layer_scale: layerScale(channels), block, stochastic_depth: stochasticDepth(p) };
  return module("CNBlock", children, [add(["block", "layer_scale", "stochastic_depth"], [])]);
}

/**
 * ConvNeXt, arXiv 2201.03545, under torchvision's keys: [3, H, W], at least 32 x 32 and at best 224 x 224, to
 * [1000] logits. The nets throw `bad-option`.
 */
const convnext =
  (name: string, depths: readonly number[], widths: readonly number[], p: number) =>
  (options: ConvNextOptions = {}): Net => {
    const o = optionsOf(name, options, {
      depths: [depths, repeatsList],
      widths: [widths, (where, key, value) => list(where, key, value, positive)],
      stochasticDepthProb: [p, probability],
    });
    if (o.depths.length !== o.widths.length)
      throw new ConvzooError("bad-option", `${name}: depths and widths must be lists of the same length.`);
    const last = o.depths.reduce((sum, depth) => sum + depth, 0) - 1;
    const features: Layer[] = [];
    let channels = o.inChannels;
    let count = 0;
    for (const [i, width] of o.widths.entries()) {
      const down =
        i === 0
          ? sequential(conv2d(channels, width, 4, { stride: 4 }), layerNorm2d(width, norm))
          : sequential(layerNorm2d(channels, norm), conv2d(channels, width, 2, { stride: 2 }));
      channels = width;
      const blocks = Array.from({ length: o.depths[i] ?? 0 }, () => {
        return cnBlock(channels, (o.stochasticDepthProb * count++) / Math.max(1, last));
      });
      features.push(i === 0 ? module("Conv2dNormActivation", down.children, down.forward) : down);
      features.push(sequential(...blocks));
    }
    const classifier = sequential(layerNorm2d(channels, norm), flatten(), linear(channels, o.classes));
    const children = { features: sequential(...features), avgpool: adaptiveAvgPool2d(1), classifier };
    return net("ConvNeXt", children, ["features", "avgpool", "classifier"], o);
  };

/** ConvNeXt tiny. */
export const convnext_tiny = convnext("convnext_tiny", [3, 3, 9, 3], [96, 192, 384, 768], 0.1);
/** ConvNeXt small. */
export const convnext_small = convnext("convnext_small", [3, 3, 27, 3], [96, 192, 384, 768], 0.4);
/** ConvNeXt base. */
export const convnext_base = convnext("convnext_base", [3, 3, 27, 3], [128, 256, 512, 1024], 0.5);
/** ConvNeXt large. */
export const convnext_large = convnext("convnext_large", [3, 3, 27, 3], [192, 384, 768, 1536], 0.5);

const paper = "arXiv 2201.03545, A ConvNet for the 2020s";

/**
 * @family convnext
 * A ResNet brought step by step to the ways of vision transformers. Wide depthwise windows of 7 x 7 come first,
 * one layer norm and one GELU are all that a block has, and an inverted bottleneck does the mixing. It stays a
 * plain convolutional net and matches the transformers of its time.
 *
 *     x -+-> depthwise 7x7 -> layer norm -> linear (4 times) -> gelu -> linear -> * scale -+-> +
 *        +---------------------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const convnextRows = imagenetRows(
  { family: "convnext", paper, year: 2022, source: "torchvision" },
  {
    convnext_tiny: {
      build: convnext_tiny,
      minSize: 32,
      params: 28_589_128,
      macs: 4_455_531_264,
      top: [82.52, 96.146],
      preprocess: imagenet(236, 224),
    },
    convnext_small: {
      build: convnext_small,
      minSize: 32,
      params: 50_223_688,
      macs: 8_683_712_256,
      top: [83.616, 96.65],
      preprocess: imagenet(230, 224),
    },
    convnext_base: {
      build: convnext_base,
      minSize: 32,
      params: 88_591_464,
      macs: 15_354_729_472,
      top: [84.062, 96.87],
      preprocess: imagenet(232, 224),
    },
    convnext_large: {
      build: convnext_large,
      minSize: 32,
      params: 197_767_336,
      macs: 34_361_433_600,
      top: [84.414, 96.976],
      preprocess: imagenet(232, 224),
    },
  },
);
