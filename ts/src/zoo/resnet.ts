import { flag, list } from "../check.js";
import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  flatten,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { optionsOf, positive } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the ResNets; all but the common ones are for those of bottlenecks (50 layers and more). */
export interface ResNetOptions extends ModelOptions {
  /** Groups of a bottleneck's 3 x 3 convolution: 1, in the ResNeXts 32 or 64. */
  readonly groups?: number;
  /** Channels a group of that convolution in the first stage: 64; `groups: 16, widthPerGroup: 8` is a 16x8d. */
  readonly widthPerGroup?: number;
  /** For each of the last three stages, whether to dilate instead of to stride; none does by default. */
  readonly replaceStrideWithDilation?: readonly boolean[];
}

/** A residual block. `planes` are its channels inside with 64 a group and one group; its outputs have {@link Kind} times as many. */
interface Block {
  readonly inChannels: number;
  readonly planes: number;
  readonly stride: number;
  readonly dilation: number;
  readonly groups: number;
  readonly widthPerGroup: number;
}

/** The kinds of block, by their output's channels for each of `planes`. */
type Kind = 1 | 4;
const BASIC: Kind = 1;
const BOTTLENECK: Kind = 4;

function block(kind: Kind, { inChannels, planes, stride, dilation, groups, widthPerGroup }: Block): Module {
  const outChannels = planes * kind;
  const conv3x3 = (from: number, to: number, step: number) =>
    conv2d(from, to, 3, { stride: step, padding: dilation, dilation, groups, bias: false });
  const conv1x1 = (from: number, to: number, step = 1) => conv2d(from, to, 1, { stride: step, bias: false });
  const width = Math.floor((planes * widthPerGroup) / 64) * groups;
  const layers: Record<string, Layer> =
    kind === BASIC
      ? {
          conv1: conv3x3(inChannels, planes, stride),
          bn1: batchNorm2d(planes),
          relu: relu({ inplace: true }),
          conv2: conv3x3(planes, planes, 1),
          bn2: batchNorm2d(planes),
        }
      : {
          conv1: conv1x1(inChannels, width),
          bn1: batchNorm2d(width),
          conv2: conv3x3(width, width, stride),
          bn2: batchNorm2d(width),
          conv3: conv1x1(width, outChannels),
          bn3: batchNorm2d(outChannels),
          relu: relu({ inplace: true }),
        };
  const residual =
    kind === BASIC
      ? ["conv1", "bn1", "relu", "conv2", "bn2"]
      : ["conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3"];
  const projects = stride !== 1 || inChannels !== outChannels;
  if (projects)
    layers.downsample = sequential(conv1x1(inChannels, outChannels, stride), batchNorm2d(outChannels));
  const type = kind === BASIC ? "BasicBlock" : "Bottleneck";
  return module(type, layers, [add(residual, projects ? ["downsample"] : []), "relu"]);
}

/**
 * ResNet, arXiv 1512.03385 (with the stride in a bottleneck's 3 x 3 convolution), ResNeXt, arXiv 1611.05431, and
 * wide ResNet, arXiv 1605.07146, under torchvision's keys: [3, H, W] of any size, at best 224 x 224, to [1000]
 * logits. The nets throw `bad-option`.
 */
const resnet =
  (name: string, kind: Kind, depths: readonly number[], groups = 1, widthPerGroup = 64) =>
  (options: ResNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      groups: [groups, positive],
      widthPerGroup: [widthPerGroup, positive],
      replaceStrideWithDilation: [[false, false, false], stagesOf],
    });
    if (
      kind === BASIC &&
      (o.groups !== 1 || o.widthPerGroup !== 64 || o.replaceStrideWithDilation.includes(true))
    ) {
      const only = "groups, widthPerGroup and replaceStrideWithDilation are for networks of bottlenecks";
      throw new ConvzooError("bad-option", `${name}: ${only}, such as resnet50.`);
    }
    const stages: Record<string, Module> = {};
    let inChannels = 64;
    let dilation = 1;
    for (const [i, depth] of depths.entries()) {
      const planes = 64 * 2 ** i;
      const dilates = i > 0 && o.replaceStrideWithDilation[i - 1];
      const stride = i === 0 || dilates ? 1 : 2;
      const blocks: Module[] = [];
      for (let k = 0; k < depth; k++) {
        const shared = { planes, groups: o.groups, widthPerGroup: o.widthPerGroup };
        blocks.push(block(kind, { ...shared, inChannels, stride: k === 0 ? stride : 1, dilation }));
        inChannels = planes * kind;
        // The first block of a stage still has the dilation of the stage before.
        if (k === 0 && dilates) dilation *= 2;
      }
      stages[`layer${i + 1}`] = sequential(...blocks);
    }
    const children = {
      conv1: conv2d(o.inChannels, 64, 7, { stride: 2, padding: 3, bias: false }),
      bn1: batchNorm2d(64),
      relu: relu({ inplace: true }),
      maxpool: maxPool2d(3, { stride: 2, padding: 1 }),
      ...stages,
      avgpool: adaptiveAvgPool2d([1, 1]),
      fc: linear(inChannels, o.classes),
    };
    const steps = ["conv1", "bn1", "relu", "maxpool", ...Object.keys(stages), "avgpool", flatten(), "fc"];
    return net("ResNet", children, steps, o);
  };

