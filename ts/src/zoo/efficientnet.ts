import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  dropout,
  flatten,
  linear,
  type Module,
  module,
  type Net,
  net,
  sequential,
  silu,
  stochasticDepth,
} from "../layers.js";
import { convNormAct, roundChannels, squeezeExcitation } from "./blocks.js";
import { factor, optionsOf, repeats } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";
import { EFFICIENTNET_B0, EFFICIENTNET_SCALES, type Stage } from "./stages.js";

/** Options of the EfficientNets. */
export interface EfficientNetOptions extends ModelOptions {
  /** The probability of the classifier's dropout, which does nothing here but shows in the print. */
  readonly dropout?: number;
  /** That of the last block's stochastic depth, likewise; 0.2 by default. */
  readonly stochasticDepthProb?: number;
  /** What every number of channels is multiplied by, before it is rounded to a multiple of 8. */
  readonly widthMult?: number;
  /** What every number of blocks is multiplied by, before it is rounded up. */
  readonly depthMult?: number;
}

/** What the nets differ in. */
interface Plan {
  readonly stem: number;
  /** Stages whose blocks widen by their kernel x kernel convolution at once, without squeeze and excitation. */
  readonly fused: readonly Stage[];
  readonly stages: readonly Stage[];
  /** Channels of the last convolution; four times those before it unless given. */
  readonly last?: number;
  readonly widthMult: number;
  readonly depthMult: number;
  readonly dropout: number;
  readonly norm?: { readonly eps: number; readonly momentum?: number };
}

const act = silu({ inplace: true });
type Norm = Plan["norm"];

interface Block {
  readonly fused: boolean;
  readonly widening: number;
  readonly kernel: number;
  readonly stride: number;
  readonly width: number;
}

function mbConv(from: number, block: Block, p: number, norm: Norm): Module {
  const { fused, widening, kernel, stride, width } = block;
  const inside = roundChannels(from * widening);
  const widens = inside !== from;
  const narrows = (step: number, size: number, activation: typeof act | null) =>
    convNormAct(inside, width, size, { stride: step, act: activation, norm });
  const layers = fused
    ? widens
      ? [convNormAct(from, inside, kernel, { stride, act, norm }), narrows(1, 1, null)]
      : [narrows(stride, kernel, act)]
    : [
        ...(widens ? [convNormAct(from, inside, 1, { act, norm })] : []),
        convNormAct(inside, inside, kernel, { stride, groups: inside, act, norm }),
        squeezeExcitation(inside, Math.max(1, Math.floor(from / 4)), act),
        narrows(1, 1, null),
      ];
  const children = { block: sequential(...layers), stochastic_depth: stochasticDepth(p) };
  const adds = stride === 1 && from === width;
  return module(
    fused ? "FusedMBConv" : "MBConv",
    children,
    adds ? [add(["block", "stochastic_depth"], [])] : ["block"],
  );
}

/**
 * EfficientNet, arXiv 1905.11946, and v2, arXiv 2104.00298, under torchvision's keys: [3, H, W] of any size, at
 * best of the row's `input`, to [1000] logits. The nets throw `bad-option`.
 */
const efficientnet =
  (name: string, { stem, fused, stages, last, norm, ...plan }: Plan) =>
  (options: EfficientNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      dropout: [plan.dropout, probability],
      stochasticDepthProb: [0.2, probability],
      widthMult: [plan.widthMult, factor],
      depthMult: [plan.depthMult, factor],
    });
    const wide = (channels: number) => roundChannels(channels * o.widthMult);
    const depths = [...fused, ...stages].map(([, , , , blocks]) =>
      repeats(name, "the number of blocks from depthMult", Math.ceil(blocks * o.depthMult)),
    );
    const total = depths.reduce((sum, depth) => sum + depth);
    let channels = wide(stem);
    const features = [convNormAct(o.inChannels, channels, 3, { stride: 2, act, norm })];
    let count = 0;
    for (const [i, [widening, kernel, stride, to]] of [...fused, ...stages].entries()) {
      const block = { fused: i < fused.length, widening, kernel, width: wide(to) };
      const blocks: Module[] = [];
      for (let b = 0; b < depths[i]!; b++) {
        const p = (o.stochasticDepthProb * count++) / total;
        blocks.push(mbConv(channels, { ...block, stride: b === 0 ? stride : 1 }, p, norm));
        channels = block.width;
      }
      features.push(sequential(...blocks));
    }
    const head = last ?? 4 * channels;
    features.push(convNormAct(channels, head, 1, { act, norm }));
    const children = {
      features: sequential(...features),
      avgpool: adaptiveAvgPool2d(1),
      classifier: sequential(dropout(o.dropout, { inplace: true }), linear(head, o.classes)),
    };
    return net("EfficientNet", children, ["features", "avgpool", flatten(), "classifier"], o);
  };

