import { integer, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  affine,
  batchNorm2d,
  conv2d,
  dropout,
  flatten,
  identity,
  type Layer,
  linear,
  module,
  type Net,
  net,
  relu,
  type Step,
  sequential,
} from "../layers.js";
import { globalPool, timmConv } from "./blocks.js";
import { branches, type ConvBlock, inceptionBlock, row, type Stage, stack } from "./branches.js";
import { optionsOf, positive } from "./options.js";
import { imagenetRows, inception, type ModelOptions } from "./row.js";

/** Options of {@link inception_resnet_v1} and {@link inception_resnet_v1_facenet}. */
export interface InceptionResNetV1Options extends ModelOptions {
  /** Features between the pooling and the last layer; 0 is none, as in the paper, 512 in FaceNet. */
  readonly embedding?: number;
  /** The probability of the dropout behind the pooling, which shows in the print only; 0.2 by default. */
  readonly dropout?: number;
}

/** Options of {@link inception_resnet_v2}. */
export interface InceptionResNetV2Options extends ModelOptions {
  /** The probability of the dropout before the last layer, which shows in the print only; 0 by default. */
  readonly dropout?: number;
}

/** A residual block: x + scale * (the branches joined, and 1 x 1), then its activation. */
interface Residual {
  readonly type: string;
  readonly conv: ConvBlock;
  readonly scale: number;
  readonly texts: readonly string[];
  /** The activation, by name, which is its first child in v1 and its last in v2. */
  readonly first?: Readonly<Record<string, Layer>>;
  readonly last?: Readonly<Record<string, Layer>>;
}

const residual =
  ({ type, conv, scale, texts, first = {}, last = {} }: Residual): Stage =>
  (from) => {
    const { children, joined, channels } = branches(conv, from, texts);
    const all = { ...first, ...children, conv2d: conv2d(channels, from, 1), ...last };
    const steps: Step[] = [add([joined, "conv2d", affine(scale, 0)], [])];
    return [module(type, all, [...steps, ...Object.keys(first), ...Object.keys(last)]), from];
  };

const repeat =
  (count: number, stage: Stage): Stage =>
  (from) => {
    const [layer, channels] = stage(from);
    return [sequential(...Array<Layer>(count).fill(layer)), channels];
  };

/** Convolution, batch norm, ReLU, each under its name. */
const chain: ConvBlock = (from, to, kernel, options) =>
  sequential({
    conv: conv2d(from, to, kernel, { ...options, bias: false }),
    bn: batchNorm2d(to, { eps: 0.001 }),
    relu: relu(),
  });
const convV1 = (text: string): Stage => row(chain, text);
const blockV1 = (scale: number, texts: readonly string[], act: Layer = relu()): Stage =>
  residual({ type: "Residual", conv: chain, scale, texts, first: { relu: act } });
const EIGHT_V1 = ["192", "192 192:1x3 192:3x1"];

const TRUNK_V1: Readonly<Record<string, Stage>> = {
  conv2d_1a: convV1("32:3/2"),
  conv2d_2a: convV1("32:3/1"),
  conv2d_2b: convV1("64:3"),
  maxpool_3a: convV1("max"),
  conv2d_3b: convV1("80"),
  conv2d_4a: convV1("192:3/1"),
  conv2d_4b: convV1("256:3/2"),
  repeat_1: repeat(5, blockV1(0.17, ["32", "32 32:3", "32 32:3 32:3"])),
  mixed_6a: inceptionBlock(chain, "Join", "384:3/2", "192 192:3 256:3/2", "max"),
  repeat_2: repeat(10, blockV1(0.1, ["128", "128 128:1x7 128:7x1"])),
  mixed_7a: inceptionBlock(chain, "Join", "256 384:3/2", "256 256:3/2", "256 256:3 256:3/2", "max"),
  repeat_3: repeat(5, blockV1(0.2, EIGHT_V1)),
  block8: blockV1(1, EIGHT_V1, identity()),
};

const inceptionResNetV1 =
  (name: string, classes: number, embedding: number) =>
  (options: InceptionResNetV1Options = {}): Net => {
    const o = optionsOf(name, options, {
      classes: [classes, positive],
      embedding: [embedding, (where, key, value) => integer(where, key, value, 0)],
      dropout: [0.2, probability],
    });
    const { children, channels } = stack(o.inChannels, TRUNK_V1);
    const trunk = Object.keys(children);
    const embed: Record<string, Layer> = o.embedding
      ? {
          last_linear: linear(channels, o.embedding, { bias: false }),
          last_bn: batchNorm2d(o.embedding, { eps: 0.001 }),
        }
      : {};
    const ends = {
      avgpool_1a: adaptiveAvgPool2d(1),
      dropout: dropout(o.dropout),
      ...embed,
      logits: linear(o.embedding || channels, o.classes),
    };
    const steps = [...trunk, "avgpool_1a", flatten(), "dropout", ...Object.keys(embed), "logits"];
    return net("InceptionResNetV1", { ...children, ...ends }, steps, o);
  };

