import { ConvzooError } from "./errors.js";
import { type GraphNode, nodeOf } from "./graph/node.js";
import { layerAt } from "./layers/path.js";
import type { Layer, Leaf, Module, Net, Step } from "./layers.js";

export { type GraphNode, nodeOf } from "./graph/node.js";

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
export interface Run {
  readonly path: string;
  readonly layer: Leaf;
  readonly node: number;
}

/**
 * The graph of a net, which is what crosses into the core. The same layer on the same input is one node.
 * Throws `bad-net` where a module's `forward` names a child that it lacks, takes a value that nothing kept, or an
 * operator is not known.
 */
export function lower(net: Net): Graph {
  return trace(net).graph;
}

/** What {@link trace} gives; `idOf` is the id of a node that is in the graph. */
export interface Trace {
  readonly graph: Graph;
  readonly runs: readonly Run[];
  readonly idOf: (node: GraphNode) => number;
}

/**
 * The graph of a net, and every run of a leaf layer that is a child (dropout too), in forward order. Throws
 * as `lower` does.
 */
export function trace(net: Net): Trace {
  if (net?.op !== "module" || !Number.isInteger(net.inChannels))
    throw new ConvzooError("bad-net", "This is not a net: make one with net(...), or take one of the zoo.");
  const nodes: GraphNode[] = [{ op: "input", channels: net.inChannels }];
  const ids = new Map<string, number>();
  const paths = new Map<string, number>();
  const runs = new Map<string, Run>();

  const node = (made: GraphNode): number => {
    const key = JSON.stringify(made);
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, nodes.length);
    return nodes.push(made) - 1;
  };
  const runLeaf = (layer: Leaf, path: string, input: number): number => {
    const made = nodeOf(layer, path, input);
    return made ? node(made) : input;
  };
  const runChild = (layer: Layer, path: string, input: number, kept: Map<string, number>): number => {
    const isModule = layer.op === "module";
    const output = isModule ? runSteps(layer, layer.forward, path, input, kept) : runLeaf(layer, path, input);
    paths.set(path, output);
    if (!isModule) runs.set(`${path} ${input}`, { path, layer, node: output });
    return output;
  };
  const runSteps = (
    owner: Module,
    steps: readonly Step[],
    path: string,
    input: number,
    kept: Map<string, number>,
  ): number => {
    const fail = (problem: string): never => {
      throw new ConvzooError("bad-net", `${owner.type}: forward ${problem}.`, { node: path });
    };
    const child = (name: string): Layer =>
      layerAt(owner, name) ?? fail(`names "${name}", which is not among its children`);
    const keptAs = (name: string): number =>
      kept.get(name) ?? fail(`takes "${name}", but no earlier step keeps a value of that name`);
    let at = input;
    for (const step of steps) {
      if (typeof step === "string") at = runChild(child(step), join(path, step), at, new Map());
      else
        switch (step.op) {
          case "concat":
          case "add":
          case "mul": {
            const inputs = step.branches.map((branch) => runSteps(owner, branch, path, at, kept));
            at = node({ op: step.op, inputs, path });
            break;
          }
          case "keep":
            kept.set(step.name, at);
            break;
          case "take":
            at = keptAs(step.name);
            break;
          case "call": {
            const values = Object.entries(step.values).map(([name, here]) => [name, keptAs(here)] as const);
            at = runChild(child(step.child), join(path, step.child), at, new Map(values));
            break;
          }
          default:
            at = runLeaf(step, path, at);
        }
    }
    return at;
  };

  const output = runSteps(net, net.forward, "", 0, new Map());
  const idOf = (made: GraphNode): number => ids.get(JSON.stringify(made)) as number;
  return { graph: { nodes, output, paths: Object.fromEntries(paths) }, runs: [...runs.values()], idOf };
}

/** The ids of the nodes that `outputs` are computed from, themselves among them. */
export function neededBy(graph: Graph, outputs: readonly number[]): ReadonlySet<number> {
  const needed = new Set(outputs);
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    const node = graph.nodes[id];
    if (needed.has(id) && node && node.op !== "input") for (const input of node.inputs) needed.add(input);
  }
  return needed;
}

/** The path of a child: a checkpoint key without the weight's own name. */
export const join = (path: string, name: string): string => (path && name ? `${path}.${name}` : path || name);
