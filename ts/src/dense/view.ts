/** The fully convolutional form of a model's network, over the weights that the model holds already. */
import type { Host } from "../backend/host.js";
import { convolutionize } from "../convolutionize.js";
import { ConvzooError } from "../errors.js";
import { type Graph, lower, neededBy } from "../graph.js";
import type { Net } from "../layers.js";
import { shapesOf, smallestSide } from "../shape.js";

/** How a network is made fully convolutional; see `convolutionize`. */
export interface ViewOptions {
  readonly pooling?: "window" | "cell";
  readonly fine?: boolean;
}

/** A graph over the model's weights. */
export interface View {
  readonly graph: Graph;
  /** Height and width of the network's own input. */
  readonly size: readonly [number, number];
  /** Its number on the core's side; undefined for the model's own graph. */
  readonly id?: number;
}

/** The views that a model has made, by their options. */
export type Views = Map<string, Promise<View>>;

interface Viewed {
  readonly net: Net;
  readonly graph: Graph;
  readonly host: Host;
  readonly size: readonly [number, number];
  readonly views: Views;
}

/**
 * The view for these options, made at its first use; the network itself where it is fully convolutional. Throws `bad-option`
 * for options that do not fit the network, and where its weights are packed in a form that cannot serve.
 */
export function viewOf(model: Viewed, { pooling, fine }: ViewOptions): Promise<View> {
  const key = `${pooling} ${fine}`;
  const known = model.views.get(key);
  if (known) return known;
  const view = makeView(model, { pooling, fine });
  model.views.set(key, view);
  view.catch(() => model.views.delete(key));
  return view;
}

async function makeView({ net, graph, host, size }: Viewed, options: ViewOptions): Promise<View> {
  if (net.dense || isDense(graph)) {
    const { pooling = options.pooling, fine = false } = net.dense ?? {};
    if ((options.pooling ?? pooling) === pooling && (options.fine ?? fine) === fine) return { graph, size };
    const message =
      "This model's network is fully convolutional already, and otherwise than pooling and fine say: give these options to convolutionize.";
    throw new ConvzooError("bad-option", message);
  }
  const native = nativeSize(graph, net.inChannels, size);
  const dense = lower(convolutionize(net, [net.inChannels, ...native], options));
  const sent = JSON.stringify({ nodes: dense.nodes, output: dense.output });
  return { graph: dense, size: native, id: await host.call("view", { graph: sent }) };
}

/** The size that is expected; of a network that does not take it, which the zoo does not know, the smallest that it takes. */
function nativeSize(graph: Graph, channels: number, size: View["size"]): View["size"] {
  try {
    shapesOf(graph, [channels, ...size]);
    return size;
  } catch (error) {
    const side =
      error instanceof ConvzooError && error.code === "bad-shape" ? smallestSide(graph) : undefined;
    if (side === undefined) throw error;
    return [side, side];
  }
}

/** Whether a network gives a larger map for a larger input: it flattens nothing, and pools nothing to a fixed size on its way. */
function isDense(graph: Graph): boolean {
  const needed = neededBy(graph, [graph.output]);
  // A squeeze-excite's pooling is on no such way: what it gives multiplies a map, which keeps its size.
  const fixed: boolean[] = [];
  for (const [id, node] of graph.nodes.entries()) {
    if (node.op === "input" || !needed.has(id)) fixed.push(false);
    else if (node.op === "mul") fixed.push(node.inputs.every((from) => fixed[from]));
    else if (/^(flatten|linear|adaptive_)/.test(node.op)) fixed.push(true);
    else fixed.push(node.inputs.some((from) => fixed[from]));
  }
  return !fixed[graph.output];
}
