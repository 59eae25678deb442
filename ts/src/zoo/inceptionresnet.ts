import { integer, probability } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  affine,
  batchNorm2d,
  type Conv2dOptions,
  conv2d,
  dropout,
  flatten,
  identity,
  type Layer,
  linear,
  type Module,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  type Size,
  type Step,
  sequential,
} from "../layers.js";
import { globalPool, timmConv } from "./blocks.js";
import { branch, branches, type ConvBlock } from "./branches.js";
import { optionsOf, positive } from "./options.js";
import { inception, imagenetRows, type ModelOptions } from "./row.js";

/** Options of {@link inception_resnet_v2}. */
export interface InceptionResNetV2Options extends ModelOptions {
  /** The probability of the dropout before the last layer, which shows in the print only; 0 by default. */
  readonly dropout?: number;
}

/** Options of {@link inception_resnet_v1} and {@link inception_resnet_v1_facenet}. */
export interface InceptionResNetV1Options extends ModelOptions {
  /** Features between the pooling and the last layer: 512 for faces, 0 (none) for ImageNet. */
  readonly embedding?: number;
  /** The probability of the dropout behind the pooling, which shows in the print only; 0.2 by default. */
  readonly dropout?: number;
}

/** A kind of residual block: its class, the factor of the residual, its branches. */
type Residual = readonly [type: string, scale: number, ...branches: string[]];

/** Stages of the trunk: a layer, branches joined, or residual blocks. */
type Stage =
  | string
  | { readonly type: string; readonly join: readonly string[] }
  | { readonly blocks: number; readonly residual: Residual };

/** A residual block; `first` and `last` are what comes before and behind its other children, and ends it. */
function residual(
  conv: ConvBlock,
  channels: number,
  [type, scale, ...texts]: Residual,
  first: Readonly<Record<string, Layer>>,
  last: Readonly<Record<string, Layer>>,
): Module {
  const { children, joined, channels: inside } = branches(conv, channels, texts);
  const all = { ...first, ...children, conv2d: conv2d(inside, channels, 1), ...last };
  const scaled: Step[] = [joined, "conv2d", affine(scale, 0)];
  return module(type, all, [add(scaled, []), ...Object.keys(first), ...Object.keys(last)]);
}

const paper = "arXiv 1602.07261, Inception-v4, Inception-ResNet and the impact of residual connections";
