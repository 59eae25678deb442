import type { Activation, AvgPool2d, Layer, MaxPool2d, Pair } from "./layers.js";

/**
 * What `print(layer)` shows in PyTorch 2, to the character, without a line break at the end.
 * A number prints as a number and a pair as a pair, as they were given.
 */
export function describe(layer: Layer): string {
  switch (layer.op) {
    case "module": {
      // A parameter of the module itself is none of its children in PyTorch.
      const children = Object.entries(layer.children).filter(([, child]) => child.op !== "layer_scale");
      return layer.type === "ModuleList"
        ? block(layer.type, merged(children))
        : block(layer.type, named(children));
    }
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
      return `AvgPool2d${layer.padding === "same" ? "Same" : ""}(${window(layer)})`;
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

type Named = readonly (readonly [string, Layer])[];

function block(type: string, children: readonly string[]): string {
  const lines = children.map((text) => text.replaceAll("\n", "\n  "));
  return lines.length === 0 ? `${type}()` : `${type}(\n  ${lines.join("\n  ")}\n)`;
}

const named = (children: Named): string[] => children.map(([name, child]) => `(${name}): ${describe(child)}`);

/** The children of a ModuleList: equal neighbours are one line, with their numbers. */
function merged(children: Named): string[] {
  const runs: { text: string; from: number; to: number }[] = [];
  children.forEach(([, child], i) => {
    const text = describe(child);
    const last = runs.at(-1);
    if (last?.text === text) last.to = i;
    else runs.push({ text, from: i, to: i });
  });
  return runs.map(({ text, from, to }) =>
    from === to ? `(${from}): ${text}` : `(${from}-${to}): ${to - from + 1} x ${text}`,
  );
}

function window({ kernel, stride, padding }: MaxPool2d | AvgPool2d): string {
  if (padding === "same")
    return `kernel_size=${shown(pair(kernel))}, stride=${shown(pair(stride))}, padding=(0, 0)`;
  return `kernel_size=${shown(kernel)}, stride=${shown(stride)}, padding=${shown(padding)}`;
}

const pair = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

function shown(value: number | boolean | readonly number[]): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : `(${value.join(", ")})`;
}

/** A float as Python writes it: 0.0, not 0; 1e-05, not 0.00001. */
function float(value: number): string {
  if (Number.isInteger(value)) return `${value}.0`;
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}
