import { probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  conv2d,
  dropout,
  flatten,
  linear,
  maxPool2d,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { optionsOf } from "./options.js";
import { imagenetRows, type ModelOptions } from "./row.js";

/** Options of {@link alexnet}. */
export interface AlexNetOptions extends ModelOptions {
  /** The probability of both dropouts, which do nothing here but show in the print; 0.5 by default. */
  readonly dropout?: number;
}

/**
 * AlexNet with a single column, arXiv 1404.5997 (after Krizhevsky, Sutskever, Hinton 2012), under
 * torchvision's keys.
 *
 * [3, H, W], at least 63 x 63 and at best 224 x 224, to [1000] logits. Throws `bad-option`.
 */
export function alexnet(options: AlexNetOptions = {}): Net {
  const o = optionsOf("alexnet", options, { dropout: [0.5, probability] });
  const { classes, inChannels } = o;
  const act = relu({ inplace: true });
  const pool = maxPool2d(3, { stride: 2 });
  const drop = dropout(o.dropout);
  const features = sequential(
    conv2d(inChannels, 64, 11, { stride: 4, padding: 2 }),
    act,
    pool,
    conv2d(64, 192, 5, { padding: 2 }),
    act,
    pool,
    conv2d(192, 384, 3, { padding: 1 }),
    act,
    conv2d(384, 256, 3, { padding: 1 }),
    act,
    conv2d(256, 256, 3, { padding: 1 }),
    act,
    pool,
  );
  const hidden = [drop, linear(256 * 6 * 6, 4096), act, drop, linear(4096, 4096), act];
  const classifier = sequential(...hidden, linear(4096, classes));
  const children = { features, avgpool: adaptiveAvgPool2d([6, 6]), classifier };
  return net("AlexNet", children, ["features", "avgpool", flatten(), "classifier"], { inChannels });
}

const paper = "arXiv 1404.5997, One weird trick for parallelizing convolutional neural networks";

/**
 * @family alexnet
 * LeNet's plan, made large enough for a thousand classes of photographs. ReLUs keep gradients alive and train
 * several times faster than tanh. Dropout in the two large linear layers holds back overfitting.
 *
 *     x -> conv 11x11 /4 -> pool -> conv 5x5 -> pool -> conv 3x3 x 3 -> pool -> [dropout -> linear -> relu] x 2 -> linear
 */

/** The table's rows of this family; accuracy as torchvision published it. */
export const alexnetRows = imagenetRows(
  { family: "alexnet", paper, year: 2014, source: "torchvision" },
  {
    alexnet: {
      build: alexnet,
      minSize: 63,
      params: 61_100_840,
      macs: 714_188_480,
      top: [56.522, 79.066],
    },
  },
);
