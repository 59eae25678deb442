import { join } from "./graph.js";
import type { Layer, Net } from "./layers.js";

/** What a checkpoint must hold under a key. */
export interface StateEntry {
  readonly shape: readonly number[];
}

/**
 * Every key that a checkpoint of this net holds, with its shape, in the order of PyTorch's `state_dict()`.
 * Layers that never run (auxiliary heads) have theirs too.
 */
export function stateShapes(net: Net): ReadonlyMap<string, StateEntry> {
  const entries = new Map<string, StateEntry>();
  const visit = (layer: Layer, path: string): void => {
    if (layer.op === "module")
      for (const [name, child] of Object.entries(layer.children)) visit(child, join(path, name));
    else for (const [name, shape] of ownShapes(layer)) entries.set(join(path, name), { shape });
  };
  visit(net, "");
  return entries;
}

/** The weights of one layer by their own names ("weight", "bias"), in PyTorch's order. */
export function ownShapes(layer: Layer): readonly (readonly [string, readonly number[]])[] {
  switch (layer.op) {
    case "conv2d":
      return weightAndBias([layer.outChannels, layer.inChannels / layer.groups, ...layer.kernel], layer.bias);
    case "linear":
      return weightAndBias([layer.outFeatures, layer.inFeatures], layer.bias);
    default:
      return [];
  }
}

const weightAndBias = (
  weight: readonly [number, ...number[]],
  bias: boolean,
): [string, readonly number[]][] =>
  bias
    ? [
        ["weight", weight],
        ["bias", [weight[0]]],
      ]
    : [["weight", weight]];
