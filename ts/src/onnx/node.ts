/** A node of the ONNX graph while it is translated: what it reads, its attributes, and the layers that it becomes. */
import { ConvzooError, type ErrorCode } from "../errors.js";
import { channelShuffle, flatten, type Leaf } from "../layers.js";
import type { WeightTensor } from "../weights/dtype.js";
import { type Constant, knownNumbers, numbersOf } from "./constant.js";
import type { Draft } from "./draft.js";
import type { NodeProto } from "./proto.js";
import { axisAt, BATCH, CHANNELS, type Dim, isAxis, isInOrder, product, type View, viewOf } from "./view.js";

/** What a layer gives: [N, C, H, W] or flat [N, F] by the layer's own axes, which ONNX sees through a view. */
export interface Value {
  readonly kind: "value";
  /** The layer, by its number in the draft. */
  readonly id: number;
  readonly shape: readonly Dim[];
  readonly view: View;
}

/** erf(x / sqrt(2)) * scale + shift, which no layer gives: exporters write GELU out with it. */
export interface Erf {
  readonly kind: "erf";
  readonly of: Value;
  readonly scale: number;
  readonly shift: number;
}

export type Known = Value | Erf | Constant;

/** What all nodes of a graph share. */
export interface Scope {
  readonly source: string;
  readonly opset: number;
  readonly values: Map<string, Known>;
  /** Constants in attributes, by the node, and tensors computed from others. */
  readonly attached: ReadonlyMap<NodeProto, Constant>;
  readonly derived: Map<string, WeightTensor>;
  /** Bytes of weights and constants that layers may still have: a small file must not fill the memory. */
  readonly room: { left: number };
  /** The nodes that read a value, by its name. */
  readonly readers: ReadonlyMap<string, readonly NodeProto[]>;
  /** The node that gives a value. */
  readonly makers: ReadonlyMap<string, NodeProto>;
  readonly draft: Draft;
}

/** One part of a slice: from `start` up to `end`, in steps, within 0 to the size where that is known. */
export interface Part {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

export class At {
  readonly opType: string;
  readonly opset: number;

  constructor(
    readonly node: NodeProto,
    readonly scope: Scope,
  ) {
    this.opType = node.opType;
    this.opset = scope.opset;
  }

  /** What to call the node in messages. */
  get name(): string {
    return this.node.name || this.node.outputs[0] || this.opType;
  }

  refuse(reason: string): never {
    return this.fail("unsupported", `${reason}. No layer here computes that`);
  }

  fail(code: ErrorCode, reason: string, cause?: unknown): never {
    const { source } = this.scope;
    const message = `${source}: the node ${this.name} (${this.opType}) ${reason}.`;
    throw new ConvzooError(code, message, { node: this.name, source, cause });
  }

  /** Input `i`; undefined where it is left out. */
  input(i: number): Known | undefined {
    const name = this.node.inputs[i];
    if (!name) return undefined;
    const known = this.scope.values.get(name);
    return (
      known ?? this.fail("bad-weights", `reads ${name}, which nothing before it gives: the file is damaged`)
    );
  }

  /** Input `i`, which depends on the image. */
  value(i: number): Value {
    const known = this.input(i);
    if (known?.kind === "value") return known;
    if (known?.kind === "erf") return this.refuse("reads the error function of a value outside of a GELU");
    return this.refuse(known ? `reads a constant as its input ${i}` : `lacks its input ${i}`);
  }

  /** Input `i`, which does not depend on the image; undefined where it is left out. */
  optional(i: number): Constant | undefined {
    const known = this.input(i);
    if (known === undefined || known.kind === "constant") return known;
    return this.refuse(`computes its input ${i} from the image, where only a constant is known`);
  }

  constant(i: number): Constant {
    return this.optional(i) ?? this.refuse(`lacks its input ${i}`);
  }

  has = (name: string): boolean => this.node.attributes.has(name);
  int = (name: string, otherwise: number): number => this.node.attributes.get(name)?.int ?? otherwise;
  float = (name: string, otherwise: number): number =>
    shortest(this.node.attributes.get(name)?.float ?? otherwise);
  string = (name: string, otherwise: string): string => this.node.attributes.get(name)?.string ?? otherwise;

  ints(name: string, length: number, otherwise: number): readonly number[] {
    const { ints } = this.node.attributes.get(name) ?? { ints: [] };
    if (ints.length === 0) return Array<number>(length).fill(otherwise);
    return ints.length === length
      ? ints
      : this.refuse(`has ${ints.length} numbers as its ${name}, not ${length}`);
  }

  /** A number that is an attribute in older operators and an input in newer ones. */
  scalar(name: string, i: number, otherwise: number): number {
    const given = this.optional(i);
    if (!given) return this.float(name, otherwise);
    const [number, ...more] = numbersOf(given) ?? [];
    return typeof number === "number" && more.length === 0
      ? number
      : this.refuse(`has no one number as its ${name}`);
  }

  /** A list of integers that is an attribute, or input `i` where that is given; empty where it is neither. */
  list(name: string, i?: number): readonly number[] {
    const given = i === undefined ? undefined : this.optional(i);
    if (!given) return this.node.attributes.get(name)?.ints ?? [];
    return knownNumbers(given) ?? this.refuse(`has ${name} that are not known before a run`);
  }

  /** `axes` from 0, of a value of this rank (or, where they are new ones, of what it becomes). */
  axes(rank: number, i?: number, isNew = false): number[] {
    const given = this.list("axes", i);
    const all = rank + (isNew ? given.length : 0);
    return given.map((axis) => this.axis(axis, all));
  }

