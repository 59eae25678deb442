import {
  add,
  affine,
  conv2d,
  flatten,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  type Step,
  sequential,
  softmax,
  tanh,
} from "../layers.js";
import { optionsOf, positive, repeats } from "./options.js";
import { type ModelOptions, rows } from "./row.js";

/** Options of the MCDNNs. */
export interface McdnnOptions extends ModelOptions {
  /** Networks of the same layers whose probabilities are averaged: 1, or those that the name says. */
  readonly columns?: number;
}

/** A column: the side of its input, maps, kernel and pooling of each convolution, units of each hidden layer. */
interface Column {
  readonly side: number;
  readonly convs: readonly (readonly [maps: number, kernel: number, pooling: number])[];
  readonly hidden: readonly number[];
}

/** LeCun's hyperbolic tangent. */
const scaledTanh = module("ScaledTanh", {}, [affine(2 / 3, 0), tanh(), affine(1.7159, 0)]);

const STEPS: readonly Step[] = ["features", flatten(), "classifier"];

function layersOf({ side, convs, hidden }: Column, inChannels: number, classes: number) {
  const features: Layer[] = [];
  let channels = inChannels;
  let size = side;
  for (const [maps, kernel, pooling] of convs) {
    features.push(conv2d(channels, maps, kernel), scaledTanh, maxPool2d(pooling, { ceilMode: true }));
    channels = maps;
    size = Math.ceil((size - kernel + 1) / pooling);
  }
  const classifier: Layer[] = [];
  let units = channels * size * size;
  for (const to of hidden) {
    classifier.push(linear(units, to), scaledTanh);
    units = to;
  }
  classifier.push(linear(units, classes), softmax());
  return { features: sequential(...features), classifier: sequential(...classifier) };
}

/**
 * Multi-column deep neural networks, arXiv 1202.2745: one column, or several that see the same input and whose
 * probabilities are averaged; keys `features.N` and `classifier.N`, behind `columns.K` where there are several.
 * The paper preprocesses the input of each column differently. [1 or 3, H, W] to probabilities of the classes, not
 * to logits. The nets throw `bad-option`.
 */
const mcdnn =
  (name: string, column: Column, outputs: number, channels: number, count = 1) =>
  (options: McdnnOptions = {}): Net => {
    const o = optionsOf(name, options, {
      classes: [outputs, positive],
      inChannels: [channels, positive],
      columns: [count, repeats],
    });
    const layers = layersOf(column, o.inChannels, o.classes);
    if (o.columns === 1) return net("MCDNN", layers, STEPS, o);
    const all = Array.from({ length: o.columns }, () => module("MCDNN", layers, STEPS));
    const average: Step[] = [add(...Object.keys(all).map((k) => [k])), affine(1 / o.columns, 0)];
    const columns: Module = module("ModuleList", Object.fromEntries(all.entries()), average);
    return net("MultiColumn", { columns }, ["columns"], o);
  };

const MNIST: Column = {
  side: 29,
  convs: [
    [20, 4, 2],
    [40, 5, 3],
  ],
  hidden: [150],
};
const CIFAR: Column = {
  side: 32,
  convs: [
    [300, 3, 2],
    [300, 2, 2],
    [300, 3, 2],
    [300, 2, 2],
  ],
  hidden: [300, 100],
};
const GTSRB: Column = {
  side: 48,
  convs: [
    [100, 7, 2],
    [150, 4, 2],
    [250, 4, 2],
  ],
  hidden: [300],
};

/** MCDNN for handwritten digits: [1, 29, 29] to [10]. The paper averages 35 columns. */
export const mcdnn_mnist = mcdnn("mcdnn_mnist", MNIST, 10, 1);
/** Three columns of {@link mcdnn_mnist}. */
export const mcdnn_mnist_x3 = mcdnn("mcdnn_mnist_x3", MNIST, 10, 1, 3);
/** MCDNN for CIFAR-10: [3, 32, 32] to [10]. The paper averages 8 columns. */
export const mcdnn_cifar10 = mcdnn("mcdnn_cifar10", CIFAR, 10, 3);
/** MCDNN for German traffic signs: [3, 48, 48] to [43]. The paper averages 25 columns. */
export const mcdnn_gtsrb = mcdnn("mcdnn_gtsrb", GTSRB, 43, 3);

const square = (side: number, channels: number) => ({
  resize: side,
  crop: side,
  interpolation: "bilinear" as const,
  grayscale: channels === 1,
  mean: Array<number>(channels).fill(0.5),
  std: Array<number>(channels).fill(0.5),
});

const paper = "arXiv 1202.2745, Multi-column deep neural networks for image classification";

/**
 * @family mcdnn
 * Several deep networks of the same form, the columns, are trained on differently prepared images. Their
 * probabilities are averaged, which removes many of the errors that only one of them makes. Large for their time,
 * they were trained on a graphics card and were the first to read digits about as well as people do.
 *
 *     x -+-> column 1: [conv -> tanh -> max-pool] ... -> linear -> softmax -+
 *        +-> column 2: ... ----------------------------------------------------+-> mean
 *        +-> column K: ... ----------------------------------------------------+
 */

/** The table's rows of this family; accuracy as in the paper, which publishes that of all its columns together. */
export const mcdnnRows = rows({ family: "mcdnn", paper, year: 2012, source: "paper" }, square(29, 1), {
  mcdnn_mnist: {
    build: mcdnn_mnist,
    minSize: 24,
    params: 76_040,
    macs: 1_891_820,
    top: [99.77],
    conditions: "35 columns",
  },
  mcdnn_mnist_x3: { build: mcdnn_mnist_x3, minSize: 24, params: 228_120, macs: 5_675_460 },
  mcdnn_cifar10: {
    build: mcdnn_cifar10,
    minSize: 21,
    params: 1_660_710,
    macs: 99_661_000,
    preprocess: square(32, 3),
    top: [88.79],
    conditions: "8 columns",
  },
  mcdnn_gtsrb: {
    build: mcdnn_gtsrb,
    minSize: 41,
    params: 1_543_443,
    macs: 125_978_700,
    preprocess: square(48, 3),
    top: [99.46],
    conditions: "25 columns",
  },
});
