import { ConvzooError } from "../errors.js";
import {
  type Activation,
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  type Layer,
  linear,
  type Module,
  module,
  mul,
  type Net,
  net,
  relu6,
  type Step,
  sequential,
  sigmoid,
  silu,
} from "../layers.js";
import { globalPool, roundChannels } from "./blocks.js";
import { type Check, factor, optionsOf, repeats } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";
import { EFFICIENTNET_B0, EFFICIENTNET_SCALES, MOBILENET_V2, type Stage } from "./stages.js";

/** How convolutions keep the size: as PyTorch's do, or as TensorFlow's. */
type Padding = "symmetric" | "same";

/** Options of the networks that timm builds as its EfficientNet. */
export interface TimmEfficientNetOptions extends ModelOptions {
  /** What every number of channels is multiplied by, before it is rounded to a multiple of 8. */
  readonly widthMult?: number;
  /** What every number of blocks is multiplied by, before it is rounded up. */
  readonly depthMult?: number;
  /** `"symmetric"` pads alike on both sides; `"same"` is TensorFlow's, which at stride 2 pads more at the end. */
  readonly padding?: Padding;
  /** What batch norm adds to the variance. */
  readonly eps?: number;
}

/** What the nets differ in. */
interface Plan {
  readonly stages: readonly Stage[];
  readonly act: Activation;
  /** Whether blocks squeeze to a quarter of their input's channels, and excite. */
  readonly squeezes: boolean;
  readonly widthMult: number;
  readonly depthMult: number;
  readonly padding: Padding;
  readonly eps: number;
  /** The fewest channels of the last convolution. */
  readonly least: number;
}

const paddingOf: Check<Padding> = (where, name, value) => {
  if (value === "symmetric" || value === "same") return value;
  throw new ConvzooError("bad-option", `${where}: ${name} must be "symmetric" or "same".`);
};

function squeezeExcite(channels: number, squeezed: number, act1: Activation): Module {
  const children = {
    conv_reduce: conv2d(channels, squeezed, 1),
    act1,
    conv_expand: conv2d(squeezed, channels, 1),
    gate: sigmoid(),
  };
  return module("SqueezeExcite", children, [mul([], [adaptiveAvgPool2d(1), ...Object.keys(children)])]);
}

/**
 * EfficientNet, arXiv 1905.11946, and MobileNet v2, arXiv 1801.04381, under timm's keys: [3, H, W] of any size, at
 * best of the row's `input`, to [1000] logits. An output `bn1` or the like is what stands before the activation that
 * timm counts as a part of it. The nets throw `bad-option`.
 */
const timmEfficientNet =
  (name: string, { stages, act, squeezes, least, ...plan }: Plan) =>
  (options: TimmEfficientNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      widthMult: [plan.widthMult, factor],
      depthMult: [plan.depthMult, factor],
      padding: [plan.padding, paddingOf],
      eps: [plan.eps, factor],
    });
    const wide = (channels: number) => roundChannels(channels * o.widthMult);
    const norm = (channels: number) => batchNorm2d(channels, { eps: o.eps });
    const conv = (from: number, to: number, kernel: number, stride = 1, groups = 1) => {
      const padding = stride > 1 && o.padding === "same" ? "same" : (kernel - 1) / 2;
      return conv2d(from, to, kernel, { stride, padding, groups, bias: false });
    };
    const block = (from: number, [widening, kernel, , width]: Stage, stride: number): Module => {
      const inside = roundChannels(from * widening);
      const to = wide(width);
      const se: Record<string, Module> = squeezes ? { se: squeezeExcite(inside, from / 4, act) } : {};
      const filter = conv(inside, inside, kernel, stride, inside);
      const widens = widening > 1;
      const children: Record<string, Layer> = widens
        ? {
            conv_pw: conv(from, inside, 1),
            bn1: norm(inside),
            conv_dw: filter,
            bn2: norm(inside),
            ...se,
            conv_pwl: conv(inside, to, 1),
            bn3: norm(to),
          }
        : { conv_dw: filter, bn1: norm(inside), ...se, conv_pw: conv(inside, to, 1), bn2: norm(to) };
      // Every batch norm but the last has an activation, which in timm is a part of it.
      const last = widens ? "bn3" : "bn2";
      const steps = Object.keys(children).flatMap((child): Step[] =>
        child.startsWith("bn") && child !== last ? [child, act] : [child],
      );
      const adds = stride === 1 && from === to;
      return module(
        widens ? "InvertedResidual" : "DepthwiseSeparableConv",
        children,
        adds ? [add(steps, [])] : steps,
      );
    };
    let channels = wide(32);
    const conv_stem = conv(o.inChannels, channels, 3, 2);
    const bn1 = norm(channels);
    const blocks = stages.map((stage) => {
      const [, , stride, width, depth] = stage;
      const count = repeats(name, "the number of blocks from depthMult", Math.ceil(depth * o.depthMult));
      const made = Array.from({ length: count }, (_, i) => {
        const one = block(channels, stage, i === 0 ? stride : 1);
        channels = wide(width);
        return one;
      });
      return sequential(...made);
    });
    const features = Math.max(least, wide(1280));
    const children = {
      conv_stem,
      bn1,
      blocks: sequential(...blocks),
      conv_head: conv(channels, features, 1),
      bn2: norm(features),
      global_pool: globalPool,
      classifier: linear(features, o.classes),
    };
    const steps = ["conv_stem", "bn1", act, "blocks", "conv_head", "bn2", act, "global_pool", "classifier"];
    return net("EfficientNet", children, steps, o);
  };

