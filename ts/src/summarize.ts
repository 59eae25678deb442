import { neededBy, trace } from "./graph.js";
import type { Leaf, Net } from "./layers.js";
import { type Shape, shapesOf } from "./shape.js";
import { countParameters, ownShapes, parameterCount } from "./state.js";

/** One run of a leaf layer. `op` is the graph's name of the operator, or the kind of an activation. */
export interface SummaryRow {
  readonly path: string;
  readonly op: string;
  /** The shape of its output, without the batch. */
  readonly output: readonly number[];
  /** Its weights; 0 where an earlier row has counted them, in a net that runs a layer twice. */
  readonly params: number;
  /** Multiply-adds for one image, of convolutions and linear layers only; biases are not counted. */
  readonly macs: number;
  /** Of its output, in float32. */
  readonly bytes: number;
}

/**
 * What {@link summarize} gives. The rows are what the net's output needs; `params` counts auxiliary heads and layers
 * that never run too, as PyTorch's `parameters()` does; `bytes` is the sum, as if every output were kept.
 */
export interface Summary {
  readonly rows: readonly SummaryRow[];
  readonly params: number;
  readonly macs: number;
  readonly bytes: number;
}

/** What a GPU is given for a network; all but the work is in bytes. */
export interface GpuSteps {
  /** One a dispatch, in the order of a run. `output` is [N, C, H, W]; `products` are the multiplications that its algorithm needs. */
  readonly steps: readonly {
    readonly path: string;
    readonly op: string;
    readonly algorithm: string;
    readonly output: readonly number[];
    readonly macs: number;
    readonly products: number;
    readonly reads: number;
    readonly writes: number;
  }[];
  /** What all of them read and write, and what the network must read and write if each layer's map is read and written once. */
  readonly traffic: number;
  readonly leastTraffic: number;
  /** The buffers for maps, and the maps that are alive together where they are most. */
  readonly maps: number;
  readonly leastMaps: number;
  readonly weights: number;
}

/** A summary with what a GPU is given. */
export interface GpuSummary extends Summary {
  readonly gpu: GpuSteps;
}

/** `summarize`, which of a platform tells what its GPU would be given, too. */
export interface Summarize {
  (net: Net, input: readonly number[]): Summary;
  /**
   * With what a GPU would be given: its dispatches, and what they read and write. Needs no GPU, but the core: rejects with
   * `bad-wasm` and `unsupported` too.
   */
  (net: Net, input: readonly number[], options: { readonly device: "webgpu" }): Promise<GpuSummary>;
}

/** `summarize` of a platform. */
export function summarizeBy(steps: (net: Net, input: readonly number[]) => Promise<GpuSteps>): Summarize {
  return ((net: Net, input: readonly number[], options?: { readonly device: "webgpu" }) => {
    const summary = summarize(net, input);
    if (options?.device !== "webgpu") return summary;
    return steps(net, input).then((gpu) => ({ ...summary, gpu }));
  }) as Summarize;
}

/**
 * Leaf layers in the order in which they run, with output shapes, parameters and multiply-adds, for one image
 * [C, H, W]. Throws `bad-shape` where the net cannot take that size (see {@link shapesOf}), and `bad-net`.
 */
export function summarize(net: Net, input: readonly number[]): Summary {
  const { graph, runs } = trace(net);
  const shapes = shapesOf(graph, input);
  const needed = neededBy(graph, [graph.output]);
  const counted = new Set<string>();
  const rows = runs
    .filter(({ node }) => needed.has(node))
    .map(({ path, layer, node }): SummaryRow => {
      const output = shapes[node] ?? [];
      const params = counted.has(path) ? 0 : countParameters(ownShapes(layer));
      counted.add(path);
      const op = layer.op === "activation" ? layer.kind : layer.op;
      return { path, op, output, params, macs: macsOf(layer, output), bytes: 4 * product(output) };
    });
  const [macs, bytes] = [sum(rows.map((row) => row.macs)), sum(rows.map((row) => row.bytes))];
  return { rows, params: parameterCount(net), macs, bytes };
}

/**
 * A summary as a table for a terminal: a head, a line a row, and the totals; what a GPU is given is a second table. No line
 * break at the end.
 */
export function formatSummary(summary: Summary | GpuSummary): string {
  const layers = rule([
    ["layer", "op", "output", "params", "macs"],
    ...summary.rows.map(({ path, op, output, params, macs }) => [
      path,
      op,
      output.join(" x "),
      count(params),
      count(macs),
    ]),
    ["total", "", "", count(summary.params), count(summary.macs)],
  ]);
  if (!("gpu" in summary)) return layers;
  const { steps, traffic, leastTraffic, maps, leastMaps, weights } = summary.gpu;
  const dispatches = rule([
    ["dispatch", "op", "output", "products", "bytes"],
    ...steps.map(({ path, op, algorithm, output, products, reads, writes }) => [
      path,
      algorithm ? `${op}, ${algorithm}` : op,
      output.join(" x "),
      count(products),
      count(reads + writes),
    ]),
    [`${steps.length} in all`, "", "", count(sum(steps.map(({ products }) => products))), count(traffic)],
  ]);
  const times = (a: number, b: number) => `${(a / b).toFixed(2)} times the least`;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const notes = [
    `read and written: ${mib(traffic)}, ${times(traffic, leastTraffic)}`,
    `buffers: ${mib(maps)} of maps, ${times(maps, leastMaps)}, and ${mib(weights)} of weights`,
  ];
  return [layers, dispatches, notes.join("\n")].join("\n\n");
}

/** Rows as columns, with a line under the first and above the last. */
function rule(lines: readonly (readonly string[])[]): string {
  const widths =
    lines[0]?.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0))) ?? [];
  const table = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column < 3 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  const line = "-".repeat(sum(widths) + 2 * (widths.length - 1));
  return [table[0], line, ...table.slice(1, -1), line, table.at(-1)].join("\n");
}

function macsOf(layer: Leaf, output: Shape): number {
  if (layer.op === "conv2d")
    return (product(output) * layer.inChannels * product(layer.kernel)) / layer.groups;
  return layer.op === "linear" ? product(output) * layer.inFeatures : 0;
}

const count = (value: number): string => (value === 0 ? "-" : value.toLocaleString("en-US"));
const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