  axis(axis: number, rank: number): number {
    const from = axis < 0 ? axis + rank : axis;
    return from >= 0 && from < rank ? from : this.fail("bad-net", `names dimension ${axis} of ${rank}`);
  }

  permutation(rank: number): readonly number[] {
    const ints = this.node.attributes.get("perm")?.ints ?? [];
    if (ints.length === 0) return Array.from({ length: rank }, (_, i) => rank - 1 - i);
    const isOne = ints.length === rank && ints.every((_, i) => ints.includes(i));
    return isOne
      ? ints
      : this.fail("bad-net", `has [${ints.slice(0, 8).join(", ")}] as an order of ${rank} dimensions`);
  }

  /** What a Slice takes of a value of these sizes; ends of unknown sizes stay as they are given. */
  slices(dims: readonly Dim[]): readonly Part[] {
    const [starts, ends] = [this.list("starts", 1), this.list("ends", 2)];
    const steps = this.list("steps", 4);
    const given = this.list("axes", 3);
    return starts.map((given0, i) => {
      const axis = this.axis(given[i] ?? i, dims.length);
      const size = dims[axis] as Dim;
      const step = steps[i] ?? 1;
      const end0 = ends[i] ?? this.fail("bad-net", "has another number of ends than of starts");
      if (!Number.isInteger(step) || step === 0) return this.fail("bad-net", `has a step of ${step}`);
      if (typeof size === "string") return { axis, start: given0, end: end0, step };
      const within = (place: number, least: number, most: number) =>
        Math.min(most, Math.max(least, place < 0 ? place + size : place));
      const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
      return { axis, start: within(given0, Math.max(0, least), most), end: within(end0, least, most), step };
    });
  }

  /** The tensor in an attribute. */
  tensor(name: string): Constant | undefined {
    return this.has(name) ? this.scope.attached.get(this.node) : undefined;
  }

  /** A tensor that is made once, however many nodes want it. */
  derived(key: string, make: () => WeightTensor): WeightTensor {
    const { derived } = this.scope;
    const known = derived.get(key);
    if (known) return known;
    const made = make();
    this.spend(made.data.byteLength);
    derived.set(key, made);
    return made;
  }

  private spend(bytes: number): void {
    this.scope.room.left -= bytes;
    if (this.scope.room.left < 0) this.fail("too-large", "needs far more memory than the file has");
  }

  /**
   * A layer that reads a value. Without `shape` it works on each number, or on the channels of each pixel, so that
   * what it gives is seen through the same view.
   */
  layer(
    layer: Leaf,
    value: Value,
    shape?: readonly Dim[],
    weights: Readonly<Record<string, WeightTensor>> = {},
  ): Value {
    for (const { data } of Object.values(weights)) this.spend(data.byteLength);
    if (layer.op === "affine") this.spend(16 * layer.scale.length);
    const id = this.scope.draft.add({ layer, inputs: [value.id], node: this.node, weights });
    return shape ? { kind: "value", id, shape, view: viewOf(shape) } : { ...value, id };
  }

  join(op: "concat" | "add" | "mul", values: readonly Value[], shape: readonly Dim[], view: View): Value {
    const id = this.scope.draft.add({
      layer: op,
      inputs: values.map((value) => value.id),
      node: this.node,
      weights: {},
    });
    return { kind: "value", id, shape, view };
  }

  /** Input `i` as a map [N, C, H, W]. */
  map(i: number): MapValue {
    return this.asMap(this.value(i));
  }

  asMap(value: Value): MapValue {
    const { shape, view } = value;
    const isMap =
      shape.length === 4 && view.length === 4 && view.every((group, axis) => isAxis(view, group, axis));
    return isMap ? (value as MapValue) : this.refuse("reads a map whose dimensions were cut up or reordered");
  }

  /** A value whose channels were cut in two and dealt out anew, as the layer that does so gives it; others as they are. */
  shuffled(value: Value): Value {
    const { shape, view } = value;
    const channels = view[CHANNELS] ?? [];
    const isDealt =
      channels.length === 2 && channels.every(({ at }) => at[0] === CHANNELS) && !isInOrder(channels);
    const groups = channels[1]?.size;
    const isMap = view.length === 4 && [BATCH, 2, 3].every((axis) => isAxis(view, view[axis], axis));
    return isMap && isDealt && typeof groups === "number"
      ? this.layer(channelShuffle(groups), value, shape)
      : value;
  }

  /** Features [N, F] that are a map's are flattened, for what reads them by themselves; any other value stays. */
  features(i: number): Value {
    const value = this.value(i);
    return value.view.length === 2 && axisAt(value.view, CHANNELS) !== CHANNELS ? this.asFlat(value) : value;
  }

  /** A value of two dimensions, [N, F], as flat features. */
  asFlat(value: Value): Value {
    const { shape, view } = value;
    const [batch, features, ...more] = view;
    if (more.length > 0 || !features || !isAxis(view, batch, BATCH))
      return this.refuse(`reads features [N, F], but gets a value of ${view.length} dimensions`);
    if (shape.length === 2 && isAxis(view, features, 1)) return value;
    if (shape.length !== 4 || !isInOrder(features))
      return this.refuse("reads features whose order is none of a map's");
    return this.layer(flatten(), value, [shape[0] as Dim, product(features.map(({ size }) => size))]);
  }
}

/** A value that ONNX sees as [N, C, H, W]. */
export type MapValue = Value & { readonly shape: readonly [Dim, Dim, Dim, Dim] };

/** The shortest decimal that float32 rounds to this number, which is what somebody once wrote: 1e-5, 0.1. */
function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const number = Number(value.toPrecision(digits));
    if (Math.fround(number) === Math.fround(value)) return number;
  }
  return value;
}
