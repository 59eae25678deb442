import type { Layer, Pair } from "./layers.js";

/**
 * What `print(layer)` shows in PyTorch 2, to the character, without a line break at the end.
 * A number prints as a number and a pair as a pair, as they were given.
 */
export function describe(layer: Layer): string {
  switch (layer.op) {
    case "module":
      return block(layer.type, Object.entries(layer.children));
    case "conv2d": {
      const { inChannels, outChannels, kernel, stride, padding, dilation, groups, bias } = layer;
      const parts = [`${inChannels}, ${outChannels}, kernel_size=${shown(kernel)}, stride=${shown(stride)}`];
      if (padding.some((side) => side !== 0)) parts.push(`padding=${shown(padding)}`);
      if (dilation.some((side) => side !== 1)) parts.push(`dilation=${shown(dilation)}`);
      if (groups !== 1) parts.push(`groups=${groups}`);
      if (!bias) parts.push("bias=False");
      return `Conv2d(${parts.join(", ")})`;
    }
    case "linear": {
      const { inFeatures, outFeatures, bias } = layer;
      return `Linear(in_features=${inFeatures}, out_features=${outFeatures}, bias=${shown(bias)})`;
    }
    case "relu":
      return layer.inplace ? "ReLU(inplace=True)" : "ReLU()";
    case "max_pool2d": {
      const { dilation, ceilMode } = layer;
      return `MaxPool2d(${window(layer)}, dilation=${shown(dilation)}, ceil_mode=${shown(ceilMode)})`;
    }
    case "avg_pool2d":
      return `AvgPool2d(${window(layer)})`;
    case "adaptive_avg_pool2d":
      return `AdaptiveAvgPool2d(output_size=${shown(layer.output)})`;
    case "dropout":
      return `Dropout(p=${float(layer.p)}, inplace=${shown(layer.inplace)})`;
    case "softmax":
      return `Softmax(dim=${layer.dim})`;
    case "flatten":
      return "Flatten(start_dim=1, end_dim=-1)";
  }
}

function block(type: string, children: readonly (readonly [string, Layer])[]): string {
  if (children.length === 0) return `${type}()`;
  const lines = children.map(([name, child]) => `(${name}): ${describe(child)}`.replaceAll("\n", "\n  "));
  return `${type}(\n  ${lines.join("\n  ")}\n)`;
}

const window = (layer: Extract<Layer, { op: "max_pool2d" | "avg_pool2d" }>): string =>
  `kernel_size=${shown(layer.kernel)}, stride=${shown(layer.stride)}, padding=${shown(layer.padding)}`;

function shown(value: number | boolean | Pair): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : `(${value[0]}, ${value[1]})`;
}

/** A float as Python writes it: 0.0, not 0; 1e-05, not 0.00001. */
function float(value: number): string {
  if (Number.isInteger(value)) return `${value}.0`;
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}
