import { probability } from "../check.js";
import { concat, dropout, type Layer, linear, type Module, module, type Net, net, sequential } from "../layers.js";
import { globalPool, timmConv } from "./blocks.js";
import { branch, branches } from "./branches.js";
import { optionsOf } from "./options.js";
import { imagenetRows, inception, type ModelOptions } from "./row.js";

/** Options of {@link inception_v4}. */
export interface InceptionV4Options extends ModelOptions {
  /** The probability of the dropout before the last layer, which shows in the print only; 0 by default. */
  readonly dropout?: number;
}

/** A module with the number of its output's channels. */
type Block = [Module, number];

const block =
  (type: string, ...texts: readonly string[]) =>
  (from: number): Block => {
    const { children, joined, channels } = branches(timmConv, from, texts);
    return [module(type, children, [joined]), channels];
  };

/** A pooling and a convolution, of stride 2 both, joined in the order of their names. */
const halving =
  (type: string, conv: string, names: readonly ["maxpool", "conv"] | readonly ["conv", "maxpool"]) =>
  (from: number): Block => {
    let channels = 0;
    const layers = names.map((name) => {
      const [layer, to] = branch(timmConv, from, name === "conv" ? conv : "max");
      channels += to;
      return [name, layer] as const;
    });
    return [module(type, Object.fromEntries(layers), [concat([names[0]], [names[1]])]), channels];
  };

/** The block at the end, whose second and third branch fork. */
function inceptionC(from: number): Block {
  const children: Record<string, Layer> = {};
  for (const [name, text, inputs] of [
    ["branch0", "256", from],
    ["branch1_0", "384", from],
    ["branch1_1a", "256:1x3", 384],
    ["branch1_1b", "256:3x1", 384],
    ["branch2_0", "384", from],
    ["branch2_1", "448:3x1", 384],
    ["branch2_2", "512:1x3", 448],
    ["branch2_3a", "256:1x3", 512],
    ["branch2_3b", "256:3x1", 512],
    ["branch3", "avg 256", from],
  ] as const)
    children[name] = branch(timmConv, inputs, text)[0];
  const forked = (name: string) => concat([`${name}a`], [`${name}b`]);
  const second = ["branch1_0", forked("branch1_1")];
  const third = ["branch2_0", "branch2_1", "branch2_2", forked("branch2_3")];
  return [module("InceptionC", children, [concat(["branch0"], second, third, ["branch3"])]), 1536];
}

const conv = (text: string) => (from: number) => branch(timmConv, from, text);
const seven = "192 224:1x7 256:7x1";
const inceptionA = block("InceptionA", "96", "64 96:3", "64 96:3 96:3", "avg 96");
const inceptionB = block("InceptionB", "384", seven, "192 192:7x1 224:1x7 224:7x1 256:1x7", "avg 128");

/** The layers of `features`: each makes itself for the channels that it reads. */
const FEATURES: readonly ((from: number) => [Layer, number])[] = [
  conv("32:3/2"),
  conv("32:3/1"),
  conv("64:3"),
  halving("Mixed3a", "96:3/2", ["maxpool", "conv"]),
  block("Mixed4a", "64 96:3/1", "64 64:1x7 64:7x1 96:3/1"),
  halving("Mixed5a", "192:3/2", ["conv", "maxpool"]),
  ...Array<typeof inceptionA>(4).fill(inceptionA),
  block("ReductionA", "384:3/2", "192 224:3 256:3/2", "max"),
  ...Array<typeof inceptionB>(7).fill(inceptionB),
  block("ReductionB", "192 192:3/2", "256 256:1x7 320:7x1 320:3/2", "max"),
  ...Array<typeof inceptionC>(3).fill(inceptionC),
];

/**
 * Inception v4, arXiv 1602.07261, under timm's keys: [3, H, W], at least 75 x 75 and at best 299 x 299, to [1000]
 * logits. Throws `bad-option`.
 */
export function inception_v4(options: InceptionV4Options = {}): Net {
  const o = optionsOf("inception_v4", options, { dropout: [0, probability] });
  const features: Layer[] = [];
  let channels = o.inChannels;
  for (const make of FEATURES) {
    const [layer, to] = make(channels);
    features.push(layer);
    channels = to;
  }
  const children = {
    features: sequential(...features),
    global_pool: globalPool,
    head_drop: dropout(o.dropout),
    last_linear: linear(channels, o.classes),
  };
  return net("InceptionV4", children, Object.keys(children), o);
}

const paper = "arXiv 1602.07261, Inception-v4, Inception-ResNet and the impact of residual connections";

/** The table's rows of this family; accuracy as Cadene published it. */
export const inceptionv4Rows = imagenetRows(
  { family: "inception_v4", paper, year: 2016 },
  {
    inception_v4: {
      build: inception_v4,
      minSize: 75,
      params: 42_679_816,
      macs: 0,
      top: [80.062, 94.926],
      preprocess: inception(341),
    },
  },
);