/**
 * Inception-ResNet v1, arXiv 1602.07261, its trunk under facenet-pytorch's keys: [3, H, W], at least 75 x 75 and at
 * best 299 x 299, to [1000] logits. Throws `bad-option`.
 */
export const inception_resnet_v1 = inceptionResNetV1("inception_resnet_v1", 1000, 0);
/**
 * facenet-pytorch's network for faces, under its keys: [3, H, W], at least 75 x 75 and at best 160 x 160, to logits
 * of the [8631] people of VGGFace2. `outputs: ["last_bn"]` gives the [512] features that tell faces apart (divide
 * them by their length). Throws `bad-option`.
 */
export const inception_resnet_v1_facenet = inceptionResNetV1("inception_resnet_v1_facenet", 8631, 512);

const convV2 = (text: string): Stage => row(timmConv, text);
const mixedV2 = (type: string, ...texts: readonly string[]) => inceptionBlock(timmConv, type, ...texts);
const blockV2 = (type: string, scale: number, texts: readonly string[], last: Record<string, Layer>): Stage =>
  residual({ type, conv: timmConv, scale, texts, last });
const EIGHT_V2 = ["192", "192 224:1x3 256:3x1"];

const TRUNK_V2: Readonly<Record<string, Stage>> = {
  conv2d_1a: convV2("32:3/2"),
  conv2d_2a: convV2("32:3/1"),
  conv2d_2b: convV2("64:3"),
  maxpool_3a: convV2("max"),
  conv2d_3b: convV2("80"),
  conv2d_4a: convV2("192:3/1"),
  maxpool_5a: convV2("max"),
  mixed_5b: mixedV2("Mixed_5b", "96", "48 64:5", "64 96:3 96:3", "avg 64"),
  repeat: repeat(10, blockV2("Block35", 0.17, ["32", "32 32:3", "32 48:3 64:3"], { act: relu() })),
  mixed_6a: mixedV2("Mixed_6a", "384:3/2", "256 256:3 384:3/2", "max"),
  repeat_1: repeat(20, blockV2("Block17", 0.1, ["192", "128 160:1x7 192:7x1"], { act: relu() })),
  mixed_7a: mixedV2("Mixed_7a", "256 384:3/2", "256 288:3/2", "256 288:3 320:3/2", "max"),
  repeat_2: repeat(9, blockV2("Block8", 0.2, EIGHT_V2, { relu: relu() })),
  block8: blockV2("Block8", 1, EIGHT_V2, {}),
  conv2d_7b: convV2("1536"),
};

/**
 * Inception-ResNet v2, arXiv 1602.07261, under timm's keys: [3, H, W], at least 75 x 75 and at best 299 x 299, to
 * [1000] logits. Throws `bad-option`.
 */
export function inception_resnet_v2(options: InceptionResNetV2Options = {}): Net {
  const o = optionsOf("inception_resnet_v2", options, { dropout: [0, probability] });
  const { children: trunk, channels } = stack(o.inChannels, TRUNK_V2);
  const children = {
    ...trunk,
    global_pool: globalPool,
    head_drop: dropout(o.dropout),
    classif: linear(channels, o.classes),
  };
  return net("InceptionResnetV2", children, Object.keys(children), o);
}

const paper = "arXiv 1602.07261, Inception-v4, Inception-ResNet and the impact of residual connections";

/**
 * @family inception_resnet
 * The joined branches of an inception module are added to its input instead of replacing it. A 1 x 1 convolution
 * brings them to the input's channels, and a factor of 0.1 to 0.3 keeps wide networks stable. Training takes far
 * fewer steps than with plain inception modules.
 *
 *          +-> 1x1 ---------------+
 *     x -+-+-> 1x1 -> 3x3 --------+-> concat -> 1x1 -> * scale -> + -> relu
 *        | +-> 1x1 -> 3x3 -> 3x3 -+                               |
 *        +--------------------------------------------------------+
 */

/** The table's rows of this family; accuracy of v1 as in the paper, of v2 as Cadene published it. */
export const inceptionResNetRows = imagenetRows(
  { family: "inception_resnet", paper, year: 2016, source: "Cadene" },
  {
    inception_resnet_v1: {
      build: inception_resnet_v1,
      minSize: 75,
      params: 24_357_096,
      macs: 6_308_597_856,
      top: [78.7, 94.5],
      source: "paper",
      preprocess: inception(341),
    },
    inception_resnet_v1_facenet: {
      build: inception_resnet_v1_facenet,
      minSize: 75,
      params: 27_910_327,
      macs: 1_422_081_376,
      preprocess: inception(160, 160),
    },
    inception_resnet_v2: {
      build: inception_resnet_v2,
      minSize: 75,
      params: 55_843_464,
      macs: 13_155_794_016,
      top: [80.17, 95.234],
      preprocess: inception(333),
    },
  },
);
