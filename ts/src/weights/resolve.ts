/** Matching a checkpoint to a network, key by key and without leniency. */
import { closest } from "fastest-levenshtein";
import { ConvzooError } from "../errors.js";
import { ARRAYS, type DataOf, type Dtype, elementCount, firstNotFinite, type WeightTensor } from "./dtype.js";

/** A weight as a caller may give it. Without `dtype` the array's class says it; f16 and bf16 bits need it said. */
export interface GivenTensor {
  readonly shape: readonly number[];
  readonly data: DataOf[Dtype];
  readonly dtype?: Dtype;
}

/** Weights by key: what `loadWeights` gives, a Map, or a plain object. */
export type GivenWeights = ReadonlyMap<string, GivenTensor> | Readonly<Record<string, GivenTensor>>;

type Shapes = ReadonlyMap<string, Wanted>;
/** `linear` is the one other shape that is taken, for the same numbers in the same order. */
interface Wanted {
  readonly shape: readonly number[];
  readonly linear?: readonly number[];
}
type Fail = (
  code: "bad-weights" | "missing-weight" | "extra-weight" | "weight-shape",
  message: string,
  key: string,
) => never;

/** PyTorch's count of batches seen in training: in checkpoints, but of no use in a network that only infers. */
const isCounter = (key: string) => key.endsWith("num_batches_tracked");

/**
 * The tensors of a network, in the order of `wanted`. Every key must be there, none may be left over (except
 * `*.num_batches_tracked`, ignored on both sides), each shape must be the same (or the other one that is declared), each
 * value finite in float32.
 *
 * If all given keys begin with the same words ("module.", as PyTorch's DataParallel writes them) and fit better without
 * them, they are taken without them.
 *
 * @param wanted what `stateShapes(net)` says
 * @throws {ConvzooError} with `key`: `missing-weight`, `extra-weight`, `weight-shape` (also where `data` has another
 * length than its shape says), `bad-weights` (NaN, an infinity, a wrong array)
 */
export function resolveWeights(
  wanted: Shapes,
  given: GivenWeights,
  source?: string,
): Map<string, WeightTensor> {
  const fail: Fail = (code, message, key) => {
    throw new ConvzooError(code, message, { key, source });
  };
  const keys = [...wanted.keys()].filter((key) => !isCounter(key));
  const tensors = new Map([...entriesOf(given, source)].filter(([key]) => !isCounter(key)));
  const prefix = bestPrefix(keys, tensors);

  const missing = keys.filter((key) => !tensors.has(prefix + key));
  const known = new Set(keys.map((key) => prefix + key));
  const extra = [...tensors.keys()].filter((key) => !known.has(key));
  const misshapen = keys
    .filter((key) => tensors.has(prefix + key))
    .filter((key) => !fits(shapeOf(tensors.get(prefix + key), prefix + key, fail), wanted.get(key)!));
  const rest = tally(missing.length, extra.length, misshapen.length);

  if (missing.length > 0) {
    const key = missing[0]!;
    const like =
      extra.length > 0 ? ` The nearest key it has instead is ${closest(prefix + key, extra)}.` : "";
    const message = `The checkpoint lacks ${prefix + key} ${show(wanted.get(key)!.shape)}${rest("missing")}.${like}`;
    fail("missing-weight", `${message} Is it of another network, or of another option?`, key);
  }
  if (extra.length > 0) {
    const key = extra[0]!;
    const what = `${key} ${show(shapeOf(tensors.get(key), key, fail))}`;
    const advice = "Remove what is not the network's, or build the network that the checkpoint is of";
    fail(
      "extra-weight",
      `The checkpoint has ${what}, which the network does not know${rest("extra")}. ${advice}.`,
      key,
    );
  }
  if (misshapen.length > 0) {
    const key = misshapen[0]!;
    const { shape, linear } = wanted.get(key)!;
    const wants = `${show(shape)}${linear ? ` or ${show(linear)}` : ""}`;
    const shapes = `${show(tensors.get(prefix + key)!.shape)}, the network wants ${wants}`;
    const advice =
      "Build the network with the options (classes, inChannels) that the checkpoint was made with";
    fail("weight-shape", `${prefix + key} has shape ${shapes}${rest("shape")}. ${advice}.`, key);
  }
  return new Map(
    keys.map((key) => {
      const tensor = checkTensor(prefix + key, tensors.get(prefix + key)!, fail);
      const { shape, linear } = wanted.get(key)!;
      return [key, linear ? { ...tensor, shape } : tensor];
    }),
  );
}

