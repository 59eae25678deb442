import { conv2d, flatten, linear, maxPool2d, type Net, net, relu, sequential } from "../layers.js";
import { mnist } from "../transforms.js";
import { optionsOf, positive } from "./options.js";
import type { ModelOptions, Rows } from "./row.js";

/**
 * LeNet-5 as it is taught today: ReLU, max-pooling, 28 x 28 input without padding, full connections. LeCun,
 * Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition", whose network
 * differs: 32 x 32 input, scaled tanh, trained subsampling, a sparse second convolution, a radial basis
 * output.
 *
 * [1, 28, 28] (other channels by `inChannels`) to [10] logits. Throws `bad-option`.
 */
export function lenet5(options: ModelOptions = {}): Net {
  const o = optionsOf("lenet5", options, { classes: [10, positive], inChannels: [1, positive] });
  const features = sequential(
    conv2d(o.inChannels, 6, 5),
    relu({ inplace: true }),
    maxPool2d(2),
    conv2d(6, 16, 5),
    relu({ inplace: true }),
    maxPool2d(2),
  );
  const classifier = sequential(
    linear(16 * 4 * 4, 120),
    relu({ inplace: true }),
    linear(120, 84),
    relu({ inplace: true }),
    linear(84, o.classes),
  );
  return net("LeNet5", { features, classifier }, ["features", flatten(), "classifier"], o);
}

/**
 * @family lenet
 * Convolutions with shared weights find the same pattern anywhere in the image. Pooling between them makes the
 * result indifferent to small shifts. Linear layers then decide from the few features that are left.
 *
 *     x -> [conv 5x5 -> relu -> max-pool 2] x 2 -> flatten -> linear -> relu -> linear -> relu -> linear
 */

/** The table's rows of this family. */
export const lenetRows = {
  lenet5: {
    build: lenet5,
    input: [1, 28, 28],
    preprocess: mnist,
    minSize: 28,
    family: "lenet",
    paper: "LeCun et al. 1998, Gradient-based learning applied to document recognition",
    year: 1998,
    params: 44_426,
    macs: 281_640,
    weights: {
      mnist: {
        url: () => new URL("./weights/lenet5.safetensors", import.meta.url),
        bytes: 178_616,
        sha256: "957381d5c338f0d37ad9eea417ad0c35703696ef359fab9e231de1eda361d1a5",
        licence: "Apache-2.0",
        preprocess: mnist,
        labels: "digits",
        note: "Trained for this package; white digits on black, as in MNIST.",
      },
    },
    published: { top1: 99.05, source: "paper" },
  },
} as const satisfies Rows;