/** An EfficientNet as it was trained with TensorFlow. */
const tf = (name: string, [widthMult, depthMult]: readonly [number, number]) =>
  timmEfficientNet(name, {
    stages: EFFICIENTNET_B0,
    act: silu({ inplace: true }),
    squeezes: true,
    widthMult,
    depthMult,
    padding: "same",
    eps: 0.001,
    least: 0,
  });

/** EfficientNet B0, trained with TensorFlow. */
export const tf_efficientnet_b0 = tf("tf_efficientnet_b0", EFFICIENTNET_SCALES.b0);
/** EfficientNet B1, trained with TensorFlow. */
export const tf_efficientnet_b1 = tf("tf_efficientnet_b1", EFFICIENTNET_SCALES.b1);
/** EfficientNet B2, trained with TensorFlow. */
export const tf_efficientnet_b2 = tf("tf_efficientnet_b2", EFFICIENTNET_SCALES.b2);
/** EfficientNet B3, trained with TensorFlow. */
export const tf_efficientnet_b3 = tf("tf_efficientnet_b3", EFFICIENTNET_SCALES.b3);
/** EfficientNet B4, trained with TensorFlow. */
export const tf_efficientnet_b4 = tf("tf_efficientnet_b4", EFFICIENTNET_SCALES.b4);
/** EfficientNet B5, trained with TensorFlow. */
export const tf_efficientnet_b5 = tf("tf_efficientnet_b5", EFFICIENTNET_SCALES.b5);
/** EfficientNet B6, trained with TensorFlow. */
export const tf_efficientnet_b6 = tf("tf_efficientnet_b6", EFFICIENTNET_SCALES.b6);
/** EfficientNet B7, trained with TensorFlow. */
export const tf_efficientnet_b7 = tf("tf_efficientnet_b7", EFFICIENTNET_SCALES.b7);

/** MobileNet v2; for weights from TensorFlow with `padding: "same", eps: 1e-3`. */
export const mobilenetv2_100 = timmEfficientNet("mobilenetv2_100", {
  stages: MOBILENET_V2,
  act: relu6({ inplace: true }),
  squeezes: false,
  widthMult: 1,
  depthMult: 1,
  padding: "symmetric",
  eps: 1e-5,
  least: 1280,
});

const paper = "arXiv 1905.11946, EfficientNet: rethinking model scaling for convolutional neural networks";
const mobilePaper = "arXiv 1801.04381, MobileNetV2: inverted residuals and linear bottlenecks";
const images = (resize: number, crop: number) => ({ preprocess: imagenet(resize, crop, "bicubic") });

/** The table's rows; accuracy as timm published it, of the EfficientNets with AutoAugment (B5, B7 RandAugment). */
export const timmEfficientnetRows = {
  ...imagenetRows(
    { family: "efficientnet", paper, year: 2019, source: "timm" },
    {
      tf_efficientnet_b0: {
        build: tf_efficientnet_b0,
        params: 5_288_548,
        macs: 385_814_752,
        top: [76.882, 93.27],
        ...images(256, 224),
      },
      tf_efficientnet_b1: {
        build: tf_efficientnet_b1,
        params: 7_794_184,
        macs: 686_802_832,
        top: [78.84, 94.202],
        ...images(272, 240),
      },
      tf_efficientnet_b2: {
        build: tf_efficientnet_b2,
        params: 9_109_994,
        macs: 993_561_872,
        top: [80.074, 94.906],
        ...images(292, 260),
      },
      tf_efficientnet_b3: {
        build: tf_efficientnet_b3,
        params: 12_233_232,
        macs: 1_827_141_392,
        top: [81.648, 95.724],
        ...images(331, 300),
      },
      tf_efficientnet_b4: {
        build: tf_efficientnet_b4,
        params: 19_341_616,
        macs: 4_393_771_024,
        top: [83.04, 96.298],
        ...images(412, 380),
      },
      tf_efficientnet_b5: {
        build: tf_efficientnet_b5,
        params: 30_389_784,
        macs: 10_266_384_752,
        top: [83.834, 96.764],
        ...images(488, 456),
      },
      tf_efficientnet_b6: {
        build: tf_efficientnet_b6,
        params: 43_040_704,
        macs: 19_067_593_536,
        top: [84.124, 96.89],
        ...images(560, 528),
      },
      tf_efficientnet_b7: {
        build: tf_efficientnet_b7,
        params: 66_347_960,
        macs: 37_745_884_192,
        top: [84.926, 97.22],
        ...images(632, 600),
      },
    },
  ),
  ...imagenetRows(
    { family: "mobilenet_v2", paper: mobilePaper, year: 2018, source: "timm" },
    {
      mobilenetv2_100: {
        build: mobilenetv2_100,
        params: 3_504_872,
        macs: 300_774_272,
        top: [72.91, 91],
        ...images(256, 224),
      },
    },
  ),
};
