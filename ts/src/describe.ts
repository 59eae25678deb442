import { show, withDefaults } from "./check.js";
import { lectureForm } from "./describe/lecture.js";
import { float, pair, shown } from "./describe/values.js";
import { ConvzooError } from "./errors.js";
import type { Activation, AvgPool2d, Layer, Leaf, MaxPool2d, Module } from "./layers.js";

export interface DescribeOptions {
  /**
   * `"pytorch"`, the default, is what `print(layer)` shows in PyTorch 2, to the character; `"lecture"` the shorter
   * print of 2017. As torchvision's networks of that year, that one has no pooling to a fixed size before the
   * classifier: `AdaptiveAvgPool2d` to more than one cell is left out.
   */
  readonly style?: "pytorch" | "lecture";
}

/**
 * A layer, or a net with all in it, as PyTorch prints it, without a line break at the end. A number prints as a
 * number and a pair as a pair, as they were given. Throws `bad-option`.
 */
export function describe(layer: Layer, options: DescribeOptions = {}): string {
  const { style } = withDefaults("describe", { style: "pytorch" }, options);
  if (style === "pytorch") return print(layer);
  if (style === "lecture") return then(layer);
  throw new ConvzooError(
    "bad-option",
    `describe: style must be "pytorch" or "lecture", but is ${show(style)}.`,
  );
}

/** What `String(net)` is. By itself, so that an application that only loads networks has no older form with it. */
export function print(layer: Layer): string {
  if (layer.op !== "module") return leaf(layer);
  const children = named(layer, print);
  const lines = layer.type === "ModuleList" ? merged(children) : children.map(line);
  return lines.length === 0 ? `${layer.type}()` : `${layer.type}(${indented(lines)})`;
}

const then = (layer: Layer): string => {
  if (layer.op !== "module") return lectureForm(layer) ?? leaf(layer);
  return `${layer.type} (${indented(named(layer, then).map(line))})`;
};

/** A layer without children in PyTorch 2. */
function leaf(layer: Leaf): string {
  switch (layer.op) {
    case "conv2d": {
      const { inChannels, outChannels, kernel, stride, padding, dilation, groups, bias } = layer;
      const strided = stride.some((side) => side !== 1);
      const parts = [`${inChannels}, ${outChannels}, kernel_size=${shown(kernel)}, stride=${shown(stride)}`];
      if (padding === "same") parts.push(...(strided ? [] : ["padding=same"]));
      else if (padding.length === 2 && padding.some((side) => side !== 0))
        parts.push(`padding=${shown(padding)}`);
      if (dilation.some((side) => side !== 1)) parts.push(`dilation=${shown(dilation)}`);
      if (groups !== 1) parts.push(`groups=${groups}`);
      if (!bias) parts.push("bias=False");
      return `Conv2d${padding === "same" && strided ? "Same" : ""}(${parts.join(", ")})`;
    }
    case "linear": {
      const { inFeatures, outFeatures, bias } = layer;
      return `Linear(in_features=${inFeatures}, out_features=${outFeatures}, bias=${shown(bias)})`;
    }
    case "activation":
      return `${ACTIVATIONS[layer.kind]}(${setting(layer)})`;
    case "prelu":
      return `PReLU(num_parameters=${layer.slopes})`;
    case "batch_norm2d": {
      const { channels, eps, momentum, affine } = layer;
      const flags = `affine=${shown(affine)}, bias=${shown(affine)}, track_running_stats=True`;
      return `BatchNorm2d(${channels}, eps=${float(eps)}, momentum=${float(momentum)}, ${flags})`;
    }
    case "layer_norm2d":
      return `${layer.type}((${layer.channels},), eps=${float(layer.eps)}, elementwise_affine=True, bias=True)`;
    case "local_response_norm": {
      const { size, alpha, beta, k } = layer;
      return `LocalResponseNorm(${size}, alpha=${float(alpha)}, beta=${float(beta)}, k=${float(k)})`;
    }
    case "max_pool2d": {
      const same = layer.padding === "same";
      const dilation = `dilation=${shown(same ? pair(layer.dilation) : layer.dilation)}`;
      return `MaxPool2d${same ? "Same" : ""}(${window(layer)}, ${dilation}, ceil_mode=${shown(layer.ceilMode)})`;
    }
    case "avg_pool2d":
      return `AvgPool2d${layer.padding === "same" ? "Same" : ""}(${window(layer)}${spread(layer)})`;
    case "adaptive_avg_pool2d":
      return `AdaptiveAvgPool2d(output_size=${shown(layer.output)})`;
    case "adaptive_max_pool2d":
      return `AdaptiveMaxPool2d(output_size=${shown(layer.output)})`;
    case "dropout":
      return `Dropout(p=${float(layer.p)}, inplace=${shown(layer.inplace)})`;
    case "stochastic_depth":
      return `StochasticDepth(p=${float(layer.p)}, mode=row)`;
    case "identity":
      return `${layer.type}()`;
    case "softmax":
      return `Softmax(dim=${layer.dim})`;
    case "log_softmax":
      return `LogSoftmax(dim=${layer.dim})`;
    case "flatten":
      return "Flatten(start_dim=1, end_dim=-1)";
    case "pad2d": {
      const [top, left, bottom, right] = layer.padding;
      return `ZeroPad2d((${left}, ${right}, ${top}, ${bottom}))`;
    }
    case "channel_shuffle":
      return `ChannelShuffle(groups=${layer.groups})`;
    // PyTorch has functions for these, and no layers.
    case "slice":
    case "pad_channels":
    case "affine":
    case "layer_scale":
      return `${layer.op}()`;
  }
}

