/** From a classifier to a net that scans inputs of any size. */
import { flag, oneOf, withDefaults } from "./check.js";
import { convert } from "./convolutionize/layer.js";
import { giversOf, squeezesOf } from "./convolutionize/nodes.js";
import { isOneCell, joined, refuse, type Value, WITHOUT } from "./convolutionize/value.js";
import { ConvzooError } from "./errors.js";
import { type GraphNode, join, neededBy, nodeOf, trace } from "./graph.js";
import { layerAt } from "./layers/path.js";
import {
  type Dense,
  flatten,
  type Join,
  type Layer,
  type Leaf,
  type Module,
  module,
  type Net,
  net as netOf,
  type Step,
} from "./layers.js";
import { infer, type Shape, shapesOf } from "./shape.js";

/** Options of {@link convolutionize}. */
export interface ConvolutionizeOptions {
  /**
   * What becomes of a global pooling. `"window"`, the default, pools the native map's size at stride 1, so that each
   * cell of the result is what the classifier says of one window. `"cell"` drops it: the linear layer reads each cell,
   * which is a class activation map. A network without global pooling is the same either way.
   */
  readonly pooling?: "window" | "cell";
  /** OverFeat's dense max-pooling: the last max-pooling at stride 1, all behind it dilated by what it gave up. */
  readonly fine?: boolean;
  /**
   * Squeeze and excitation averages the whole map, and so sees beyond the window of a cell: with `"global"`, the default,
   * scores at sizes above the native one depend on all of the image; `"refuse"` throws for such networks.
   */
  readonly squeeze?: "global" | "refuse";
}

/**
 * The network as a fully convolutional one, which takes any input from the native size on and gives [classes, h, w], the
 * scores of every window at once; OverFeat, arXiv 1312.6229. At the native size, a map of one cell: the classifier's
 * own scores to float32 rounding. The paths stay, so the same checkpoint loads.
 *
 * A linear layer that reads a map of C x H x W, natively, becomes a convolution of H x W, one behind it a convolution of
 * 1 x 1. Flattening goes, as does adaptive pooling that does nothing at the native size. Auxiliary heads, and all else
 * that the output does not need, no longer run, but keep their keys.
 *
 * @param what a net, or layers as they follow one another: the lecture's routine, which gives a Sequential of them
 * @param inputShape the native size, [C, H, W]
 * @throws {ConvzooError} `not-convolutional`, with the layer and the reason, where there is no such network: an adaptive
 * pooling to several cells that is no identity, a flattened map without a linear layer behind it, a net that was
 * convolutionized before, and for `fine` what cannot be dilated with the same result; `bad-shape` where the net does not
 * take `inputShape`; `bad-option`, `bad-net`
 */
export function convolutionize(
  what: Net | readonly Layer[],
  inputShape: readonly number[],
  options: ConvolutionizeOptions = {},
): Net {
  if (!Array.isArray(inputShape)) {
    const message =
      "convolutionize: pass the native input's shape, [channels, height, width], as the second argument.";
    throw new ConvzooError("bad-shape", message);
  }
  const defaults = { pooling: "window", fine: false, squeeze: "global" } as const;
  const o = withDefaults<Required<ConvolutionizeOptions>>("convolutionize", defaults, options);
  oneOf("convolutionize", "pooling", o.pooling, ["window", "cell"]);
  oneOf("convolutionize", "squeeze", o.squeeze, ["global", "refuse"]);
  flag("convolutionize", "fine", o.fine);
  const of = Array.isArray(what) ? inARow(what, inputShape) : (what as Net);
  if (of?.dense) refuse("", "it is convolutional already: take the net that it was made of");
  return rewrite(of, inputShape, o);
}

/** Layers in a row; what the first linear one reads is flattened, which the lecture's list leaves out. */
function inARow(layers: readonly Layer[], inputShape: readonly number[]): Net {
  const names = Object.keys(layers);
  const first = layers.findIndex((layer) => layer?.op === "linear" && !layer.perPixel);
  const isFlat = first < 0 || layers.slice(0, first).some((layer) => layer?.op === "flatten");
  const steps = isFlat ? names : [...names.slice(0, first), flatten(), ...names.slice(first)];
  return netOf("Sequential", Object.fromEntries(layers.entries()), steps, {
    inChannels: inputShape[0] as number,
  });
}

/** A layer or step of the new net, undefined where there is none, and the node of the old graph that it computes. */
type Rewritten<T> = readonly [made: T | undefined, id: number];

