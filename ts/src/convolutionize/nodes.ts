/** What is found in the graph before its net is rewritten: squeezes, and what gives its stride up for `fine`. */
import type { Graph, GraphNode } from "../graph.js";
import { refuse, same, WITHOUT } from "./value.js";

type Inner = Exclude<GraphNode, { op: "input" }>;

const inputsOf = (node: GraphNode | undefined): readonly number[] =>
  node === undefined || node.op === "input" ? [] : node.inputs;

/** The poolings to one cell whose result, whatever comes between, scales the very map that they read. */
export function squeezesOf({ nodes }: Graph): ReadonlySet<number> {
  const found = new Set<number>();
  for (const node of nodes) {
    if (node.op !== "mul") continue;
    const [scaled, factor] = node.inputs;
    const seen = new Set<number>();
    const search = (id: number): void => {
      const at = nodes[id];
      if (seen.has(id)) return;
      seen.add(id);
      if (at?.op === "adaptive_avg_pool2d" && same(at.output, [1, 1]) && at.inputs[0] === scaled)
        found.add(id);
      else for (const input of inputsOf(at)) search(input);
    };
    search(factor ?? 0);
  }
  return found;
}

/**
 * The last max-pooling that strides, and where branches beside it stride as well, what does so there. Throws
 * `not-convolutional` where there is none, or where a branch cannot give up as much.
 */
export function giversOf({ nodes }: Graph, needed: ReadonlySet<number>): ReadonlySet<number> {
  const last = nodes.findLastIndex((node, id) => {
    return node.op === "max_pool2d" && needed.has(id) && !same(node.stride, [1, 1]);
  });
  const pooling = nodes[last];
  if (pooling?.op !== "max_pool2d")
    return refuse("", `it has no max-pooling with a stride that fine could give up: ${WITHOUT}`);
  const givers = new Set([last]);
  const why = `what is joined with the result of ${pooling.path} cannot give up as much: ${WITHOUT}`;
  const seen = new Set<number>();
  const give = (id: number): void => {
    const node = nodes[id] as Inner | Extract<GraphNode, { op: "input" }>;
    if (seen.has(id)) return;
    seen.add(id);
    if (node.op === "input") refuse("", why);
    else if ("stride" in node && same(node.stride, pooling.stride)) givers.add(id);
    else if ("stride" in node && !same(node.stride, [1, 1])) refuse(node.path, why);
    else node.inputs.forEach(give);
  };
  // In order, since what gives lies before the joint that asks it to.
  const finer: boolean[] = [];
  const spread = (): void => {
    finer.length = 0;
    for (const [id, node] of nodes.entries())
      finer.push(givers.has(id) || inputsOf(node).some((input) => finer[input]));
  };
  spread();
  for (const [id, node] of nodes.entries()) {
    if (!needed.has(id) || !finer[id] || givers.has(id)) continue;
    const behind = inputsOf(node).filter((input) => !finer[input]);
    if (behind.length === 0) continue;
    behind.forEach(give);
    spread();
  }
  for (const id of givers) {
    const node = nodes[id] as Inner;
    if (node.inputs.some((input) => finer[input])) refuse(node.path, why);
  }
  return givers;
}