const ACTIVATIONS: Readonly<Record<Activation["kind"], string>> = {
  relu: "ReLU",
  relu6: "ReLU6",
  hardswish: "Hardswish",
  hardsigmoid: "Hardsigmoid",
  sigmoid: "Sigmoid",
  silu: "SiLU",
  gelu: "GELU",
  tanh: "Tanh",
};

function setting({ kind, inplace }: Activation): string {
  if (kind === "gelu") return "approximate='none'";
  return inplace && ["relu", "relu6", "silu"].includes(kind) ? "inplace=True" : "";
}

/** The children's names and prints. */
type Named = readonly (readonly [name: string, text: string])[];

function named(module: Module, print: (layer: Layer) => string): Named {
  return Object.entries(module.children).flatMap(([name, child]) => {
    // A parameter of the module itself is none of its children in PyTorch.
    if (child.op === "layer_scale" || (print === then && isFixedSize(child))) return [];
    return [[name, print(child)]];
  });
}

/** AlexNet's and VGG's pooling before the classifier, which came in 2018. */
const isFixedSize = (layer: Layer): boolean =>
  layer.op === "adaptive_avg_pool2d" && pair(layer.output).some((side) => side > 1);

const line = ([name, text]: Named[number]): string => `(${name}): ${text}`;

const indented = (lines: readonly string[]): string =>
  `${lines.map((text) => `\n  ${text.replaceAll("\n", "\n  ")}`).join("")}\n`;

/** The children of a ModuleList: equal neighbours are one line, with their numbers. */
function merged(children: Named): string[] {
  const runs: { text: string; from: number; to: number }[] = [];
  children.forEach(([, text], i) => {
    const last = runs.at(-1);
    if (last?.text === text) last.to = i;
    else runs.push({ text, from: i, to: i });
  });
  return runs.map(({ text, from, to }) =>
    from === to ? `(${from}): ${text}` : `(${from}-${to}): ${to - from + 1} x ${text}`,
  );
}

/** PyTorch has no dilated average, so a plain one shows none. */
const spread = ({ dilation }: AvgPool2d): string =>
  pair(dilation).some((side) => side !== 1) ? `, dilation=${shown(dilation)}` : "";

function window({ kernel, stride, padding }: MaxPool2d | AvgPool2d): string {
  if (padding === "same")
    return `kernel_size=${shown(pair(kernel))}, stride=${shown(pair(stride))}, padding=(0, 0)`;
  // As four numbers it is F.pad's before the pooling, and in no print.
  const own = typeof padding !== "number" && padding.length === 4 ? 0 : padding;
  return `kernel_size=${shown(kernel)}, stride=${shown(stride)}, padding=${shown(own)}`;
}