function stagesOf(where: string, name: string, value: readonly boolean[]): readonly boolean[] {
  if (list(where, name, value, flag).length === 3) return value;
  throw new ConvzooError(
    "bad-option",
    `${where}: ${name} must have three flags, one for each stage but the first.`,
  );
}

/** ResNet 18. */
export const resnet18 = resnet("resnet18", BASIC, [2, 2, 2, 2]);
/** ResNet 34. */
export const resnet34 = resnet("resnet34", BASIC, [3, 4, 6, 3]);
/** ResNet 50. */
export const resnet50 = resnet("resnet50", BOTTLENECK, [3, 4, 6, 3]);
/** ResNet 101. */
export const resnet101 = resnet("resnet101", BOTTLENECK, [3, 4, 23, 3]);
/** ResNet 152. */
export const resnet152 = resnet("resnet152", BOTTLENECK, [3, 8, 36, 3]);
/** ResNeXt 50 of 32 groups of 4 channels. */
export const resnext50_32x4d = resnet("resnext50_32x4d", BOTTLENECK, [3, 4, 6, 3], 32, 4);
/** ResNeXt 101 of 32 groups of 8 channels. */
export const resnext101_32x8d = resnet("resnext101_32x8d", BOTTLENECK, [3, 4, 23, 3], 32, 8);
/** ResNeXt 101 of 64 groups of 4 channels. */
export const resnext101_64x4d = resnet("resnext101_64x4d", BOTTLENECK, [3, 4, 23, 3], 64, 4);
/** ResNet 50 with twice the channels inside its bottlenecks. */
export const wide_resnet50_2 = resnet("wide_resnet50_2", BOTTLENECK, [3, 4, 6, 3], 1, 128);
/** ResNet 101 with twice the channels inside its bottlenecks. */
export const wide_resnet101_2 = resnet("wide_resnet101_2", BOTTLENECK, [3, 4, 23, 3], 1, 128);

const paper = "arXiv 1512.03385, Deep residual learning for image recognition";
const nextPaper = "arXiv 1611.05431, Aggregated residual transformations for deep neural networks";
const widePaper = "arXiv 1605.07146, Wide residual networks";

/**
 * @family resnet
 * A block computes a correction that is added to its input. Doing nothing is then easy to learn, so more layers no
 * longer make training harder. The deeper nets squeeze the channels with 1 x 1 convolutions around each 3 x 3, the
 * bottleneck.
 *
 *     x -+-> 1x1 -> norm -> relu -> 3x3 -> norm -> relu -> 1x1 -> norm -+-> + -> relu
 *        +----------------(1x1 where the shape changes)-----------------+
 */

/**
 * @family resnext
 * The 3 x 3 convolution of a ResNet's bottleneck is split into 32 or 64 groups of channels. They act as as many
 * small paths whose results are summed, a third dimension beside depth and width. For the same number of
 * parameters the accuracy is better.
 *
 *     x -+-> 1x1 -> norm -> relu -> 3x3 in 32 groups -> norm -> relu -> 1x1 -> norm -+-> + -> relu
 *        +-----------------------(1x1 where the shape changes)-----------------------+
 */

/**
 * @family wide_resnet
 * The channels inside a ResNet's bottlenecks are doubled, its outputs and its depth are not. Wide layers use a
 * processor better than many thin ones after another. Fifty wide layers do as well as 152 normal ones.
 *
 *     x -+-> 1x1 -> norm -> relu -> 3x3, twice the channels -> norm -> relu -> 1x1 -> norm -+-> + -> relu
 *        +--------------------------(1x1 where the shape changes)---------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const resnetRows = {
  ...imagenetRows(
    { family: "resnet", paper, year: 2015, source: "torchvision" },
    {
      resnet18: { build: resnet18, params: 11_689_512, macs: 1_814_073_344, top: [69.758, 89.078] },
      resnet34: { build: resnet34, params: 21_797_672, macs: 3_663_761_408, top: [73.314, 91.42] },
      resnet50: { build: resnet50, params: 25_557_032, macs: 4_089_184_256, top: [76.13, 92.862] },
      resnet101: { build: resnet101, params: 44_549_160, macs: 7_801_405_440, top: [77.374, 93.546] },
      resnet152: { build: resnet152, params: 60_192_808, macs: 11_513_626_624, top: [78.312, 94.046] },
    },
  ),
  ...imagenetRows(
    { family: "resnext", paper: nextPaper, year: 2016, source: "torchvision" },
    {
      resnext50_32x4d: {
        build: resnext50_32x4d,
        params: 25_028_904,
        macs: 4_230_479_872,
        top: [77.618, 93.698],
      },
      resnext101_32x8d: {
        build: resnext101_32x8d,
        params: 88_791_336,
        macs: 16_414_015_488,
        top: [79.312, 94.526],
      },
      resnext101_64x4d: {
        build: resnext101_64x4d,
        params: 83_455_272,
        macs: 15_460_270_080,
        top: [83.246, 96.454],
        preprocess: imagenet(232, 224),
      },
    },
  ),
  ...imagenetRows(
    { family: "wide_resnet", paper: widePaper, year: 2016, source: "torchvision" },
    {
      wide_resnet50_2: {
        build: wide_resnet50_2,
        params: 68_883_240,
        macs: 11_398_021_120,
        top: [78.468, 94.086],
      },
      wide_resnet101_2: {
        build: wide_resnet101_2,
        params: 126_886_696,
        macs: 22_753_050_624,
        top: [78.848, 94.284],
      },
    },
  ),
};
