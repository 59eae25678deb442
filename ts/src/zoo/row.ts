import type { PreprocessOptions } from "../image/preprocess.js";
import type { Net } from "../layers.js";
import * as transforms from "../transforms.js";
import { torchvisionWeights } from "./torchvision.js";

/** A registered checkpoint: where it is, what it must be, and what images it was trained on. */
export interface Checkpoint {
  /**
   * A function, so that nothing is resolved before it is asked for. The URL of a file that comes with the package; the text of
   * one that is downloaded.
   */
  readonly url: () => URL | string;
  /** The file's size; of one that is downloaded as it was published, in thousandths of a MiB. */
  readonly bytes?: number;
  /** The file's SHA-256 in lowercase hexadecimal; of one that is downloaded its beginning, as its name has it. */
  readonly sha256?: string;
  /** SPDX. */
  readonly licence: string;
  /** Options that the network must be built with, beside those that show in its shapes. */
  readonly options?: ModelOptions & { readonly transformInput?: boolean };
  /** Accuracy on ImageNet's validation set in per cent, prepared so, as published. */
  readonly metrics?: { readonly top1: number; readonly top5: number };
  readonly preprocess: PreprocessOptions;
  /** The names of the classes, in the order of the outputs. */
  readonly labels: "imagenet1k" | "digits";
  readonly note?: string;
}

/** Options that every builder of the zoo takes. */
export interface ModelOptions {
  /** The number of outputs. */
  readonly classes?: number;
  /** The number of channels of the input. */
  readonly inChannels?: number;
}

/** A network of the zoo. */
export interface ZooEntry {
  /** The net. Throws `bad-option` for an option that it does not have or a value out of range. */
  build(options?: ModelOptions): Net;
  /** The input that it was trained on, [C, H, W]. */
  readonly input: readonly [number, number, number];
  /** How images become that input, for a checkpoint that says nothing else. */
  readonly preprocess: PreprocessOptions;
  /** The smallest side of a square input that it can take. */
  readonly minSize: number;
  readonly family: string;
  readonly paper: string;
  /** Of the paper. */
  readonly year: number;
  /** Parameters with default options. */
  readonly params: number;
  /** Multiply-adds of convolutions and linear layers, with default options, for one `input`. */
  readonly macs: number;
  /** Registered checkpoints by name; the first is the default. */
  readonly weights: Readonly<Record<string, Checkpoint>>;
  /**
   * Accuracy on ImageNet's validation set, one centre crop, in per cent, as published with the original
   * checkpoint; of a network for smaller images, on the test set of its data. `source` is who published it; `conditions`
   * says how it was measured where no figure of one model on one crop was published.
   */
  readonly published: Published;
}

interface Published {
  readonly top1?: number;
  readonly top5?: number;
  readonly source?: string;
  readonly conditions?: string;
}

/** Rows of the table, by name. */
export type Rows = Readonly<Record<string, ZooEntry>>;

/** What the rows of a family share. */
interface Family extends Pick<ZooEntry, "family" | "paper" | "year"> {
  /** Who published the accuracies. */
  readonly source?: string;
}

/** A row without what it shares with others. */
interface Variant extends Pick<ZooEntry, "build" | "params" | "macs"> {
  /** 1 unless given. */
  readonly minSize?: number;
  /** Its family's unless given; the input is of its crop's size and has one channel with `grayscale`, else three. */
  readonly preprocess?: PreprocessOptions;
  readonly weights?: ZooEntry["weights"];
  /** Published accuracy, [top1, top5]. */
  readonly top?: readonly [top1: number, top5?: number];
  /** See `published`. */
  readonly conditions?: string;
  /** Its family's unless given. */
  readonly source?: string;
}

type Variants = Readonly<Record<string, Variant>>;
type RowsOf<T extends Variants> = { readonly [K in keyof T]: ZooEntry & Pick<T[K], "build"> };

/** The rows of a family of networks for ImageNet. */
export function imagenetRows<T extends Variants>(family: Family, variants: T): RowsOf<T> {
  return rows(family, imagenet(256, 224), variants);
}

/** The rows of a family whose networks see images through `preprocess`. */
export function rows<T extends Variants>(
  { source: familys, ...family }: Family,
  preprocess: PreprocessOptions,
  variants: T,
): RowsOf<T> {
  const made = Object.entries(variants).map(([name, all]) => {
    const { top, conditions, source = familys, ...variant } = all;
    const { grayscale, crop } = variant.preprocess ?? preprocess;
    const [top1, top5] = top ?? [];
    const published = {
      ...(top1 !== undefined && { top1 }),
      ...(top5 !== undefined && { top5 }),
      ...(top && source && { source }),
      ...(conditions && { conditions }),
    };
    const weights = { ...variant.weights, ...torchvisionWeights(name, variant.weights) };
    const shared = { minSize: 1, input: [grayscale ? 1 : 3, crop, crop], published, preprocess };
    return [name, { ...family, ...shared, ...variant, weights }];
  });
  return Object.fromEntries(made);
}

/** Preprocessing with the statistics of ImageNet: the shorter side to `resize`, then the square `crop`. */
export const imagenet = (
  resize: number,
  crop: number,
  interpolation: PreprocessOptions["interpolation"] = "bilinear",
): PreprocessOptions => transforms.torchvision({ resize, crop, interpolation });

/** Preprocessing of networks trained in Caffe; the mean of bytes in the order blue, green, red. */
export const caffe = (mean: readonly number[]): PreprocessOptions => transforms.caffe({ mean });

/** Preprocessing of Google's Inception networks: the shorter side to `resize`, pixels from -1 to 1. */
export const inception = (resize: number, crop = 299): PreprocessOptions =>
  transforms.inception({ resize, crop });

/** CIFAR-10's images as they are, with the statistics of its training set. */
export const CIFAR10: PreprocessOptions = transforms.cifar10;
