import type { GraphNode } from "./graph.js";
import { join } from "./graph.js";
import type { Layer, Leaf, Net } from "./layers.js";

/** What a checkpoint must hold under a key. */
export interface StateEntry {
  readonly shape: readonly number[];
  /** Of a convolution made of a Linear: that one's weight, [out, in], which does as well. */
  readonly linear?: readonly number[];
}

/**
 * Every key that a checkpoint of this net holds, with its shape, in the order of PyTorch's `state_dict()`; but not
 * `num_batches_tracked`, which some checkpoints lack and nothing here needs. Layers that never run have theirs too.
 */
export function stateShapes(net: Net): ReadonlyMap<string, StateEntry> {
  const entries = new Map<string, StateEntry>();
  const visit = (layer: Layer, path: string): void => {
    if (layer.op === "module")
      for (const [name, child] of Object.entries(layer.children)) visit(child, join(path, name));
    else
      for (const [name, shape] of ownShapes(layer)) {
        const linear = layer.op === "conv2d" && name === "weight" ? layer.linear : undefined;
        entries.set(join(path, name), linear ? { shape, linear } : { shape });
      }
  };
  visit(net, "");
  return entries;
}

/**
 * The weights of one layer by their own names ("weight", "bias"), in PyTorch's order. A parameter whose key is the
 * layer's path has the empty name.
 */
export function ownShapes(layer: Leaf): readonly (readonly [string, readonly number[]])[] {
  const named = (weight: readonly number[], rest: readonly string[]) =>
    [["weight", weight], ...rest.map((name) => [name, weight.slice(0, 1)] as const)] as const;
  switch (layer.op) {
    case "conv2d":
      return named(
        [layer.outChannels, layer.inChannels / layer.groups, ...layer.kernel],
        layer.bias ? ["bias"] : [],
      );
    case "linear":
      return named([layer.outFeatures, layer.inFeatures], layer.bias ? ["bias"] : []);
    case "batch_norm2d":
      return named([layer.channels], ["bias", ...STATISTICS]).slice(layer.affine ? 0 : 2);
    case "layer_norm2d":
      return named([layer.channels], ["bias"]);
    case "prelu":
      return named([layer.slopes], []);
    case "layer_scale":
      return [["", [layer.channels, 1, 1]]];
    default:
      return [];
  }
}

/** A batch norm's buffers: in checkpoints, but none of PyTorch's `parameters()`. */
const STATISTICS: readonly string[] = ["running_mean", "running_var"];

/** How many parameters these weights are, each with its own name. */
export function countParameters(weights: Iterable<readonly [string, readonly number[]]>): number {
  let count = 0;
  for (const [name, shape] of weights)
    if (!STATISTICS.includes(name)) count += shape.reduce((a, b) => a * b, 1);
  return count;
}

/** What PyTorch's `parameters()` of this net count, layers that never run too. */
export function parameterCount(net: Net): number {
  const weights = [...stateShapes(net)].map(
    ([key, { shape }]) => [key.split(".").at(-1) ?? "", shape] as const,
  );
  return countParameters(weights);
}

/** The keys of the weights that the core wants for a node, in its order. */
export function weightKeys(node: GraphNode): readonly string[] {
  const names = (): readonly string[] => {
    switch (node.op) {
      case "conv2d":
      case "linear":
        return node.bias ? ["weight", "bias"] : ["weight"];
      case "batch_norm2d":
        return [...(node.affine ? ["weight", "bias"] : []), ...STATISTICS];
      case "layer_norm2d":
        return ["weight", "bias"];
      case "prelu":
        return ["weight"];
      case "layer_scale":
        return [""];
      default:
        return [];
    }
  };
  return node.op === "input" ? [] : names().map((name) => join(node.path, name));
}
