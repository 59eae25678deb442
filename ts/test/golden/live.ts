/** The most that a network's maps take at any moment of a run, counted from its graph: not as the core plans it. */
import { lower } from "../../src/graph.js";
import type { Net } from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";

/** What may write over its first input, or lie where that lies. */
const IN_PLACE = new Set(["activation", "add", "affine", "batch_norm2d", "flatten", "layer_scale", "mul"]);

/** Bytes, for one input of [C, H, W], layer after layer. A map lives from the step that writes it to the last that reads it. */
export function liveBytes(net: Net, input: readonly number[]): number {
  const graph = lower(net);
  const { nodes } = graph;
  const shapes = shapesOf(graph, input);
  const inputs = nodes.map((node) => ("inputs" in node ? node.inputs : []));
  // The map in which each node's output lies, by the node that made it. A concat's inputs lie in its output: it is what they are
  // together, and has no floats of its own.
  const maps: number[] = [];
  for (const [i, { op }] of nodes.entries()) maps[i] = IN_PLACE.has(op) ? maps[inputs[i]![0]!]! : i;
  const last: number[] = [];
  const uses = (map: number, at: number) => {
    last[map] = Math.max(last[map] ?? 0, at);
  };
  const readers = (i: number): number[] => nodes.flatMap((_, at) => (inputs[at]!.includes(i) ? [at] : []));
  const endOf = (i: number): number =>
    Math.max(i, ...readers(i).map((at) => (nodes[at]!.op === "concat" ? endOf(at) : at)));
  for (const i of nodes.keys()) uses(maps[i]!, endOf(i));
  const floats = (map: number) =>
    nodes[map]!.op === "concat" ? 0 : shapes[map]!.reduce((product, side) => product * side, 1);
  const alive = (at: number) =>
    [...new Set(maps)]
      .filter((map) => map <= at && at <= last[map]!)
      .reduce((sum, map) => sum + floats(map), 0);
  return 4 * Math.max(...[...nodes.keys()].map(alive));
}
