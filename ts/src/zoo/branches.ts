/** Branches of convolutions side by side, written as text, for the later Inception networks. */
import {
  avgPool2d,
  type Conv2dOptions,
  concat,
  type Join,
  type Layer,
  type Module,
  maxPool2d,
  type Pair,
  type Size,
  sequential,
} from "../layers.js";

/** Makes a convolution and what belongs to it: batch norm, activation. */
export type ConvBlock = (from: number, to: number, kernel: Size, options?: Conv2dOptions) => Module;

/**
 * Convolutions in a row, and how many channels they give: "64 96:1x3 96:3/2" is 1 x 1 to 64 channels, 1 x 3 to 96,
 * then 3 x 3 to 96 with stride 2. One that says its stride has no padding, others keep the size. "avg" is a pooling
 * that keeps the size, "max" one that halves it. A single layer is itself, several are a Sequential.
 */
export function branch(conv: ConvBlock, from: number, text: string): [layer: Layer, channels: number] {
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
}

/** Children branch0, branch1, ... that all read the same, how they are joined, and how many channels that gives. */
export function branches(conv: ConvBlock, from: number, texts: readonly string[]) {
  const children: Record<string, Layer> = {};
  let channels = 0;
  for (const [i, text] of texts.entries()) {
    const [layer, to] = branch(conv, from, text);
    children[`branch${i}`] = layer;
    channels += to;
  }
  const joined: Join = concat(...Object.keys(children).map((name) => [name]));
  return { children, joined, channels };
}
