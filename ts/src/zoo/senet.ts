import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  add,
  batchNorm2d,
  conv2d,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  mul,
  type Net,
  net,
  relu,
  sequential,
  sigmoid,
} from "../layers.js";
import { globalPool } from "./blocks.js";
import { optionsOf, positive, repeatsList } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of the networks with squeeze and excitation. */
export interface SENetOptions extends ModelOptions {
  /** Blocks of each of the four stages. */
  readonly layers?: readonly number[];
  /** Groups of a block's 3 x 3 convolution: 1, in the SE-ResNeXts 32, in SENet-154 64. */
  readonly groups?: number;
  /** Channels a group of that convolution in the first stage of an SE-ResNeXt: 4. */
  readonly widthPerGroup?: number;
  /** What a block's channels are divided by for its squeeze and excitation; 16 by default. */
  readonly reduction?: number;
}

/** The kinds of block, by the class that timm prints. */
type Kind = "SEBottleneck" | "SEResNetBottleneck" | "SEResNeXtBottleneck";

const act = relu({ inplace: true });

/** Every channel times a factor that is computed from the averages of all. */
function seModule(channels: number, reduction: number): Module {
  const squeezed = Math.max(1, Math.floor(channels / reduction));
  const children = {
    fc1: conv2d(channels, squeezed, 1),
    relu: act,
    fc2: conv2d(squeezed, channels, 1),
    sigmoid: sigmoid(),
  };
  return module("SEModule", children, [mul([], [adaptiveAvgPool2d(1), ...Object.keys(children)])]);
}

/** A stage's numbers; a block's output has four times as many channels as `planes`. */
interface Stage {
  readonly kind: Kind;
  readonly planes: number;
  readonly groups: number;
  readonly widthPerGroup: number;
  readonly reduction: number;
}

function block(stage: Stage, inChannels: number, stride: number, downsample?: Module): Module {
  const { kind, planes, groups, widthPerGroup, reduction } = stage;
  const outChannels = planes * 4;
  const large = kind === "SEBottleneck";
  const width = kind === "SEResNeXtBottleneck" ? Math.floor((planes * widthPerGroup) / 64) * groups : planes;
  const reduced = large ? planes * 2 : width;
  const filtered = large ? outChannels : width;
  // The SE-ResNets stride where Caffe's ResNet does, in the first 1 x 1.
  const early = kind === "SEResNetBottleneck";
  const children: Record<string, Layer> = {
    conv1: conv2d(inChannels, reduced, 1, { stride: early ? stride : 1, bias: false }),
    bn1: batchNorm2d(reduced),
    conv2: conv2d(reduced, filtered, 3, { stride: early ? 1 : stride, padding: 1, groups, bias: false }),
    bn2: batchNorm2d(filtered),
    conv3: conv2d(filtered, outChannels, 1, { bias: false }),
    bn3: batchNorm2d(outChannels),
    relu: act,
    se_module: seModule(outChannels, reduction),
    ...(downsample ? { downsample } : {}),
  };
  const residual = ["conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3", "se_module"];
  return module(kind, children, [add(residual, downsample ? ["downsample"] : []), "relu"]);
}

/**
 * Squeeze-and-excitation networks, arXiv 1709.01507, under the keys of timm's `legacy_` ones: [3, H, W], at least
 * 3 x 3 and at best 224 x 224, to [1000] logits. SENet-154 has 3 x 3 convolutions where the others have the first 7 x 7
 * and the 1 x 1 of strided shortcuts. The nets throw `bad-option`.
 */
