import type { PreprocessOptions } from "../image/preprocess.js";
import type { Net } from "../layers.js";

/** A registered checkpoint: where it is, what it must be, and what images it was trained on. */
export interface Checkpoint {
  /** A function, so that nothing is resolved before it is asked for. */
  readonly url: () => URL | string;
  /** The file's size. */
  readonly bytes?: number;
  /** The file's SHA-256 in lowercase hexadecimal. */
  readonly sha256?: string;
  /** SPDX. */
  readonly licence: string;
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
   * checkpoint.
   */
  readonly published: { readonly top1?: number; readonly top5?: number };
}

/** Rows of the table, by name. */
export type Rows = Readonly<Record<string, ZooEntry>>;

/** What the rows of a family share. */
type Family = Pick<ZooEntry, "family" | "paper" | "year">;

/** A row for ImageNet, without what it shares with others. */
interface Variant extends Pick<ZooEntry, "build" | "params" | "macs"> {
  /** 1 unless given. */
  readonly minSize?: number;
  /** {@link imagenet}(256, 224) unless given; its crop is the input's size. */
  readonly preprocess?: PreprocessOptions;
  readonly weights?: ZooEntry["weights"];
  /** Published accuracy, [top1, top5]. */
  readonly top?: readonly [number, number];
}

/** The rows of a family of networks for ImageNet. */
export function imagenetRows<T extends Readonly<Record<string, Variant>>>(
  family: Family,
  variants: T,
): { readonly [K in keyof T]: ZooEntry & Pick<T[K], "build"> } {
  const rows = Object.entries(variants).map(([name, { top, ...variant }]) => {
    const preprocess = variant.preprocess ?? imagenet(256, 224);
    const side = preprocess.crop as number;
    const published = top ? { top1: top[0], top5: top[1] } : {};
    const shared = { minSize: 1, input: [3, side, side], weights: {}, published, preprocess };
    return [name, { ...family, ...shared, ...variant }];
  });
  return Object.fromEntries(rows);
}

/** Preprocessing with the statistics of ImageNet: the shorter side to `resize`, then the square `crop`. */
export const imagenet = (
  resize: number,
  crop: number,
  interpolation: PreprocessOptions["interpolation"] = "bilinear",
): PreprocessOptions => ({
  resize,
  crop,
  interpolation,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
});
