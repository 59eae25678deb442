import { flag, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  concat,
  dropout,
  flatten,
  keep,
  type Layer,
  linear,
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
import { basicConv2d, checkTransform, transformInput } from "./blocks.js";
import { optionsOf } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of {@link googlenet}. */
export interface GoogLeNetOptions extends ModelOptions {
  /** Whether the two auxiliary classifiers are there (true); ask for them by `outputs: ["aux1", "aux2"]`. */
  readonly auxLogits?: boolean;
  /** Whether to turn ImageNet's normalisation into (x - 0.5) / 0.5, which the published weights want; false by default. */
  readonly transformInput?: boolean;
  /** The probability of the dropout before the last layer, which shows in the print only; 0.2 by default. */
  readonly dropout?: number;
  /** That of the auxiliary classifiers; 0.7 by default. */
  readonly dropoutAux?: number;
}

/** The channels of the 1 x 1, of the next two branches before and in their 3 x 3, and behind the pooling. */
type Widths = readonly [number, number, number, number, number, number];

/** Four branches side by side; the third is 5 x 5 in the paper, 3 x 3 in torchvision. */
function inception(from: number, [one, reduce3, three, reduce5, five, pooled]: Widths): Module {
  const children = {
    branch1: basicConv2d(from, one, 1),
    branch2: sequential(basicConv2d(from, reduce3, 1), basicConv2d(reduce3, three, 3, { padding: 1 })),
    branch3: sequential(basicConv2d(from, reduce5, 1), basicConv2d(reduce5, five, 3, { padding: 1 })),
    branch4: sequential(
      maxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
      basicConv2d(from, pooled, 1),
    ),
  };
  return module("Inception", children, [concat(["branch1"], ["branch2"], ["branch3"], ["branch4"])]);
}

function inceptionAux(from: number, classes: number, p: number): Module {
  const children = {
    conv: basicConv2d(from, 128, 1),
    fc1: linear(2048, 1024),
    fc2: linear(1024, classes),
    dropout: dropout(p),
  };
  const steps = [
    adaptiveAvgPool2d([4, 4]),
    "conv",
    flatten(),
    "fc1",
    relu({ inplace: true }),
    "dropout",
    "fc2",
  ];
  return module("InceptionAux", children, steps);
}

/** The blocks in order, each with its widths; a number is a max-pooling of that kernel. */
const BLOCKS: readonly (readonly [string, Widths | number])[] = [
  ["inception3a", [64, 96, 128, 16, 32, 32]],
  ["inception3b", [128, 128, 192, 32, 96, 64]],
  ["maxpool3", 3],
  ["inception4a", [192, 96, 208, 16, 48, 64]],
  ["inception4b", [160, 112, 224, 24, 64, 64]],
  ["inception4c", [128, 128, 256, 24, 64, 64]],
  ["inception4d", [112, 144, 288, 32, 64, 64]],
  ["inception4e", [256, 160, 320, 32, 128, 128]],
  ["maxpool4", 2],
  ["inception5a", [256, 160, 320, 32, 128, 128]],
  ["inception5b", [384, 192, 384, 48, 128, 128]],
];

/**
 * GoogLeNet with batch norm, after arXiv 1409.4842, under torchvision's keys: [3, H, W], at least 15 x 15 and at
 * best 224 x 224, to [1000] logits. Throws `bad-option`.
 */
export function googlenet(options: GoogLeNetOptions = {}): Net {
  const o = optionsOf("googlenet", options, {
    auxLogits: [true, flag],
    transformInput: [false, flag],
    dropout: [0.2, probability],
    dropoutAux: [0.7, probability],
  });
  checkTransform("googlenet", o);
  const pool = (kernel: number) => maxPool2d(kernel, { stride: 2, ceilMode: true });
  const children: Record<string, Layer> = {
    conv1: basicConv2d(o.inChannels, 64, 7, { stride: 2, padding: 3 }),
    maxpool1: pool(3),
    conv2: basicConv2d(64, 64, 1),
    conv3: basicConv2d(64, 192, 3, { padding: 1 }),
    maxpool2: pool(3),
  };
  const steps: Step[] = [...(o.transformInput ? [transformInput] : []), ...Object.keys(children)];
  const heads: Record<string, Module> = {};
  const auxiliary: Readonly<Record<string, string>> = { inception4a: "aux1", inception4d: "aux2" };
  let channels = 192;
  for (const [name, widths] of BLOCKS) {
    children[name] = typeof widths === "number" ? pool(widths) : inception(channels, widths);
    if (typeof widths !== "number") channels = widths[0] + widths[2] + widths[4] + widths[5];
    steps.push(name);
    const head = auxiliary[name];
    if (head === undefined || !o.auxLogits) continue;
    heads[head] = inceptionAux(channels, o.classes, o.dropoutAux);
    steps.push(keep(name), head, take(name));
  }
  Object.assign(children, heads, {
    avgpool: adaptiveAvgPool2d([1, 1]),
    dropout: dropout(o.dropout),
    fc: linear(channels, o.classes),
  });
  return net("GoogLeNet", children, [...steps, "avgpool", flatten(), "dropout", "fc"], o);
}

const paper = "arXiv 1409.4842, Going deeper with convolutions";

/**
 * @family googlenet
 * An inception module looks at its input at several scales side by side and joins what they find. Convolutions of
 * 1 x 1 thin the channels out before the wide windows, which saves most of the work. Two auxiliary classifiers
 * half-way feed gradients to the early layers in training.
 *
 *          +-> 1x1 ----------------+
 *     x ---+-> 1x1 -> 3x3 ---------+-> concat
 *          +-> 1x1 -> 5x5 ---------+
 *          +-> max-pool 3x3 -> 1x1 +
 */

/** The table's rows of this family; accuracy as torchvision published it, params with the auxiliary classifiers. */
export const googlenetRows = imagenetRows(
  { family: "googlenet", paper, year: 2014, source: "torchvision" },
  {
    googlenet: {
      build: googlenet,
      minSize: 15,
      params: 13_004_888,
      macs: 1_498_376_192,
      top: [69.778, 89.53],
    },
  },
);