/** The first generation: B0 with its widths and depths multiplied. */
function scaled([widthMult, depthMult]: readonly [number, number], drop: number, norm?: Norm): Plan {
  return { stem: 32, fused: [], stages: EFFICIENTNET_B0, widthMult, depthMult, dropout: drop, norm };
}

/** The second generation: three fused stages, then the others. */
function second(drop: number, stem: number, fused: readonly Stage[], stages: readonly Stage[]): Plan {
  const scale = { widthMult: 1, depthMult: 1 };
  return { stem, fused, stages, last: 1280, ...scale, dropout: drop, norm: { eps: 0.001 } };
}

const LARGE: Norm = { eps: 0.001, momentum: 0.01 };

/** EfficientNet B0. */
export const efficientnet_b0 = efficientnet("efficientnet_b0", scaled(EFFICIENTNET_SCALES.b0, 0.2));
/** EfficientNet B1. */
export const efficientnet_b1 = efficientnet("efficientnet_b1", scaled(EFFICIENTNET_SCALES.b1, 0.2));
/** EfficientNet B2. */
export const efficientnet_b2 = efficientnet("efficientnet_b2", scaled(EFFICIENTNET_SCALES.b2, 0.3));
/** EfficientNet B3. */
export const efficientnet_b3 = efficientnet("efficientnet_b3", scaled(EFFICIENTNET_SCALES.b3, 0.3));
/** EfficientNet B4. */
export const efficientnet_b4 = efficientnet("efficientnet_b4", scaled(EFFICIENTNET_SCALES.b4, 0.4));
/** EfficientNet B5. */
export const efficientnet_b5 = efficientnet("efficientnet_b5", scaled(EFFICIENTNET_SCALES.b5, 0.4, LARGE));
/** EfficientNet B6. */
export const efficientnet_b6 = efficientnet("efficientnet_b6", scaled(EFFICIENTNET_SCALES.b6, 0.5, LARGE));
/** EfficientNet B7. */
export const efficientnet_b7 = efficientnet("efficientnet_b7", scaled(EFFICIENTNET_SCALES.b7, 0.5, LARGE));
/** EfficientNet v2 S. */
export const efficientnet_v2_s = efficientnet(
  "efficientnet_v2_s",
  second(
    0.2,
    24,
    [
      [1, 3, 1, 24, 2],
      [4, 3, 2, 48, 4],
      [4, 3, 2, 64, 4],
    ],
    [
      [4, 3, 2, 128, 6],
      [6, 3, 1, 160, 9],
      [6, 3, 2, 256, 15],
    ],
  ),
);
/** EfficientNet v2 M. */
export const efficientnet_v2_m = efficientnet(
  "efficientnet_v2_m",
  second(
    0.3,
    24,
    [
      [1, 3, 1, 24, 3],
      [4, 3, 2, 48, 5],
      [4, 3, 2, 80, 5],
    ],
    [
      [4, 3, 2, 160, 7],
      [6, 3, 1, 176, 14],
      [6, 3, 2, 304, 18],
      [6, 3, 1, 512, 5],
    ],
  ),
);
/** EfficientNet v2 L. */
export const efficientnet_v2_l = efficientnet(
  "efficientnet_v2_l",
  second(
    0.4,
    32,
    [
      [1, 3, 1, 32, 4],
      [4, 3, 2, 64, 7],
      [4, 3, 2, 96, 7],
    ],
    [
      [4, 3, 2, 192, 10],
      [6, 3, 1, 224, 19],
      [6, 3, 2, 384, 25],
      [6, 3, 1, 640, 7],
    ],
  ),
);

