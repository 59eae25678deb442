/** Layers as PyTorch printed them in 2017 (0.2), which is the form of the lecture's slides. */
import type { Leaf, MaxPool2d } from "../layers.js";
import { float, pair, shown } from "./values.js";

/** What the layer printed then; undefined for what prints the same today, and for what there was not. */
export function lectureForm(layer: Leaf): string | undefined {
  switch (layer.op) {
    case "linear":
      return `Linear (${layer.inFeatures} -> ${layer.outFeatures})`;
    case "activation": {
      const names: Partial<Record<typeof layer.kind, string>> = { relu: "ReLU", relu6: "ReLU6" };
      if (names[layer.kind]) return `${names[layer.kind]} (${layer.inplace ? "inplace" : ""})`;
      return { sigmoid: "Sigmoid ()", tanh: "Tanh ()" }[layer.kind as string];
    }
    case "prelu":
      return `PReLU (${layer.slopes})`;
    case "batch_norm2d": {
      const { channels, eps, momentum, affine } = layer;
      return `BatchNorm2d(${channels}, eps=${float(eps)}, momentum=${float(momentum)}, affine=${shown(affine)})`;
    }
    case "max_pool2d":
      return layer.padding === "same" ? undefined : `MaxPool2d (${maxPool(layer, layer.padding)})`;
    case "avg_pool2d": {
      const { kernel, stride, padding, ceilMode, countIncludePad } = layer;
      if (padding === "same") return undefined;
      const flags = `ceil_mode=${shown(ceilMode)}, count_include_pad=${shown(countIncludePad)}`;
      return `AvgPool2d (size=${shown(kernel)}, stride=${shown(stride)}, padding=${shown(padding)}, ${flags})`;
    }
    case "adaptive_avg_pool2d":
      return `AdaptiveAvgPool2d (output_size=${shown(layer.output)})`;
    case "adaptive_max_pool2d":
      return `AdaptiveMaxPool2d (output_size=${shown(layer.output)})`;
    case "dropout":
      return `Dropout (p = ${float(layer.p)}${layer.inplace ? ", inplace" : ""})`;
    case "softmax":
      return "Softmax ()";
    case "log_softmax":
      return "LogSoftmax ()";
    case "pad2d": {
      const [top, left, bottom, right] = layer.padding;
      return `ZeroPad2d (${left}, ${right}, ${top}, ${bottom})`;
    }
  }
  return undefined;
}

/** A padding in one direction only was not shown. */
function maxPool({ kernel, stride, dilation }: MaxPool2d, padding: Exclude<MaxPool2d["padding"], "same">) {
  const own = typeof padding !== "number" && padding.length === 4 ? 0 : padding;
  const padded = pair(own).includes(0) ? "" : `, padding=${shown(pair(own))}`;
  return `size=${shown(pair(kernel))}, stride=${shown(pair(stride))}${padded}, dilation=${shown(pair(dilation))}`;
}
