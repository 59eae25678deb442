/** Which part of its input each cell of a graph's maps sees: receptive fields, one direction at a time. */
import { ConvzooError } from "../errors.js";
import { type Graph, type GraphNode, neededBy } from "../graph.js";
import type { Shape } from "../shape.js";

/** Cell i of a map sees the pixels from `i * stride + first` to `i * stride + last`, both included. */
export interface Field {
  readonly stride: number;
  readonly first: number;
  readonly last: number;
}

/** The output map along rows or columns. */
export interface FieldAxis extends Field {
  /** Pixels of the input, cells of the output. */
  readonly extent: number;
  readonly count: number;
  /** What every map's stride divides: an input cut at its multiples gives maps that are cuts of the whole ones. */
  readonly align: number;
}

/** The fields of the output's cells along rows and columns. */
export interface Fields {
  readonly rows: FieldAxis;
  readonly columns: FieldAxis;
  /** The first layer that sees its whole input at once (a squeeze-excite's pooling), by which each cell sees it too. */
  readonly whole?: string;
}

/** A value without place: every part of what was pooled to it is in it. */
const PLACELESS: Field = { stride: 0, first: 0, last: 0 };

/**
 * The fields of the graph's output; `shapes` are those of its nodes at the input's size. Throws `bad-net` where branches of
 * different strides meet.
 */
export function fieldsOf(graph: Graph, shapes: readonly (Shape | undefined)[]): Fields {
  const needed = neededBy(graph, [graph.output]);
  let whole: string | undefined;
  const along = (axis: 0 | 1): FieldAxis => {
    const fields: Field[] = [];
    let align = 1;
    for (const [id, node] of graph.nodes.entries()) {
      if (!needed.has(id)) fields.push(PLACELESS);
      else if (node.op === "input") fields.push({ stride: 1, first: 0, last: 0 });
      else if (node.op === "adaptive_avg_pool2d" || node.op === "adaptive_max_pool2d") {
        whole ??= node.path;
        fields.push(PLACELESS);
      } else {
        const input = join(
          node,
          node.inputs.map((from) => fields[from]!),
        );
        fields.push(step(node, input, shapes[node.inputs[0]!]?.[1 + axis] ?? 1, axis));
      }
      align = leastCommonMultiple(align, fields[id]!.stride || 1);
    }
    const extent = shapes[0]?.[1 + axis] ?? 1;
    return { ...fields[graph.output]!, extent, count: shapes[graph.output]?.[1 + axis] ?? 1, align };
  };
  const [rows, columns] = [along(0), along(1)];
  return { rows, columns, ...(whole !== undefined && { whole }) };
}

type Inner = Exclude<GraphNode, { op: "input" }>;

function join(node: Inner, inputs: readonly Field[]): Field {
  const placed = inputs.filter(({ stride }) => stride > 0);
  const [one, ...others] = placed;
  if (!one) return PLACELESS;
  if (others.some(({ stride }) => stride !== one.stride)) {
    const message = `${node.path}: ${node.op} joins maps of different strides, so its cells have no one place in the image.`;
    throw new ConvzooError("bad-net", message, { node: node.path });
  }
  return {
    stride: one.stride,
    first: Math.min(...placed.map(({ first }) => first)),
    last: Math.max(...placed.map(({ last }) => last)),
  };
}

/** The field of a node's cells; `size` is that of its input. */
function step(node: Inner, { stride, first, last }: Field, size: number, axis: 0 | 1): Field {
  if (node.op === "pad2d") {
    const [before, after] = [node.padding[axis], node.padding[axis + 2]!];
    // What is cut off counts as seen, since without it the cut would take other cells.
    return {
      stride,
      first: first - Math.max(0, before) * stride,
      last: last + (Math.max(0, -after) - before) * stride,
    };
  }
  if (node.op !== "conv2d" && node.op !== "max_pool2d" && node.op !== "avg_pool2d")
    return { stride, first, last };
  const dilation: number = "dilation" in node ? (node.dilation as readonly number[])[axis]! : 1;
  const reach = dilation * (node.kernel[axis] - 1);
  const by = node.stride[axis];
  // TensorFlow's SAME: what the last window lacks, its smaller half in front.
  const lacking = Math.max(0, (Math.ceil(size / by) - 1) * by + reach + 1 - size);
  const before = node.same ? Math.floor(lacking / 2) : node.padding[axis];
  return { stride: stride * by, first: first - before * stride, last: last + (reach - before) * stride };
}

function leastCommonMultiple(a: number, b: number): number {
  const divisor = (m: number, n: number): number => (n === 0 ? m : divisor(n, m % n));
  return (a / divisor(a, b)) * b;
}
