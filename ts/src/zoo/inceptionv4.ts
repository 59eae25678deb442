import { probability } from "../check.js";
import { concat, dropout, type Layer, linear, module, type Net, net, sequential } from "../layers.js";
import { globalPool, timmConv } from "./blocks.js";
import { inceptionBlock, row, type Stage, stack } from "./branches.js";
import { optionsOf } from "./options.js";
import { imagenetRows, inception, type ModelOptions } from "./row.js";

/** Options of {@link inception_v4}. */
export interface InceptionV4Options extends ModelOptions {
  /** The probability of the dropout before the last layer, which shows in the print only; 0 by default. */
  readonly dropout?: number;
}

const conv = (text: string): Stage => row(timmConv, text);
const block = (type: string, ...texts: readonly string[]) => inceptionBlock(timmConv, type, ...texts);

/** A pooling and a convolution, both of stride 2, joined in the order in which they are given. */
const halving =
  (type: string, texts: Readonly<Record<string, string>>): Stage =>
  (from) => {
    const made = Object.entries(texts).map(([name, text]) => [name, ...conv(text)(from)] as const);
    const children = Object.fromEntries(made);
    const channels = made.reduce((sum, [, , to]) => sum + to, 0);
    return [module(type, children, [concat(...made.map(([name]) => [name]))]), channels];
  };

/** The block at the end, whose second and third branch fork. */
const inceptionC: Stage = (from) => {
  const children: Record<string, Layer> = {};
  const add = (name: string, text: string, inputs = from) => {
    [children[name]] = conv(text)(inputs);
    return name;
  };
  const fork = (name: string, inputs: number) =>
    concat([add(`${name}a`, "256:1x3", inputs)], [add(`${name}b`, "256:3x1", inputs)]);
  const joined = concat(
    [add("branch0", "256")],
    [add("branch1_0", "384"), fork("branch1_1", 384)],
    [
      add("branch2_0", "384"),
      add("branch2_1", "448:3x1", 384),
      add("branch2_2", "512:1x3", 448),
      fork("branch2_3", 512),
    ],
    [add("branch3", "avg 256")],
  );
  return [module("InceptionC", children, [joined]), 1536];
};

const inceptionA = block("InceptionA", "96", "64 96:3", "64 96:3 96:3", "avg 96");
const inceptionB = block(
  "InceptionB",
  "384",
  "192 224:1x7 256:7x1",
  "192 192:7x1 224:1x7 224:7x1 256:1x7",
  "avg 128",
);

const FEATURES: readonly Stage[] = [
  conv("32:3/2"),
  conv("32:3/1"),
  conv("64:3"),
  halving("Mixed3a", { maxpool: "max", conv: "96:3/2" }),
  block("Mixed4a", "64 96:3/1", "64 64:1x7 64:7x1 96:3/1"),
  halving("Mixed5a", { conv: "192:3/2", maxpool: "max" }),
  ...Array<Stage>(4).fill(inceptionA),
  block("ReductionA", "384:3/2", "192 224:3 256:3/2", "max"),
  ...Array<Stage>(7).fill(inceptionB),
  block("ReductionB", "192 192:3/2", "256 256:1x7 320:7x1 320:3/2", "max"),
  ...Array<Stage>(3).fill(inceptionC),
];

/**
 * Inception v4, arXiv 1602.07261, under timm's keys: [3, H, W], at least 75 x 75 and at best 299 x 299, to [1000]
 * logits. Throws `bad-option`.
 */
export function inception_v4(options: InceptionV4Options = {}): Net {
  const o = optionsOf("inception_v4", options, { dropout: [0, probability] });
  const { children: features, channels } = stack(o.inChannels, Object.fromEntries(FEATURES.entries()));
  const children = {
    features: sequential(features),
    global_pool: globalPool,
    head_drop: dropout(o.dropout),
    last_linear: linear(channels, o.classes),
  };
  return net("InceptionV4", children, Object.keys(children), o);
}

const paper = "arXiv 1602.07261, Inception-v4, Inception-ResNet and the impact of residual connections";

/**
 * @family inception_v4
 * Inception v3 made uniform: one stem, and the same module repeated within a stage. What older versions had to
 * keep for training on several machines is gone. It is deeper and wider, and as good as its residual siblings,
 * which only train faster.
 *
 *     x -> stem -> [inception A] x 4 -> reduce -> [inception B] x 7 -> reduce -> [inception C] x 3 -> average -> linear
 */

/** The table's rows of this family; accuracy as Cadene published it. */
export const inceptionv4Rows = imagenetRows(
  { family: "inception_v4", paper, year: 2016, source: "Cadene" },
  {
    inception_v4: {
      build: inception_v4,
      minSize: 75,
      params: 42_679_816,
      macs: 12_253_974_624,
      top: [80.062, 94.926],
      preprocess: inception(341),
    },
  },
);
