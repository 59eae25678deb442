import { pairOf } from "./check.js";
import { ConvzooError } from "./errors.js";
import type { Layer, Module, Net, Pair, Step } from "./layers.js";

/** Top, left, bottom, right. */
export type Sides = readonly [number, number, number, number];

interface At {
  /** Ids of the nodes it reads. */
  readonly inputs: readonly number[];
  /** Where it stands in the net; for a step that is no child, the path of the module that it is a step of. */
  readonly path: string;
}

/** A node of a {@link Graph}; its names are those of the JSON that the Rust core reads. */
export type GraphNode =
  | { readonly op: "input"; readonly channels: number }
  | (At & {
      readonly op: "conv2d";
      readonly in_channels: number;
      readonly out_channels: number;
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly padding: Sides;
      readonly dilation: Pair;
      readonly groups: number;
      readonly bias: boolean;
    })
  | (At & {
      readonly op: "max_pool2d";
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly padding: Sides;
      readonly dilation: Pair;
      readonly ceil_mode: boolean;
    })
  | (At & {
      readonly op: "avg_pool2d";
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly padding: Sides;
      readonly ceil_mode: boolean;
      readonly count_include_pad: boolean;
    })
  | (At & { readonly op: "adaptive_avg_pool2d"; readonly output: Pair })
  | (At & {
      readonly op: "linear";
      readonly in_features: number;
      readonly out_features: number;
      readonly bias: boolean;
    })
  | (At & { readonly op: "relu" | "flatten" | "softmax" | "concat" });

/** What a net computes: nodes in an order in which each reads earlier ones only. A node's id is its index. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  /** The id of the net's result. */
  readonly output: number;
  /**
   * The node that holds the output of each module and layer, by path. A layer that runs more than once has
   * the output of its last run here, one that never runs has none, a dropout has that of its input.
   */
  readonly paths: Readonly<Record<string, number>>;
}

/** A leaf layer as it ran: `node` holds its output. */
export interface Leaf {
  readonly path: string;
  readonly layer: Exclude<Layer, Module>;
  readonly node: number;
}

/**
 * The graph of a net, which is what crosses into the core. The same layer on the same input is one node.
 * Throws `bad-net` where a module's `forward` names a child that it lacks, or an operator is not known.
 */
export function lower(net: Net): Graph {
  return trace(net).graph;
}

/**
 * The graph of a net, and every run of a leaf layer that is a child (dropout too), in forward order. Throws
 * as `lower` does.
 */
export function trace(net: Net): { readonly graph: Graph; readonly leaves: readonly Leaf[] } {
  if (net?.op !== "module" || !Number.isInteger(net.inChannels))
    throw new ConvzooError("bad-net", "This is not a net: make one with net(...), or take one of the zoo.");
  const nodes: GraphNode[] = [{ op: "input", channels: net.inChannels }];
  const ids = new Map<string, number>();
  const paths = new Map<string, number>();
  const leaves = new Map<string, Leaf>();

  const add = (node: GraphNode): number => {
    const key = JSON.stringify(node);
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, nodes.length);
    return nodes.push(node) - 1;
  };
  const runLeaf = (layer: Exclude<Layer, Module>, path: string, input: number): number =>
    layer.op === "dropout" ? input : add(nodeOf(layer, path, input));
  const runChild = (layer: Layer, path: string, input: number): number => {
    const output =
      layer.op === "module" ? runSteps(layer, layer.forward, path, input) : runLeaf(layer, path, input);
    paths.set(path, output);
    if (layer.op !== "module") leaves.set(`${path} ${input}`, { path, layer, node: output });
    return output;
  };
  const runSteps = (owner: Module, steps: readonly Step[], path: string, input: number): number => {
    let at = input;
    for (const step of steps) {
      if (typeof step === "string") at = runChild(childOf(owner, step, path), join(path, step), at);
      else if (step.op === "concat") {
        const from = at;
        at = add({
          op: "concat",
          inputs: step.branches.map((branch) => runSteps(owner, branch, path, from)),
          path,
        });
      } else at = runLeaf(step, path, at);
    }
    return at;
  };

  const output = runSteps(net, net.forward, "", 0);
  return { graph: { nodes, output, paths: Object.fromEntries(paths) }, leaves: [...leaves.values()] };
}

/** The path of a child: a checkpoint key without the weight's own name. */
export const join = (path: string, name: string): string => (path === "" ? name : `${path}.${name}`);

function childOf(owner: Module, name: string, path: string): Layer {
  const child = Object.hasOwn(owner.children, name) ? owner.children[name] : undefined;
  if (child !== undefined) return child;
  throw new ConvzooError(
    "bad-net",
    `${owner.type}: forward names "${name}", which is not among its children.`,
    { node: path },
  );
}

function nodeOf(layer: Exclude<Layer, Module | { op: "dropout" }>, path: string, input: number): GraphNode {
  const at: At = { inputs: [input], path };
  switch (layer.op) {
    case "conv2d": {
      const { kernel, stride, dilation, groups, bias } = layer;
      const channels = { in_channels: layer.inChannels, out_channels: layer.outChannels };
      return {
        op: "conv2d",
        ...at,
        ...channels,
        kernel,
        stride,
        padding: sides(layer.padding),
        dilation,
        groups,
        bias,
      };
    }
    case "max_pool2d":
      return {
        op: "max_pool2d",
        ...at,
        ...windowOf(layer),
        dilation: pairOf(layer.dilation),
        ceil_mode: layer.ceilMode,
      };
    case "avg_pool2d":
      return {
        op: "avg_pool2d",
        ...at,
        ...windowOf(layer),
        ceil_mode: layer.ceilMode,
        count_include_pad: layer.countIncludePad,
      };
    case "adaptive_avg_pool2d":
      return { op: "adaptive_avg_pool2d", ...at, output: pairOf(layer.output) };
    case "linear":
      return {
        op: "linear",
        ...at,
        in_features: layer.inFeatures,
        out_features: layer.outFeatures,
        bias: layer.bias,
      };
    case "relu":
    case "flatten":
    case "softmax":
      return { op: layer.op, ...at };
    default: {
      const { op } = layer satisfies never as Layer;
      throw new ConvzooError(
        "bad-net",
        `${path}: no operator is called "${op}"; make layers with the builders.`,
        { node: path },
      );
    }
  }
}

const windowOf = (layer: Extract<Layer, { op: "max_pool2d" | "avg_pool2d" }>) => ({
  kernel: pairOf(layer.kernel),
  stride: pairOf(layer.stride),
  padding: sides(pairOf(layer.padding)),
});

const sides = ([rows, columns]: Pair): Sides => [rows, columns, rows, columns];
