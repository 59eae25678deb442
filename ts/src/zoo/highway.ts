import { list } from "../check.js";
import { ConvzooError } from "../errors.js";
import {
  adaptiveAvgPool2d,
  add,
  affine,
  conv2d,
  flatten,
  type Layer,
  linear,
  maxPool2d,
  module,
  mul,
  type Net,
  net,
  relu,
  type Step,
  sequential,
  sigmoid,
} from "../layers.js";
import { lenetRows } from "./lenet.js";
import { type Check, optionsOf, positive, repeats, repeatsList } from "./options.js";
import { CIFAR10, type ModelOptions, rows } from "./row.js";

/** Options of {@link highway19_cifar10}. */
export interface Highway19Options extends ModelOptions {
  /** Channels of each of the three stages: 32, 80, 128. */
  readonly widths?: readonly number[];
  /** Highway layers of each stage: 4, 5, 5. */
  readonly depths?: readonly number[];
}

/** Options of {@link highway10_mnist}. */
export interface Highway10Options extends ModelOptions {
  /** Channels: 32, or 16 in `highway10_mnist_16`. */
  readonly width?: number;
  /** Highway layers of each of the three stages: 2, 3, 3. */
  readonly depths?: readonly number[];
}

/** Options of {@link highway10_mnist_fc}. */
export interface HighwayFcOptions extends ModelOptions {
  /** Units of a layer; 50 by default. */
  readonly width?: number;
  /** Highway layers; 9 by default. */
  readonly depth?: number;
}

/** Highway layers: H(x) T(x) + x (1 - T(x)), where the gate T ends in a sigmoid and H in a ReLU. */
function highways(count: number, layer: Layer): Layer[] {
  const gate: Step[] = ["T", sigmoid()];
  const steps = [add([mul(["H", relu()], gate)], [mul([], [...gate, affine(-1, 1)])])];
  return Array<Layer>(count).fill(module("Highway", { H: layer, T: layer }, steps));
}

const three =
  (check: Check<readonly number[]>): Check<readonly number[]> =>
  (where, name, values) => {
    if (check(where, name, values).length === 3) return values;
    throw new ConvzooError("bad-option", `${where}: ${name} must have 3 numbers, one for each stage.`);
  };
const depthsOf = three(repeatsList);
const widthsOf = three((where, name, values) => list(where, name, values, positive));

const conv3x3 = (from: number, to: number): Layer => conv2d(from, to, 3, { padding: 1 });

/**
 * The highway network of 19 layers for CIFAR-10, arXiv 1505.00387 and 1507.06228 ("Highway 2"); keys `layers.N.H`,
 * `layers.N.T` and `classifier`. [3, H, W], at least 4 x 4 and at best 32 x 32, to [10] logits. Throws `bad-option`.
 */
export function highway19_cifar10(options: Highway19Options = {}): Net {
  const o = optionsOf("highway19_cifar10", options, {
    classes: [10, positive],
    widths: [[32, 80, 128], widthsOf],
    depths: [[4, 5, 5], depthsOf],
  });
  const layers: Layer[] = [];
  let channels = o.inChannels;
  for (const [i, width] of o.widths.entries()) {
    if (i > 0) layers.push(maxPool2d(2));
    const depth = o.depths[i] as number;
    layers.push(conv3x3(channels, width), relu(), ...highways(depth, conv3x3(width, width)));
    channels = width;
  }
  layers.push(conv2d(channels, 100, 1), relu(), adaptiveAvgPool2d(1));
  return highway(layers, 100, o);
}

/** The highway network of 10 layers for MNIST, arXiv 1507.06228: [1, 28, 28] to [10] logits; keys as above. */
const highway10 =
  (name: string, width: number) =>
  (options: Highway10Options = {}): Net => {
    const o = optionsOf(name, options, {
      classes: [10, positive],
      inChannels: [1, positive],
      width: [width, positive],
      depths: [[2, 3, 3], depthsOf],
    });
    const [first, second, third] = o.depths.map((depth) => highways(depth, conv3x3(o.width, o.width)));
    const pool = maxPool2d(3, { stride: 2, ceilMode: true });
    const start = [conv2d(o.inChannels, o.width, 5), relu()];
    const layers = [...start, ...first!, pool, ...second!, pool, ...third!, maxPool2d(2)];
    return highway(layers, 9 * o.width, o);
  };

/** The highway network of 10 layers of 32 channels for MNIST; throws `bad-option`. */
export const highway10_mnist = highway10("highway10_mnist", 32);
/** The same with 16 channels. */
export const highway10_mnist_16 = highway10("highway10_mnist_16", 16);

/**
 * The highway network of 10 fully connected layers for MNIST, arXiv 1505.00387: [1, 28, 28] to [10] logits. Throws
 * `bad-option`.
 */
export function highway10_mnist_fc(options: HighwayFcOptions = {}): Net {
  const o = optionsOf("highway10_mnist_fc", options, {
    classes: [10, positive],
    inChannels: [1, positive],
    width: [50, positive],
    depth: [9, repeats],
  });
  const first = [flatten(), linear(o.inChannels * 28 * 28, o.width), relu()];
  return highway([...first, ...highways(o.depth, linear(o.width, o.width))], o.width, o);
}

const highway = (layers: readonly Layer[], features: number, o: Required<ModelOptions>): Net => {
  const children = { layers: sequential(...layers), classifier: linear(features, o.classes) };
  return net("HighwayNetwork", children, ["layers", flatten(), "classifier"], o);
};

const paper = "arXiv 1507.06228, Training very deep networks";

/**
 * @family highway
 * Each layer learns a gate between 0 and 1 that says how much of its input to transform. What is not transformed
 * is carried on unchanged. Gradients pass through closed gates, so that a hundred layers can be trained.
 *
 *     H(x) * T(x) + x * (1 - T(x))      H: conv -> relu; T: conv -> sigmoid
 */

/** The table's rows of this family; accuracy as in the paper. */
export const highwayRows = rows(
  { family: "highway", paper, year: 2015, source: "paper" },
  lenetRows.lenet5.preprocess,
  {
    highway19_cifar10: {
      build: highway19_cifar10,
      minSize: 4,
      params: 2_256_838,
      macs: 330_826_728,
      preprocess: CIFAR10,
      top: [92.4],
    },
    highway10_mnist: { build: highway10_mnist, minSize: 28, params: 151_690, macs: 31_650_624, top: [99.55] },
    highway10_mnist_16: {
      build: highway10_mnist_16,
      minSize: 28,
      params: 38_986,
      macs: 8_028_576,
      top: [99.43],
    },
    highway10_mnist_fc: { build: highway10_mnist_fc, minSize: 28, params: 85_660, macs: 84_700 },
  },
);
