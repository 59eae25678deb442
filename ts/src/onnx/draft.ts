/** The layers that the nodes became, and the net that they make together. */
import {
  add,
  concat,
  keep,
  type Layer,
  type Leaf,
  module,
  mul,
  type Net,
  net,
  type Step,
  take,
} from "../layers.js";
import type { WeightTensor } from "../weights/dtype.js";
import type { NodeProto } from "./proto.js";

/** A layer, or branches brought together, and what it reads: numbers of earlier ones, 0 being the input. */
export interface Drafted {
  readonly layer: Leaf | "concat" | "add" | "mul";
  readonly inputs: readonly number[];
  readonly node: NodeProto;
  /** Its weights by their own names ("weight", "bias"). */
  readonly weights: Readonly<Record<string, WeightTensor>>;
}

/** Layers that no node stands for: an operator needed its input in another form. */
const HELPERS: readonly string[] = ["flatten", "channel_shuffle"];

const JOINS = { concat, add, mul };

/** A layer in the tree: its name in full, by parts. Deeper than any network, and no danger to who walks it. */
const MOST_PARTS = 12;

export class Draft {
  private readonly layers: Drafted[] = [];

  add(drafted: Drafted): number {
    return this.layers.push(drafted);
  }

  /** The layer of this number; undefined for the input. */
  get(id: number): Drafted | undefined {
    return this.layers[id - 1];
  }

  /** The net that ends with layer `output`: what that does not need is left out. */
  finish(type: string, inChannels: number, output: number): { net: Net; weights: Map<string, WeightTensor> } {
    const order = this.neededBy(output);
    const names = this.nameAll(order);
    const weights = new Map<string, WeightTensor>();
    for (const id of order)
      for (const [own, tensor] of Object.entries(this.get(id)?.weights ?? {}))
        weights.set(`${names.get(id)}.${own}`, tensor);
    const steps = this.steps(order, names, output);
    return { net: net(type, this.tree(order, names), steps, { inChannels }), weights };
  }

  private neededBy(output: number): readonly number[] {
    const needed = new Set([output]);
    for (let id = output; id > 0; id--)
      if (needed.has(id)) for (const input of this.get(id)?.inputs ?? []) needed.add(input);
    return [...needed].filter((id) => id > 0).sort((a, b) => a - b);
  }

  /**
   * A path for each layer, and a name for the input and each join's value. Weights decide first: their keys are what checkpoints
   * have. Others are called as their nodes are.
   */
  private nameAll(order: readonly number[]): ReadonlyMap<number, string> {
    const names = new Map<number, string>();
    const paths = new Paths();
    const isWeighted = (id: number) => Object.keys(this.get(id)?.weights ?? {}).length > 0;
    for (const id of [...order.filter(isWeighted), ...order.filter((id) => !isWeighted(id))]) {
      const { layer, node } = this.get(id) as Drafted;
      if (typeof layer === "string") names.set(id, paths.unique(plain(node.name) || layer));
      else if (HELPERS.includes(layer.op)) names.set(id, paths.unique(layer.op));
      else names.set(id, paths.claim(wishes(layer, node), plain(node.name) || layer.op));
    }
    return names.set(0, paths.unique("input"));
  }

  /** The modules and layers, each under the last part of its path. */
  private tree(
    order: readonly number[],
    names: ReadonlyMap<number, string>,
  ): Readonly<Record<string, Layer>> {
    type Branch = Map<string, Leaf | Branch>;
    const root: Branch = new Map();
    for (const id of order) {
      const { layer } = this.get(id) as Drafted;
      if (typeof layer === "string") continue;
      const parts = (names.get(id) as string).split(".");
      let at = root;
      for (const part of parts.slice(0, -1)) {
        const below = at.get(part) ?? new Map<string, Leaf | Branch>();
        at.set(part, below);
        at = below as Branch;
      }
      at.set(parts.at(-1) as string, layer);
    }
    const built = (branch: Branch): Record<string, Layer> =>
      Object.fromEntries(
        [...branch].map(([name, part]) => [
          name,
          part instanceof Map ? module("Module", built(part), []) : part,
        ]),
      );
    return built(root);
  }

