import { flag, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  avgPool2d,
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
  type Size,
  type Step,
  take,
} from "../layers.js";
import { basicConv2d, checkTransform, transformInput } from "./blocks.js";
import { optionsOf } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of {@link inception_v3}. */
export interface InceptionV3Options extends ModelOptions {
  /** Whether the auxiliary classifier is there (true); ask for it by `outputs: ["AuxLogits"]`. */
  readonly auxLogits?: boolean;
  /** Whether to turn ImageNet's normalisation into (x - 0.5) / 0.5, which the published weights want; false by default. */
  readonly transformInput?: boolean;
  /** The probability of the dropout before the last layer, which shows in the print only; 0.5 by default. */
  readonly dropout?: number;
}

/** A convolution: its name, channels, kernel, and stride if that is not 1; one without a stride keeps the size. */
type Conv = readonly [name: string, to: number, kernel: Size, stride?: number];
/** Convolutions in a row; several at one place all read the same and are joined. */
type Branch = readonly (Conv | readonly Conv[])[];

/** Branches side by side, then the one behind a pooling: its convolution's channels, or 0 for strided max-pooling. */
function inception(
  type: string,
  from: number,
  pooled: number,
  branches: readonly Branch[],
): [Module, number] {
  const children: Record<string, Layer> = {};
  let total = pooled || from;
  const steps = branches.map((branch): Step[] => {
    let channels = from;
    const run = branch.map((place): Step => {
      const convs = (typeof place[0] === "string" ? [place] : place) as readonly Conv[];
      for (const [name, to, kernel, stride = 1] of convs) {
        const half = (side: number) => (stride === 1 ? (side - 1) / 2 : 0);
        const padding =
          typeof kernel === "number" ? half(kernel) : ([half(kernel[0]), half(kernel[1])] as const);
        children[name] = basicConv2d(channels, to, kernel, { stride, padding });
      }
      channels = convs.reduce((sum, [, to]) => sum + to, 0);
      const names = convs.map(([name]) => [name]);
      return names.length === 1 ? (names[0]?.[0] ?? "") : concat(...names);
    });
    total += channels;
    return run;
  });
  const pool = pooled ? avgPool2d(3, { stride: 1, padding: 1 }) : maxPool2d(3, { stride: 2 });
  if (pooled) children.branch_pool = basicConv2d(from, pooled, 1);
  const last: Step[] = pooled ? [pool, "branch_pool"] : [pool];
  return [module(type, children, [concat(...steps, last)]), total];
}

const wide = [1, 7] as const;
const tall = [7, 1] as const;

const blockA = (from: number, pooled: number) =>
  inception("InceptionA", from, pooled, [
    [["branch1x1", 64, 1]],
    [
      ["branch5x5_1", 48, 1],
      ["branch5x5_2", 64, 5],
    ],
    [
      ["branch3x3dbl_1", 64, 1],
      ["branch3x3dbl_2", 96, 3],
      ["branch3x3dbl_3", 96, 3],
    ],
  ]);

const blockB = (from: number) =>
  inception("InceptionB", from, 0, [
    [["branch3x3", 384, 3, 2]],
    [
      ["branch3x3dbl_1", 64, 1],
      ["branch3x3dbl_2", 96, 3],
      ["branch3x3dbl_3", 96, 3, 2],
    ],
  ]);

const blockC = (from: number, inside: number) =>
  inception("InceptionC", from, 192, [
    [["branch1x1", 192, 1]],
    [
      ["branch7x7_1", inside, 1],
      ["branch7x7_2", inside, wide],
      ["branch7x7_3", 192, tall],
    ],
    [
      ["branch7x7dbl_1", inside, 1],
      ["branch7x7dbl_2", inside, tall],
      ["branch7x7dbl_3", inside, wide],
      ["branch7x7dbl_4", inside, tall],
      ["branch7x7dbl_5", 192, wide],
    ],
  ]);

const blockD = (from: number) =>
  inception("InceptionD", from, 0, [
    [
      ["branch3x3_1", 192, 1],
      ["branch3x3_2", 320, 3, 2],
    ],
    [
      ["branch7x7x3_1", 192, 1],
      ["branch7x7x3_2", 192, wide],
      ["branch7x7x3_3", 192, tall],
      ["branch7x7x3_4", 192, 3, 2],
    ],
  ]);