const paper = "arXiv 1905.11946, EfficientNet: rethinking model scaling for convolutional neural networks";
/** Version 2 L was trained on images of -1 to 1. */
const HALVES = [0.5, 0.5, 0.5];

const secondPaper = "arXiv 2104.00298, EfficientNetV2: smaller models and faster training";

/**
 * @family efficientnet
 * Depth, width and resolution grow together, in fixed proportions, instead of one alone. The base net is searched
 * for, of MobileNet's blocks with squeeze-and-excitation. From B0 to B7 the same plan is only scaled.
 *
 *     x -+-> 1x1 (6 times) -> silu -> depthwise kxk -> silu -> squeeze-excite -> 1x1 -+-> +
 *        +----------------------------------------------------------------------------+
 */

/**
 * @family efficientnet_v2
 * The early stages replace the expansion and the depthwise convolution by one normal 3 x 3, which accelerators run
 * faster. The search rewards short training as well as few parameters. In training the images grow, and the
 * regularisation with them.
 *
 *     x -+-> 3x3 (4 times) -> silu -> 1x1 -+-> +      (early stages; the late ones as EfficientNet's)
 *        +---------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const efficientnetRows = {
  ...imagenetRows(
    { family: "efficientnet", paper, year: 2019, source: "torchvision" },
    {
      efficientnet_b0: {
        build: efficientnet_b0,
        params: 5_288_548,
        macs: 385_814_752,
        top: [77.692, 93.532],
        preprocess: imagenet(256, 224, "bicubic"),
      },
      efficientnet_b1: {
        build: efficientnet_b1,
        params: 7_794_184,
        macs: 686_802_832,
        top: [78.642, 94.186],
        preprocess: imagenet(256, 240, "bicubic"),
      },
      efficientnet_b2: {
        build: efficientnet_b2,
        params: 9_109_994,
        macs: 1_087_529_456,
        top: [80.608, 95.31],
        preprocess: imagenet(288, 288, "bicubic"),
      },
      efficientnet_b3: {
        build: efficientnet_b3,
        params: 12_233_232,
        macs: 1_827_141_392,
        top: [82.008, 96.054],
        preprocess: imagenet(320, 300, "bicubic"),
      },
      efficientnet_b4: {
        build: efficientnet_b4,
        params: 19_341_616,
        macs: 4_393_771_024,
        top: [83.384, 96.594],
        preprocess: imagenet(384, 380, "bicubic"),
      },
      efficientnet_b5: {
        build: efficientnet_b5,
        params: 30_389_784,
        macs: 10_266_384_752,
        top: [83.444, 96.628],
        preprocess: imagenet(456, 456, "bicubic"),
      },
      efficientnet_b6: {
        build: efficientnet_b6,
        params: 43_040_704,
        macs: 19_067_593_536,
        top: [84.008, 96.916],
        preprocess: imagenet(528, 528, "bicubic"),
      },
      efficientnet_b7: {
        build: efficientnet_b7,
        params: 66_347_960,
        macs: 37_745_884_192,
        top: [84.122, 96.908],
        preprocess: imagenet(600, 600, "bicubic"),
      },
    },
  ),
  ...imagenetRows(
    { family: "efficientnet_v2", paper: secondPaper, year: 2021, source: "torchvision" },
    {
      efficientnet_v2_s: {
        build: efficientnet_v2_s,
        params: 21_458_488,
        macs: 8_365_617_152,
        top: [84.228, 96.878],
        preprocess: imagenet(384, 384),
      },
      efficientnet_v2_m: {
        build: efficientnet_v2_m,
        params: 54_139_356,
        macs: 24_582_460_384,
        top: [85.112, 97.156],
        preprocess: imagenet(480, 480),
      },
      efficientnet_v2_l: {
        build: efficientnet_v2_l,
        params: 118_515_272,
        macs: 56_079_699_008,
        top: [85.808, 97.788],
        preprocess: { ...imagenet(480, 480, "bicubic"), mean: HALVES, std: HALVES },
      },
    },
  ),
};