  /** Each value that not only the next layer reads is kept under its name. */
  private steps(
    order: readonly number[],
    names: ReadonlyMap<number, string>,
    output: number,
  ): readonly Step[] {
    const readers = new Map<number, number[]>([[output, [Number.POSITIVE_INFINITY]]]);
    for (const id of order)
      for (const input of this.get(id)?.inputs ?? []) {
        if (!readers.has(input)) readers.set(input, []);
        readers.get(input)?.push(id);
      }
    const steps: Step[] = [];
    const nameOf = (id: number) => names.get(id) as string;
    let present = 0;
    const arrive = (id: number, next: number | undefined) => {
      present = id;
      const isLast = id === output && next === undefined;
      if (!isLast && readers.get(id)?.some((reader) => reader !== next)) steps.push(keep(nameOf(id)));
    };
    arrive(0, order[0]);
    for (const [i, id] of order.entries()) {
      const { layer, inputs } = this.get(id) as Drafted;
      if (typeof layer === "string")
        steps.push(JOINS[layer](...inputs.map((input) => (input === present ? [] : [take(nameOf(input))]))));
      else {
        if (inputs[0] !== present) steps.push(take(nameOf(inputs[0] as number)));
        steps.push(nameOf(id));
      }
      arrive(id, order[i + 1]);
    }
    return steps;
  }
}

/** Paths that are taken: by layers, and by the modules that hold them. */
class Paths {
  private readonly layers = new Set<string>();
  private readonly modules = new Set<string>();
  private readonly counts = new Map<string, number>();

  /** The first of the wished-for paths that is free, else a name of one part that is. */
  claim(wishes: readonly string[], otherwise: string): string {
    for (const path of wishes) if (this.take(path)) return path;
    return this.unique(otherwise);
  }

  unique(name: string): string {
    for (;;) {
      const count = this.counts.get(name) ?? 0;
      this.counts.set(name, count + 1);
      const path = count === 0 ? name : `${name}_${count}`;
      if (this.take(path)) return path;
    }
  }

  private take(path: string): boolean {
    const parts = path.split(".", MOST_PARTS + 1);
    const above = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."));
    const isFree =
      !this.layers.has(path) && !this.modules.has(path) && !above.some((one) => this.layers.has(one));
    if (!isFree || parts.length > MOST_PARTS || parts.some((part) => part === "" || part === "__proto__"))
      return false;
    this.layers.add(path);
    for (const one of above) this.modules.add(one);
    return true;
  }
}

/** A node's name as a name of one part. */
const plain = (name: string): string => name.slice(-200).replace(/^\W+/, "").replace(/\W+/g, "_");

/**
 * What a layer would be called, the best first: by its weight, "features.0" of "features.0.weight", else by the
 * module that its node came of, which PyTorch's older exporter puts into names ("/features/features.0/Conv").
 */
function wishes(layer: Leaf, { name, inputs }: NodeProto): readonly string[] {
  const found: string[] = [];
  const weight =
    layer.op === "activation" ? undefined : inputs.slice(1).find((input) => input.endsWith(".weight"));
  if (weight && /^[\w.]+$/.test(weight)) found.push(weight.slice(0, -".weight".length));
  if (!/^(\/[\w.]+)+$/.test(name)) return found;
  const parts = name.slice(1).split("/");
  const last = parts.pop() as string;
  // A numbered child is written with its parent's name: features, then features.0.
  const own = parts.map((part, i) => {
    const parent = `${parts[i - 1]}.`;
    return part.startsWith(parent) ? part.slice(parent.length) : part;
  });
  const path = own.join(".");
  return [...found, ...(path === "" ? [] : [path]), path === "" ? last : `${path}.${last}`];
}
