/** Branches of convolutions side by side, written as text, for the later Inception networks. */
import {
  avgPool2d,
  type Conv2dOptions,
  concat,
  type Layer,
  type Module,
  maxPool2d,
  module,
  type Pair,
  type Size,
  sequential,
} from "../layers.js";

/** Makes a layer for the channels that it reads, and says how many it gives. */
export type Stage = (from: number) => readonly [layer: Layer, channels: number];

/** Makes a convolution and what belongs to it: batch norm, activation. */
export type ConvBlock = (from: number, to: number, kernel: Size, options: Conv2dOptions) => Module;

/**
 * Convolutions in a row: "64 96:1x3 96:3/2" is 1 x 1 to 64 channels, 1 x 3 to 96, then 3 x 3 to 96 with stride 2.
 * One that says its stride has no padding, others keep the size. "avg" is a pooling that keeps the size, "max" one
 * that halves it. A single layer is itself, several are a Sequential.
 */
export const row =
  (conv: ConvBlock, text: string): Stage =>
  (from) => {
    let channels = from;
    const layers = text.split(" ").map((word): Layer => {
      if (word === "avg") return avgPool2d(3, { stride: 1, padding: 1, countIncludePad: false });
      if (word === "max") return maxPool2d(3, { stride: 2 });
      const [shape = "", stride] = word.split("/");
      const [to, size = "1"] = shape.split(":");
      const [rows = 1, columns = rows] = size.split("x").map(Number);
      const padding: Pair = stride ? [0, 0] : [(rows - 1) / 2, (columns - 1) / 2];
      const layer = conv(channels, Number(to), [rows, columns], { stride: Number(stride ?? 1), padding });
      channels = Number(to);
      return layer;
    });
    return [layers.length === 1 ? (layers[0] as Layer) : sequential(...layers), channels];
  };

/** The children branch0, branch1, ..., and how many channels they give in all. */
export function branches(conv: ConvBlock, from: number, texts: readonly string[]) {
  const made = texts.map((text) => row(conv, text)(from));
  const children = Object.fromEntries(made.map(([layer], i) => [`branch${i}`, layer]));
  const joined = concat(...Object.keys(children).map((name) => [name]));
  return { children, joined, channels: made.reduce((sum, [, channels]) => sum + channels, 0) };
}

/** A module of class `type` of branches, joined. */
export const inceptionBlock =
  (conv: ConvBlock, type: string, ...texts: readonly string[]): Stage =>
  (from) => {
    const { children, joined, channels } = branches(conv, from, texts);
    return [module(type, children, [joined]), channels];
  };

/** Stages one behind the other, under their names, and how many channels the last one gives. */
export function stack(from: number, stages: Readonly<Record<string, Stage>>) {
  const children: Record<string, Layer> = {};
  let channels = from;
  for (const [name, stage] of Object.entries(stages)) [children[name], channels] = stage(channels);
  return { children, channels };
}