function entriesOf(given: GivenWeights, source?: string): Iterable<[string, GivenTensor]> {
  if (typeof given !== "object" || given === null) {
    const message = "Weights are a Map or an object from key to { shape, data }, or what loadWeights gives.";
    throw new ConvzooError("bad-option", message, { source });
  }
  // Not by instanceof: a Map of another realm, or a class of the user's own, is one too.
  return isMap(given) ? given.entries() : Object.entries(given);
}

function isMap(given: GivenWeights): given is ReadonlyMap<string, GivenTensor> {
  return typeof given.entries === "function";
}

/** The words that all given keys begin with, cut where most wanted keys are found; "" unless cutting finds more. */
function bestPrefix(wanted: readonly string[], given: ReadonlyMap<string, GivenTensor>): string {
  const found = (prefix: string) => wanted.filter((key) => given.has(prefix + key)).length;
  const [first = "", ...others] = given.keys();
  let best = "";
  for (let end = first.indexOf(".") + 1; end > 0; end = first.indexOf(".", end) + 1) {
    const prefix = first.slice(0, end);
    if (!others.every((key) => key.startsWith(prefix))) break;
    if (found(prefix) > found(best)) best = prefix;
  }
  return best;
}

/** Says how many keys are wrong beside the one of `kind` that a message names. */
function tally(missing: number, extra: number, shape: number) {
  return (kind: "missing" | "extra" | "shape"): string => {
    const counts = [
      [missing - Number(kind === "missing"), kind === "missing" ? "more missing" : "missing"],
      [extra - Number(kind === "extra"), kind === "extra" ? "more unknown" : "unknown"],
      [shape - Number(kind === "shape"), kind === "shape" ? "more of another shape" : "of another shape"],
    ] as const;
    const texts = counts.filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`);
    return texts.length > 0 ? ` (and ${texts.join(", ")})` : "";
  };
}

function shapeOf(tensor: GivenTensor | undefined, key: string, fail: Fail): readonly number[] {
  const shape: unknown = tensor?.shape;
  if (Array.isArray(shape)) return shape;
  return fail(
    "bad-weights",
    `${key} has no shape: a weight is { shape, data } with shape a list of integers.`,
    key,
  );
}

function fits(shape: readonly number[], wanted: Wanted): boolean {
  return sameShape(shape, wanted.shape) || (wanted.linear !== undefined && sameShape(shape, wanted.linear));
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, i) => side === b[i]);
}

function checkTensor(
  key: string,
  { shape, data, dtype = dtypeOf(data) }: GivenTensor,
  fail: Fail,
): WeightTensor {
  if (dtype === undefined || !Object.hasOwn(ARRAYS, dtype) || !holds(dtype, data)) {
    const problem = `its dtype is ${String(dtype)} and its data ${tagOf(data)}`;
    const advice = "Pass a Float32Array, or a Uint16Array of bits with dtype f16 or bf16";
    return fail("bad-weights", `${key} cannot be used: ${problem}. ${advice}.`, key);
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    fail(
      "weight-shape",
      `The data of ${key} has ${data.length} elements, but its shape ${show(shape)} has ${count}.`,
      key,
    );
  }
  const tensor = { dtype, shape, data } as WeightTensor;
  const index = firstNotFinite(tensor);
  if (index >= 0) {
    fail(
      "bad-weights",
      `Element ${index} of ${key} is not a finite float32 number; the checkpoint is unusable.`,
      key,
    );
  }
  return tensor;
}

/** The element type that an array's class says. 16 unsigned bits could be integers or halves: that must be said. */
function dtypeOf(data: unknown): Dtype | undefined {
  const names = Object.keys(ARRAYS) as Dtype[];
  return names.find((name) => ARRAYS[name] !== Uint16Array && name !== "bool" && holds(name, data));
}

/** By tag, since arrays of another realm (a frame, a test runner's sandbox) are arrays too. */
function holds(dtype: Dtype, data: unknown): boolean {
  return tagOf(data) === ARRAYS[dtype].name;
}

function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}

function show(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}
