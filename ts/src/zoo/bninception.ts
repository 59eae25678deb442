import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm2d,
  concat,
  conv2d,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  type Net,
  net,
  relu,
  type Step,
} from "../layers.js";
import { optionsOf } from "./options.js";
import { caffe, type ModelOptions, rows } from "./row.js";

/** Channels: the 1 x 1, before and in the 3 x 3, before and in both 3 x 3, behind the pooling; 0 is none. */
type Widths = readonly [number, number, number, number, number, number];

/** The blocks; one without a 1 x 1 halves the size. All pool by averages but those and the last. */
const BLOCKS: Readonly<Record<string, Widths>> = {
  "3a": [64, 64, 64, 64, 96, 32],
  "3b": [64, 64, 96, 64, 96, 64],
  "3c": [0, 128, 160, 64, 96, 0],
  "4a": [224, 64, 96, 96, 128, 128],
  "4b": [192, 96, 128, 96, 128, 128],
  "4c": [160, 128, 160, 128, 160, 128],
  "4d": [96, 128, 192, 160, 192, 128],
  "4e": [0, 128, 192, 192, 256, 0],
  "5a": [352, 192, 320, 160, 224, 128],
  "5b": [352, 192, 320, 192, 224, 128],
};

/**
 * Inception with batch norm, arXiv 1502.03167, under the keys of Cadene's pretrained-models: [3, H, W], at best
 * 224 x 224, to [1000] logits. The side's eighth must be a multiple of 4, or padded and unpadded branches differ.
 * The public weights want blue, green, red. Throws `bad-option`.
 */
export function bninception(options: ModelOptions = {}): Net {
  const o = optionsOf("bninception", options, {});
  const children: Record<string, Layer> = {};
  const conv = (name: string, from: number, to: number, kernel = 1, stride = 1): Step[] => {
    children[name] = conv2d(from, to, kernel, { stride, padding: (kernel - 1) / 2 });
    children[`${name}_bn`] = batchNorm2d(to);
    return [name, `${name}_bn`, relu()];
  };
  const pool = (name: string, layer: Layer): string => {
    children[name] = layer;
    return name;
  };
  const halving = maxPool2d(3, { stride: 2, ceilMode: true });
  const steps: Step[] = [
    ...conv("conv1_7x7_s2", o.inChannels, 64, 7, 2),
    pool("pool1_3x3_s2", halving),
    ...conv("conv2_3x3_reduce", 64, 64),
    ...conv("conv2_3x3", 64, 192, 3),
    pool("pool2_3x3_s2", halving),
  ];
  let channels = 192;
  for (const [block, [one, reduce, three, reduceDouble, double, projected]] of Object.entries(BLOCKS)) {
    const name = `inception_${block}_`;
    const stride = one ? 1 : 2;
    const branches = one ? [conv(`${name}1x1`, channels, one)] : [];
    branches.push(
      [...conv(`${name}3x3_reduce`, channels, reduce), ...conv(`${name}3x3`, reduce, three, 3, stride)],
      [
        ...conv(`${name}double_3x3_reduce`, channels, reduceDouble),
        ...conv(`${name}double_3x3_1`, reduceDouble, double, 3),
        ...conv(`${name}double_3x3_2`, double, double, 3, stride),
      ],
    );
    const unstrided = block === "5b" ? maxPool2d : avgPool2d;
    const pooling = one ? unstrided(3, { stride: 1, padding: 1, ceilMode: true }) : halving;
    const last: Step[] = [pool(`${name}pool`, pooling)];
    if (projected) last.push(...conv(`${name}pool_proj`, channels, projected));
    steps.push(concat(...branches, last));
    channels = one + three + double + (projected || channels);
  }
  children.global_pool = adaptiveAvgPool2d(1);
  children.last_linear = linear(channels, o.classes);
  return net("BNInception", children, [...steps, "global_pool", flatten(), "last_linear"], o);
}

const paper = "arXiv 1502.03167, Batch normalization: accelerating deep network training";

/**
 * @family bninception
 * GoogLeNet with batch normalisation behind every convolution. Each channel is brought to mean 0 and variance 1
 * over the batch, so that layers need not follow each other's drift and much larger steps are possible. The 5 x 5
 * windows become two of 3 x 3.
 *
 *          +-> 1x1 ---------------+
 *     x ---+-> 1x1 -> 3x3 --------+-> concat     (batch norm and relu behind every convolution)
 *          +-> 1x1 -> 3x3 -> 3x3 -+
 *          +-> pool 3x3 -> 1x1 ---+
 */

/** The table's rows of this family; accuracy as Cadene published it. */
export const bninceptionRows = rows(
  { family: "bninception", paper, year: 2015, source: "Cadene" },
  caffe([104, 117, 128]),
  {
    bninception: {
      build: bninception,
      minSize: 31,
      params: 11_295_240,
      macs: 2_032_600_064,
      top: [73.522, 91.56],
    },
  },
);
