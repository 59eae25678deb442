/** A network on its way into the core: its graph, then its weights in pieces. */
import type { Graph, GraphNode } from "../graph.js";
import type { LoadOptions, Precision } from "../load.js";
import { weightKeys } from "../state.js";
import { elementCount, toFloat32 } from "../weights/dtype.js";
import { hasParts } from "../weights/parts.js";
import type { StoredTensor, StoredWeights } from "../weights/stored.js";
import { tileHeight } from "./flavour.js";
import type { Host } from "./host.js";
import type { Tuning } from "./protocol.js";
import type { GpuLimits, GpuNetwork, Upload } from "./webgpu/recording.js";

/** Floats of a piece of weights: what is on its way is held twice, so pieces are small. */
const PIECE = 1 << 19;
/** Rows that the core packs together. */
const ROWS = 16;

/** What is sent with, of `load`'s options and beside them. */
export interface SendOptions
  extends Pick<LoadOptions, "winograd" | "tune" | "precision" | "signal" | "onProgress"> {
  /** Height and width of the inputs to expect. */
  readonly size: readonly [number, number];
  readonly gpu?: Receiver;
}

/** A GPU that is to hold what the core makes of the graph and the weights. */
export interface Receiver {
  readonly limits: GpuLimits;
  /** Comes first. */
  begin(network: GpuNetwork): void;
  /** Takes what was packed of the weights of the layer of this path, and lets the next come. */
  take(uploads: readonly Upload[], path: string): Promise<void>;
}

/**
 * Sends the graph, then the weights piece by piece: the other side packs one while the next is on its way. Gives the tuning
 * that the model uses, if it uses one.
 */
export async function send(
  host: Host,
  graph: Graph,
  weights: StoredWeights,
  { size, winograd = true, tune = false, precision, signal, onProgress, gpu }: SendOptions,
): Promise<Tuning | undefined> {
  const stored = graph.nodes.map((node) => ({ ...node, storage: storageOf(node, weights, precision) }));
  // Paths are for this side.
  const nodes = JSON.stringify({ nodes: stored, output: graph.output });
  const known = typeof tune === "object" ? tune : undefined;
  const height = tileHeight(host.place.core);
  const about = { graph: nodes, size, winograd, height, tuning: known, limits: gpu?.limits };
  const network = await host.call("network", about, { signal });
  if (network) gpu?.begin(network);
  const tuning = tune === true ? await host.call("tune", {}, { signal }) : known;
  // The last piece that was sent: it is packed while the next one is read and copied.
  let packed: Promise<void> | undefined;
  const layers = graph.nodes.flatMap((node, id) => {
    const keys = weightKeys(node);
    return keys.length > 0 ? [{ id, node, keys }] : [];
  });
  for (const [i, { id, node, keys }] of layers.entries()) {
    const tensors = keys.map((key) => weights.get(key)!);
    const isSum = node.op === "conv2d" || node.op === "linear";
    const [shape] = tensors.map((tensor) => tensor.shape);
    const rows = isSum ? shape![0]! : 1;
    const parts = await partsOf(isSum ? tensors.slice(0, 1) : tensors);
    const bias = isSum && tensors[1] ? toFloat32(await tensors[1].read()).slice() : undefined;
    const depth = parts.length / rows;
    const step = rowsOf(depth);
    for (let first = 0; first < rows; first += step) {
      const piece = await parts.read(first * depth, Math.min(first + step, rows) * depth);
      const args = { node: id, first, weight: piece, bias: first === 0 ? bias : undefined };
      await packed;
      const made = host.call("load", args, { signal, transfer: [piece.buffer] });
      packed = made.then((uploads) => (uploads ? gpu?.take(uploads, pathOf(node)) : undefined));
      // It may fail while the next piece is read, before anybody waits for it.
      packed.catch(() => undefined);
    }
    onProgress?.({ phase: "pack", loaded: i + 1, total: layers.length });
  }
  await packed;
  return tuning;
}

/** Floats one tensor behind the other, read where they are wanted if that can be; each read is an array to give away. */
async function partsOf(
  tensors: readonly StoredTensor[],
): Promise<{ readonly length: number; read(begin: number, end: number): Promise<Float32Array> }> {
  const [first] = tensors;
  if (tensors.length === 1 && hasParts(first!)) {
    const read = async (begin: number, end: number) => {
      const part = await first.part(begin, end);
      const floats = toFloat32(part);
      return first.fresh || floats !== part.data ? floats : floats.slice();
    };
    return { length: elementCount(first.shape), read };
  }
  const all: Float32Array[] = [];
  for (const tensor of tensors) all.push(toFloat32(await tensor.read()));
  const whole = all.length === 1 ? all[0]! : joined(all);
  return { length: whole.length, read: async (begin, end) => whole.slice(begin, end) };
}

/** Rows of `depth` numbers that make a piece: as many as are packed together, where it is more than that. */
function rowsOf(depth: number): number {
  const rows = Math.max(1, Math.floor(PIECE / depth));
  return rows > ROWS ? rows - (rows % ROWS) : rows;
}

/** Arrays one behind the other. */
function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

const pathOf = (node: GraphNode): string => (node.op === "input" ? "" : node.path);

/** How the core is to keep a node's weights, where that is not as float32. */
function storageOf(
  node: GraphNode,
  weights: ReadonlyMap<string, { readonly dtype: string }>,
  precision: Precision | undefined,
): Precision | undefined {
  if (node.op !== "conv2d" && node.op !== "linear") return undefined;
  if (precision) return precision;
  // For one image a linear layer takes as long as its weights take to be read, and halves become the same floats.
  const [key] = weightKeys(node);
  return node.op === "linear" && weights.get(key!)!.dtype === "f16" ? "float16" : undefined;
}
