import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  avgPool2d,
  conv2d,
  dropout,
  flatten,
  type Layer,
  maxPool2d,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { optionsOf, positive } from "./options.js";
import { CIFAR10, caffe, type ModelOptions, rows } from "./row.js";

/** Options of the NiNs. */
export interface NinOptions extends ModelOptions {
  /** The probability of every dropout, which does nothing here but shows in the print; 0.5 by default. */
  readonly dropout?: number;
}

/** A convolution with its kernel, stride, padding and maps, and the maps of the two 1 x 1 ones behind it. */
type MlpConv = readonly [kernel: number, stride: number, padding: number, ...maps: number[]];

/** The convolutions, and what follows each set of them. */
const nin = (inChannels: number, mlpConvs: readonly MlpConv[], between: readonly (readonly Layer[])[]) => {
  const features: Layer[] = [];
  let channels = inChannels;
  for (const [i, [kernel, stride, padding, ...maps]] of mlpConvs.entries()) {
    for (const [k, to] of maps.entries()) {
      features.push(
        k === 0 ? conv2d(channels, to, kernel, { stride, padding }) : conv2d(channels, to, 1),
        relu(),
      );
      channels = to;
    }
    features.push(...(between[i] ?? []));
  }
  const children = { features: sequential(...features, adaptiveAvgPool2d(1)) };
  return net("NIN", children, ["features", flatten()], { inChannels });
};

const pool = maxPool2d(3, { stride: 2, ceilMode: true });

/**
 * Network in network for ImageNet, arXiv 1312.4400, as the authors' Caffe model: [3, H, W], at least 39 x 39 and at
 * best 224 x 224, to [1000] logits, which a ReLU cuts; keys `features.N` as in neural-style-pt. The public weights
 * want blue, green, red. Throws `bad-option`.
 */
export function nin_imagenet(options: NinOptions = {}): Net {
  const o = optionsOf("nin_imagenet", options, { dropout: [0.5, probability] });
  const mlpConvs: MlpConv[] = [
    [11, 4, 0, 96, 96, 96],
    [5, 1, 2, 256, 256, 256],
    [3, 1, 1, 384, 384, 384],
    [3, 1, 1, 1024, 1024, o.classes],
  ];
  return nin(o.inChannels, mlpConvs, [[pool], [pool], [pool, dropout(o.dropout)]]);
}

/**
 * Network in network for CIFAR-10, arXiv 1312.4400: [3, H, W], at least 4 x 4 and at best 32 x 32, to [10] logits,
 * which a ReLU cuts; keys `features.N`. Throws `bad-option`.
 */
export function nin_cifar10(options: NinOptions = {}): Net {
  const o = optionsOf("nin_cifar10", options, { classes: [10, positive], dropout: [0.5, probability] });
  const mlpConvs: MlpConv[] = [
    [5, 1, 2, 192, 160, 96],
    [5, 1, 2, 192, 192, 192],
    [3, 1, 1, 192, 192, o.classes],
  ];
  const drop = dropout(o.dropout);
  return nin(o.inChannels, mlpConvs, [
    [pool, drop],
    [avgPool2d(3, { stride: 2, ceilMode: true }), drop],
  ]);
}

const paper = "arXiv 1312.4400, Network in network";

/**
 * @family nin
 * Behind each convolution stand two of 1 x 1, a small perceptron applied at every pixel. So each layer computes a
 * richer function of its window at little cost. The classifier is a global average of one map per class and has no
 * weights of its own.
 *
 *     x -> [conv kxk -> relu -> conv 1x1 -> relu -> conv 1x1 -> relu -> pool] x 3, 4 -> global average
 */

/** The table's rows of this family; accuracy as published with the Caffe model, and in the paper. */
export const ninRows = rows({ family: "nin", paper, year: 2013, source: "paper" }, caffe([104, 117, 123]), {
  nin_imagenet: { build: nin_imagenet, minSize: 39, params: 7_595_176, macs: 1_100_188_800, top: [59.36] },
  nin_cifar10: {
    build: nin_cifar10,
    minSize: 4,
    params: 966_986,
    macs: 222_486_528,
    preprocess: CIFAR10,
    top: [91.2],
  },
});
