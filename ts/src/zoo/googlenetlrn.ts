import { flag, probability } from "../check.js";
import {
  avgPool2d,
  concat,
  conv2d,
  dropout,
  flatten,
  keep,
  type Layer,
  linear,
  localResponseNorm,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  type Step,
  sequential,
  take,
} from "../layers.js";
import { optionsOf } from "./options.js";
import { caffe, type ModelOptions, rows } from "./row.js";

/** Options of {@link googlenet_lrn}. */
export interface GoogLeNetLrnOptions extends ModelOptions {
  /** Whether the two auxiliary classifiers are there (true); ask for them by `outputs: ["loss1", "loss2"]`. */
  readonly auxLogits?: boolean;
  /** The probability of the dropout before the last layer, which shows in the print only; 0.4 by default. */
  readonly dropout?: number;
  /** That of the auxiliary classifiers; 0.7 by default. */
  readonly dropoutAux?: number;
}

/** The channels of the 1 x 1, before and in the 3 x 3, before and in the 5 x 5, and behind the pooling. */
type Widths = readonly [number, number, number, number, number, number];

function inception(from: number, [one, reduce3, three, reduce5, five, projected]: Widths): Module {
  const children = {
    pool: maxPool2d(3, { stride: 1, padding: 1 }),
    "1x1": conv2d(from, one, 1),
    "3x3_reduce": conv2d(from, reduce3, 1),
    "3x3": conv2d(reduce3, three, 3, { padding: 1 }),
    "5x5_reduce": conv2d(from, reduce5, 1),
    "5x5": conv2d(reduce5, five, 5, { padding: 2 }),
    pool_proj: conv2d(from, projected, 1),
  };
  const act = relu();
  return module("Inception", children, [
    concat(
      ["1x1", act],
      ["3x3_reduce", act, "3x3", act],
      ["5x5_reduce", act, "5x5", act],
      ["pool", "pool_proj", act],
    ),
  ]);
}

function auxiliary(from: number, classes: number, p: number): Module {
  const children = {
    ave_pool: avgPool2d(5, { stride: 3, ceilMode: true }),
    conv: conv2d(from, 128, 1),
    fc: linear(128 * 4 * 4, 1024),
    drop_fc: dropout(p),
    classifier: linear(1024, classes),
  };
  const steps = ["ave_pool", "conv", relu(), flatten(), "fc", relu(), "drop_fc", "classifier"];
  return module("AuxiliaryClassifier", children, steps);
}

const pooling = maxPool2d(3, { stride: 2, ceilMode: true });
const norm = localResponseNorm(5);

/** What comes between the stem and the end: blocks with their widths, auxiliary classifiers, poolings. */
const BLOCKS: readonly (readonly [name: string, Widths | "aux" | "pool"])[] = [
  ["inception_3a", [64, 96, 128, 16, 32, 32]],
  ["inception_3b", [128, 128, 192, 32, 96, 64]],
  ["pool3", "pool"],
  ["inception_4a", [192, 96, 208, 16, 48, 64]],
  ["loss1", "aux"],
  ["inception_4b", [160, 112, 224, 24, 64, 64]],
  ["inception_4c", [128, 128, 256, 24, 64, 64]],
  ["inception_4d", [112, 144, 288, 32, 64, 64]],
  ["loss2", "aux"],
  ["inception_4e", [256, 160, 320, 32, 128, 128]],
  ["pool4", "pool"],
  ["inception_5a", [256, 160, 320, 32, 128, 128]],
  ["inception_5b", [384, 192, 384, 48, 128, 128]],
];

/**
 * GoogLeNet as published, arXiv 1409.4842: local response normalisation, no batch norm; keys as the layers of
 * BVLC Caffe's model, a point for the slash. [3, 224, 224] to [1000] logits; the auxiliary classifiers read that
 * size only. Caffe's weights want blue, green, red. Throws `bad-option`.
 */
export function googlenet_lrn(options: GoogLeNetLrnOptions = {}): Net {
  const o = optionsOf("googlenet_lrn", options, {
    auxLogits: [true, flag],
    dropout: [0.4, probability],
    dropoutAux: [0.7, probability],
  });
  const children: Record<string, Layer> = {
    conv1: sequential({ "7x7_s2": conv2d(o.inChannels, 64, 7, { stride: 2, padding: 3 }), relu_7x7: relu() }),
    pool1: sequential({ "3x3_s2": pooling, norm1: norm }),
    conv2: sequential({
      "3x3_reduce": conv2d(64, 64, 1),
      relu_3x3_reduce: relu(),
      "3x3": conv2d(64, 192, 3, { padding: 1 }),
      relu_3x3: relu(),
      norm2: norm,
    }),
    pool2: sequential({ "3x3_s2": pooling }),
  };
  const steps: Step[] = Object.keys(children);
  let channels = 192;
  for (const [name, block] of BLOCKS) {
    if (block === "aux") {
      if (!o.auxLogits) continue;
      children[name] = auxiliary(channels, o.classes, o.dropoutAux);
      steps.push(keep(name), name, take(name));
      continue;
    }
    children[name] = block === "pool" ? sequential({ "3x3_s2": pooling }) : inception(channels, block);
    if (block !== "pool") channels = block[0] + block[2] + block[4] + block[5];
    steps.push(name);
  }
  children.pool5 = sequential({ "7x7_s1": avgPool2d(7, { stride: 1 }), drop_7x7_s1: dropout(o.dropout) });
  children.loss3 = sequential({ classifier: linear(channels, o.classes) });
  return net("GoogLeNet", children, [...steps, "pool5", flatten(), "loss3"], o);
}

const paper = "arXiv 1409.4842, Going deeper with convolutions";

/** The table's rows of this family; accuracy as BVLC published it, params with the auxiliary classifiers. */
export const googlenetLrnRows = rows(
  { family: "googlenet", paper, year: 2014, source: "BVLC" },
  caffe([104, 117, 123]),
  {
    googlenet_lrn: {
      build: googlenet_lrn,
      minSize: 223,
      params: 13_378_280,
      macs: 1_582_671_872,
      top: [68.7, 88.9],
    },
  },
);