const blockE = (from: number) =>
  inception("InceptionE", from, 192, [
    [["branch1x1", 320, 1]],
    [
      ["branch3x3_1", 384, 1],
      [
        ["branch3x3_2a", 384, [1, 3]],
        ["branch3x3_2b", 384, [3, 1]],
      ],
    ],
    [
      ["branch3x3dbl_1", 448, 1],
      ["branch3x3dbl_2", 384, 3],
      [
        ["branch3x3dbl_3a", 384, [1, 3]],
        ["branch3x3dbl_3b", 384, [3, 1]],
      ],
    ],
  ]);

const BLOCKS: Readonly<Record<string, (from: number) => [Module, number]>> = {
  Mixed_5b: (from) => blockA(from, 32),
  Mixed_5c: (from) => blockA(from, 64),
  Mixed_5d: (from) => blockA(from, 64),
  Mixed_6a: blockB,
  Mixed_6b: (from) => blockC(from, 128),
  Mixed_6c: (from) => blockC(from, 160),
  Mixed_6d: (from) => blockC(from, 160),
  Mixed_6e: (from) => blockC(from, 192),
  Mixed_7a: blockD,
  Mixed_7b: blockE,
  Mixed_7c: blockE,
};

function inceptionAux(from: number, classes: number): Module {
  const children = {
    conv0: basicConv2d(from, 128, 1),
    conv1: basicConv2d(128, 768, 5),
    fc: linear(768, classes),
  };
  const steps = [avgPool2d(5, { stride: 3 }), "conv0", "conv1", adaptiveAvgPool2d([1, 1]), flatten(), "fc"];
  return module("InceptionAux", children, steps);
}

/**
 * Inception v3, arXiv 1512.00567, under torchvision's keys: [3, H, W], at least 75 x 75 and at best 299 x 299, to
 * [1000] logits. Throws `bad-option`.
 */
export function inception_v3(options: InceptionV3Options = {}): Net {
  const o = optionsOf("inception_v3", options, {
    auxLogits: [true, flag],
    transformInput: [false, flag],
    dropout: [0.5, probability],
  });
  checkTransform("inception_v3", o);
  const children: Record<string, Layer> = {
    Conv2d_1a_3x3: basicConv2d(o.inChannels, 32, 3, { stride: 2 }),
    Conv2d_2a_3x3: basicConv2d(32, 32, 3),
    Conv2d_2b_3x3: basicConv2d(32, 64, 3, { padding: 1 }),
    maxpool1: maxPool2d(3, { stride: 2 }),
    Conv2d_3b_1x1: basicConv2d(64, 80, 1),
    Conv2d_4a_3x3: basicConv2d(80, 192, 3),
    maxpool2: maxPool2d(3, { stride: 2 }),
  };
  const steps: Step[] = [...(o.transformInput ? [transformInput] : []), ...Object.keys(children)];
  let channels = 192;
  for (const [name, block] of Object.entries(BLOCKS)) {
    [children[name], channels] = block(channels);
    steps.push(name);
    if (name !== "Mixed_6e" || !o.auxLogits) continue;
    children.AuxLogits = inceptionAux(channels, o.classes);
    steps.push(keep(name), "AuxLogits", take(name));
  }
  Object.assign(children, {
    avgpool: adaptiveAvgPool2d([1, 1]),
    dropout: dropout(o.dropout),
    fc: linear(channels, o.classes),
  });
  return net("Inception3", children, [...steps, "avgpool", "dropout", flatten(), "fc"], o);
}

const paper = "arXiv 1512.00567, Rethinking the Inception architecture for computer vision";

/**
 * @family inception_v3
 * Large windows are factored into smaller ones: 5 x 5 into two of 3 x 3, 7 x 7 into 1 x 7 and 7 x 1. Each stage of
 * the network has its own kind of module, wider where the maps are smaller. Maps are halved by convolution and
 * pooling side by side, so that nothing is squeezed through a bottleneck.
 *
 *          +-> 1x1 ------------------------------------+
 *     x ---+-> 1x1 -> 1x7 -> 7x1 ----------------------+-> concat
 *          +-> 1x1 -> 7x1 -> 1x7 -> 7x1 -> 1x7 --------+
 *          +-> average pool -> 1x1 --------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it, params with the auxiliary classifier. */
export const inceptionv3Rows = imagenetRows(
  { family: "inception_v3", paper, year: 2015, source: "torchvision" },
  {
    inception_v3: {
      build: inception_v3,
      minSize: 75,
      params: 27_161_264,
      macs: 5_713_216_096,
      top: [77.294, 93.45],
      preprocess: imagenet(342, 299),
    },
  },
);