const senet =
  (name: string, kind: Kind, layers: readonly number[], groups = 1) =>
  (options: SENetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      layers: [layers, repeatsList],
      groups: [groups, positive],
      widthPerGroup: [4, positive],
      reduction: [16, positive],
    });
    if (kind !== "SEResNeXtBottleneck" && o.widthPerGroup !== 4)
      throw new ConvzooError("bad-option", `${name}: widthPerGroup is for the SE-ResNeXts.`);
    const large = kind === "SEBottleneck";
    let inChannels = large ? 128 : 64;
    const stem: Record<string, Layer> = {};
    const widths = large ? [64, 64, inChannels] : [inChannels];
    for (const [i, to] of widths.entries()) {
      const shape = { stride: i === 0 ? 2 : 1, padding: large ? 1 : 3, bias: false };
      stem[`conv${i + 1}`] = conv2d(widths[i - 1] ?? o.inChannels, to, large ? 3 : 7, shape);
      stem[`bn${i + 1}`] = batchNorm2d(to);
      stem[`relu${i + 1}`] = act;
    }
    const children: Record<string, Layer> = {
      layer0: sequential(stem),
      pool0: maxPool2d(3, { stride: 2, ceilMode: true }),
    };
    for (const [i, depth] of o.layers.entries()) {
      const stage = { ...o, kind, planes: 64 * 2 ** i };
      const outChannels = stage.planes * 4;
      const stride = i === 0 ? 1 : 2;
      const kernel = large && i > 0 ? 3 : 1;
      const shortcut = conv2d(inChannels, outChannels, kernel, {
        stride,
        padding: (kernel - 1) / 2,
        bias: false,
      });
      const blocks = [block(stage, inChannels, stride, sequential(shortcut, batchNorm2d(outChannels)))];
      while (blocks.length < depth) blocks.push(block(stage, outChannels, 1));
      children[`layer${i + 1}`] = sequential(...blocks);
      inChannels = outChannels;
    }
    Object.assign(children, { global_pool: globalPool, last_linear: linear(inChannels, o.classes) });
    return net("SENet", children, Object.keys(children), o);
  };

/** SENet-154. */
export const legacy_senet154 = senet("legacy_senet154", "SEBottleneck", [3, 8, 36, 3], 64);
/** SE-ResNet 50. */
export const legacy_seresnet50 = senet("legacy_seresnet50", "SEResNetBottleneck", [3, 4, 6, 3]);
/** SE-ResNet 101. */
export const legacy_seresnet101 = senet("legacy_seresnet101", "SEResNetBottleneck", [3, 4, 23, 3]);
/** SE-ResNet 152. */
export const legacy_seresnet152 = senet("legacy_seresnet152", "SEResNetBottleneck", [3, 8, 36, 3]);
/** SE-ResNeXt 50 of 32 groups of 4 channels. */
export const legacy_seresnext50_32x4d = senet(
  "legacy_seresnext50_32x4d",
  "SEResNeXtBottleneck",
  [3, 4, 6, 3],
  32,
);
/** SE-ResNeXt 101 of 32 groups of 4 channels. */
export const legacy_seresnext101_32x4d = senet(
  "legacy_seresnext101_32x4d",
  "SEResNeXtBottleneck",
  [3, 4, 23, 3],
  32,
);

const paper = "arXiv 1709.01507, Squeeze-and-excitation networks";

/**
 * @family senet
 * A block averages each of its channels over the whole map, the squeeze. Two small layers turn these averages into
 * a factor for each channel, the excitation. So the net raises what matters in this image and lowers the rest, for
 * a few per cent more parameters.
 *
 *     x -+-> residual block -+---------------------------------------------------> * -+-> + -> relu
 *        |                   +-> global average -> 1x1 -> relu -> 1x1 -> sigmoid --^  |
 *        +----------------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as timm published it. */
export const senetRows = imagenetRows(
  { family: "senet", paper, year: 2017, source: "timm" },
  {
    legacy_senet154: {
      build: legacy_senet154,
      minSize: 3,
      params: 115_088_984,
      macs: 20_688_363_520,
      top: [81.32, 95.502],
    },
    legacy_seresnet50: {
      build: legacy_seresnet50,
      minSize: 3,
      params: 28_088_024,
      macs: 3_860_488_192,
      top: [77.65, 93.732],
    },
    legacy_seresnet101: {
      build: legacy_seresnet101,
      minSize: 3,
      params: 49_326_872,
      macs: 7_574_937_600,
      top: [78.37, 94.264],
    },
    legacy_seresnet152: {
      build: legacy_seresnet152,
      minSize: 3,
      params: 66_821_848,
      macs: 11_288_993_792,
      top: [78.662, 94.37],
    },
    legacy_seresnext50_32x4d: {
      build: legacy_seresnext50_32x4d,
      minSize: 3,
      params: 27_559_896,
      macs: 4_232_994_816,
      top: [79.08, 94.428],
    },
    legacy_seresnext101_32x4d: {
      build: legacy_seresnext101_32x4d,
      minSize: 3,
      params: 48_955_416,
      macs: 7_974_739_968,
      top: [80.274, 95.032],
    },
  },
);
