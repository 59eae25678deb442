/**
 * OverFeat's own way to a finer map (arXiv 1312.6229, section 3.3): the layers that stride last run once for each offset
 * of what they read, the rest of the network runs on each result, and the maps are interleaved. What is padded is padded
 * before it is shifted, which for a pooling without padding is the paper's.
 */
import type { Graph, GraphNode } from "../src/graph.js";
import { shapesOf } from "../src/shape.js";
import type { Tensor } from "../src/tensor.js";
import { interpret } from "./interpret.js";

type Strided = Extract<GraphNode, { stride: readonly [number, number] }>;

/** From the output back, the first nodes that stride: of a net in a row one, of branches one each. */
function lastStrided({ nodes, output }: Graph): ReadonlySet<number> {
  const found = new Set<number>();
  const seen = new Set<number>();
  const search = (id: number): void => {
    const node = nodes[id]!;
    if (seen.has(id) || node.op === "input") return;
    seen.add(id);
    if ("stride" in node && Math.max(...node.stride) > 1) found.add(id);
    else node.inputs.forEach(search);
  };
  search(output);
  return found;
}

/** The output of a convolutional graph that is not fine, on offsets of 0 to `fine` - 1 each way, interleaved. */
export function byOffsets(
  graph: Graph,
  input: Tensor,
  weights: ReadonlyMap<string, Tensor>,
  fine: number,
): { shape: readonly number[]; data: Float64Array } {
  const last = lastStrided(graph);
  const strides = [...last].flatMap((id) => (graph.nodes[id] as Strided).stride);
  if (strides.some((stride) => stride !== fine)) throw new Error(`strides ${strides} are not all ${fine}`);
  const maps = Array.from({ length: fine * fine }, (_, k) => {
    const [down, right] = [Math.floor(k / fine), k % fine];
    const nodes = graph.nodes.map((node, id): GraphNode => {
      if (!last.has(id)) return node;
      const { padding, ...rest } = node as Strided;
      return { ...rest, padding: [padding[0] - down, padding[1] - right, padding[2], padding[3]] };
    });
    const shifted = { ...graph, nodes };
    const shape = shapesOf(shifted, input.shape.slice(1))[graph.output]!;
    return { shape, data: interpret(shifted, input, weights)[graph.output]! };
  });
  const [channels = 0] = maps[0]!.shape;
  const height = sum(maps.filter((_, k) => k % fine === 0).map(({ shape }) => shape[1]!));
  const width = sum(maps.slice(0, fine).map(({ shape }) => shape[2]!));
  const data = new Float64Array(channels * height * width).fill(Number.NaN);
  for (const [k, { shape, data: map }] of maps.entries()) {
    const [, rows = 0, columns = 0] = shape;
    for (const [i, value] of map.entries()) {
      const [c, row, column] = [
        Math.floor(i / (rows * columns)),
        Math.floor(i / columns) % rows,
        i % columns,
      ];
      const [y, x] = [row * fine + Math.floor(k / fine), column * fine + (k % fine)];
      data[(c * height + y) * width + x] = value;
    }
  }
  return { shape: [channels, height, width], data };
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