/** Follows the old net's trace, node by node. */
function rewrite(of: Net, input: Shape, o: Required<ConvolutionizeOptions>): Net {
  const { graph, idOf } = trace(of);
  const shapes = shapesOf(graph, input);
  const needed = neededBy(graph, [graph.output]);
  const squeezes = squeezesOf(graph);
  const givers = o.fine ? giversOf(graph, needed) : new Set<number>();
  const [channels = 0, height = 0, width = 0] = input;
  const values: Value[] = [{ map: [channels, height, width], flat: false, fine: [1, 1], whole: false }];
  const found = (id: number) => values[id] as Value;

  const runLeaf = (layer: Leaf, path: string, at: number): Rewritten<Leaf> => {
    const node = nodeOf(layer, path, at);
    const id = node ? idOf(node) : at;
    if (!node || !needed.has(id)) return [layer, id];
    const how = { ...o, squeezes: squeezes.has(id), gives: givers.has(id) };
    const [made, value] = convert(layer, path, found(at), shapes[id] ?? [], how);
    values[id] = value;
    return [made, id];
  };

  const runModule = (
    owner: Module,
    path: string,
    input: number,
    kept: Map<string, number>,
  ): Rewritten<Module> => {
    const made = new Map<string, Layer | undefined>();
    const runChild = (name: string, at: number, given: Map<string, number>): Rewritten<Layer> => {
      const child = layerAt(owner, name) as Layer;
      const where = join(path, name);
      const run = child.op === "module" ? runModule(child, where, at, given) : runLeaf(child, where, at);
      const [layer, id] = run;
      if (!needed.has(id)) return run;
      if (made.has(name) && JSON.stringify(made.get(name)) !== JSON.stringify(layer))
        refuse(where, "it runs more than once, and would become another layer each time");
      made.set(name, layer);
      return run;
    };
    const runJoin = (step: Join, at: number): Rewritten<Join> => {
      const runs = step.branches.map((branch) => runSteps(branch, at));
      const inputs = runs.map(([, id]) => id);
      const id = idOf({ op: step.op, inputs, path } as GraphNode);
      if (needed.has(id)) values[id] = joined(step.op, path, inputs.map(found), shapes[id]?.[0] ?? 0);
      const branches = runs.map(([steps]) => steps);
      return [alike(branches, step.branches) ? step : { ...step, branches }, id];
    };
    const runStep = (step: Step, at: number): Rewritten<Step> => {
      if (typeof step === "string") {
        const [layer, id] = runChild(step, at, new Map());
        return [layer && step, id];
      }
      switch (step.op) {
        case "concat":
        case "add":
        case "mul":
          return runJoin(step, at);
        case "keep":
          kept.set(step.name, at);
          return [step, at];
        case "take":
          return [step, kept.get(step.name) as number];
        case "call": {
          const given = Object.entries(step.values).map(
            ([name, here]) => [name, kept.get(here) as number] as const,
          );
          const [, id] = runChild(step.child, at, new Map(given));
          // What the child no longer takes is no longer kept.
          const taken = Object.entries(step.values).filter(([, here]) =>
            needed.has(kept.get(here) as number),
          );
          return [taken.length < given.length ? { ...step, values: Object.fromEntries(taken) } : step, id];
        }
        default:
          return runLeaf(step, path, at);
      }
    };
    const runSteps = (
      steps: readonly Step[],
      start: number,
    ): readonly [steps: readonly Step[], id: number] => {
      let at = start;
      const next = steps.flatMap((step) => {
        const [now, id] = runStep(step, at);
        at = id;
        return now !== undefined && needed.has(id) ? [now] : [];
      });
      return [alike(next, steps) ? steps : next, at];
    };

    const [steps, id] = runSteps(owner.forward, input);
    const renewed = (of: Module, prefix: string): Readonly<Record<string, Layer>> =>
      Object.fromEntries(
        Object.entries(of.children).flatMap(([name, child]) => {
          const at = join(prefix, name);
          // Steps may name layers inside of a child that does not run itself.
          const isOutside =
            child.op === "module" && [...made.keys()].some((path) => path.startsWith(`${at}.`));
          const inside = isOutside ? module(child.type, renewed(child, at), child.forward) : child;
          const now = made.has(at) ? made.get(at) : inside;
          return now ? [[name, now]] : [];
        }),
      );
    const children = renewed(owner, "");
    const unchanged =
      steps === owner.forward && alike(Object.values(children), Object.values(owner.children));
    return [unchanged ? owner : module(owner.type, children, steps), id];
  };

  const [made, output] = runModule(of, "", 0, new Map());
  const { type, children, forward } = made as Module;
  const last = found(output);
  if (last.flat && !isOneCell(last))
    refuse("", `its output is a flattened map of ${last.map.join(" x ")}, which no linear layer reads`);
  const dense: Dense = { of, input: [channels, height, width], pooling: o.pooling, fine: o.fine };
  const net = netOf(type, children, forward, { inChannels: of.inChannels, dense });
  const sizes = o.fine ? infer(trace(net).graph, input) : undefined;
  // Branches side by side that pad differently are no longer of one size when they no longer stride.
  if (sizes && "misfit" in sizes) refuse(sizes.path, `with fine, ${sizes.misfit}: ${WITHOUT}`);
  return net;
}

const alike = (a: readonly unknown[], b: readonly unknown[]): boolean =>
  a.length === b.length && a.every((one, i) => one === b[i]);
