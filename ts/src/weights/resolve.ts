/** Matching a checkpoint to a network, key by key and without leniency. */
import { ConvzooError } from "../errors.js";
import { sumChannels, zeros } from "./adapt.js";
import { ARRAYS, type DataOf, type Dtype, elementCount, firstNotFinite, type WeightTensor } from "./dtype.js";
import { misfitMessage, showShape } from "./misfit.js";
import { hasParts, type PartedTensor } from "./parts.js";
import type { StoredTensor } from "./stored.js";

/** A weight as a caller may give it. Without `dtype` the array's class says it; f16 and bf16 bits need it said. */
export interface GivenTensor {
  readonly shape: readonly number[];
  readonly data: DataOf[Dtype];
  readonly dtype?: Dtype;
}

/** Weights by key: what `loadWeights` gives, a Map, or a plain object. */
export type GivenWeights = ReadonlyMap<string, GivenTensor> | Readonly<Record<string, GivenTensor>>;

/** How a checkpoint is matched to a network that it was not quite made for. */
export interface MatchOptions {
  /**
   * What the checkpoint's keys begin with before the network's own ("module.", "backbone."); keys without it are not looked
   * at. Unless given, it is found where all keys have it.
   */
  readonly prefix?: string;
  /**
   * Takes a checkpoint of another number of classes, for the sake of what comes before the classifier (`outputs`): the weights
   * and biases of the classifier are all zero then, so that its scores are 0 for every class.
   */
  readonly adaptHead?: boolean;
  /**
   * Takes a checkpoint of three channels for a network of one: the first layer's weights are summed over the
   * channels, so that a grey image gives what it gave as the same value in each channel.
   */
  readonly adaptStem?: boolean;
}

/** What a network wants, by key. */
export type Shapes = ReadonlyMap<string, Wanted>;
/** `linear` is the one other shape that is taken, for the same numbers in the same order. */
interface Wanted {
  readonly shape: readonly number[];
  readonly linear?: readonly number[];
}
type Refuse = (
  code: "bad-weights" | "missing-weight" | "extra-weight" | "weight-shape",
  message: string,
  key: string,
) => never;

/** A key of the network, the checkpoint's key for it, and both shapes. */
interface Pair {
  readonly key: string;
  readonly name: string;
  readonly wanted: readonly number[];
  readonly linear?: readonly number[];
  readonly tensor: StoredTensor;
}

/** PyTorch's count of batches seen in training: in checkpoints, but of no use in a network that only infers. */
const isCounter = (key: string) => key.endsWith("num_batches_tracked");

/** Classifiers that only training uses: a checkpoint has them even where the network was built without. */
const AUXILIARY = /^(aux1|aux2|AuxLogits)\./;

/**
 * The tensors of a network, in the order of `wanted`, to be read when they are needed. Every key must be there, none may be
 * left over, each shape must be the same (or the other one that is declared), each value finite in float32 (which is seen when it
 * is read). Exceptions:
 *
 * - `*.num_batches_tracked` is ignored on both sides.
 * - If all given keys begin with the same words ("module.", as PyTorch's DataParallel writes them) and fit better without
 *   them, they are taken without them.
 * - DenseNets of PyTorch's early days write `norm.1` and `conv.1` where later ones write `norm1` and `conv1`.
 * - Auxiliary classifiers (`aux1`, `aux2`, `AuxLogits`) may be left over where the network was built without any.
 *
 * @param wanted what `stateShapes(net)` says
 * @throws {ConvzooError} one that lists all misfits; its `code` and `key` are those of the first: `missing-weight`,
 * `extra-weight`, `weight-shape` (also where `data` has another length than its shape says); `bad-weights` (a wrong array;
 * when read, NaN or an infinity); `bad-option`
 */
export function resolveWeights(
  wanted: Shapes,
  given: GivenWeights | ReadonlyMap<string, StoredTensor>,
  source?: string,
  { prefix: stated, adaptHead = false, adaptStem = false }: MatchOptions = {},
): ReadonlyMap<string, StoredTensor> {
  const refuse: Refuse = (code, message, key) => {
    throw new ConvzooError(code, message, { key, source });
  };
  const keys = [...wanted.keys()].filter((key) => !isCounter(key));
  const tensors = storedOf(given, refuse, source);
  if (stated !== undefined) underPrefix(tensors, stated, source);
  const prefix = stated ?? bestPrefix(keys, tensors);
  const names = new Map(
    [...tensors.keys()].map((name) => [keyOf(name, prefix, wanted, tensors), name] as const),
  );
  const hasAuxiliary = keys.some((key) => AUXILIARY.test(key));

  const known = new Set(keys);
  const missing = keys.filter((key) => !names.has(key));
  const extra = [...names].filter(([key]) => !known.has(key) && (hasAuxiliary || !AUXILIARY.test(key)));
  const pairs = keys.flatMap((key): Pair[] => {
    const name = names.get(key);
    if (name === undefined) return [];
    const { shape, linear } = wanted.get(key)!;
    return [{ key, name, wanted: shape, linear, tensor: tensors.get(name)! }];
  });
  const misshapen = pairs.filter((pair) => !fits(pair));
  const stems = adaptStem ? misshapen.filter(isStem) : [];
  const others = misshapen.filter((pair) => !stems.includes(pair));
  const heads = adaptHead && others.every(isHeadLike(others[0])) ? others : [];
  const wrong = others.filter((pair) => !heads.includes(pair));

  const first = missing[0] ?? extra[0]?.[1] ?? wrong[0]?.key;
  if (first !== undefined) {
    const message = misfitMessage(
      {
        missing: missing.map((key) => ({ key: prefix + key, shape: wanted.get(key)!.shape })),
        extra: extra.map(([, name]) => ({ key: name, shape: tensors.get(name)!.shape })),
        misshapen: wrong.map(({ name, wanted, linear, tensor }) => ({
          key: name,
          shape: tensor.shape,
          wanted,
          linear,
        })),
        onlyAuxiliary: extra.length + wrong.length === 0 && missing.every((key) => AUXILIARY.test(key)),
      },
      source,
    );
    const code = missing.length > 0 ? "missing-weight" : extra.length > 0 ? "extra-weight" : "weight-shape";
    refuse(code, message, first);
  }
  return new Map(
    pairs.map((pair): [string, StoredTensor] => {
      if (heads.includes(pair)) return [pair.key, zeros(pair.wanted)];
      const tensor = finite(pair.name, pair.tensor, refuse);
      return [pair.key, stems.includes(pair) ? sumChannels(tensor) : { ...tensor, shape: pair.wanted }];
    }),
  );
}

/** All but the counters, whatever the caller holds them in. Tensors in memory are checked, all but their values. */
function storedOf(
  given: GivenWeights | ReadonlyMap<string, StoredTensor>,
  refuse: Refuse,
  source?: string,
): Map<string, StoredTensor> {
  if (typeof given !== "object" || given === null) {
    const message = "Weights are a Map or an object from key to { shape, data }, or what loadWeights gives.";
    throw new ConvzooError("bad-option", message, { source });
  }
  // Not by instanceof: a Map of another realm, or a class of the user's own, is one too.
  const isMap = typeof given.entries === "function";
  const map = isMap ? (given as ReadonlyMap<string, GivenTensor | StoredTensor>) : undefined;
  const names = map ? [...map.keys()] : Object.keys(given);
  const get = (name: string) => (map ? map.get(name) : (given as Record<string, GivenTensor>)[name]);
  return new Map(
    names
      .filter((name) => !isCounter(name))
      .map((name) => {
        const tensor = get(name);
        const isStored = typeof (tensor as Partial<StoredTensor> | null | undefined)?.read === "function";
        if (isStored) return [name, tensor as StoredTensor];
        const { dtype, shape } = checkTensor(name, tensor as GivenTensor | undefined, refuse);
        // Asked for again when it is read: a Map may make its tensors on demand, and none need stay.
        const read = async () => checkTensor(name, get(name) as GivenTensor | undefined, refuse);
        return [name, { dtype, shape, read }];
      }),
  );
}

/** Leaves only the tensors under a prefix that was asked for. Throws `bad-option` where there are none. */
function underPrefix(tensors: Map<string, StoredTensor>, prefix: string, source?: string): void {
  const [first] = tensors.keys();
  for (const name of tensors.keys()) if (!String(name).startsWith(prefix)) tensors.delete(name);
  if (tensors.size > 0) return;
  const has = first === undefined ? "it has none at all" : `its first is ${first}`;
  const message = `No key of the checkpoint begins with the prefix ${JSON.stringify(prefix)}; ${has}.`;
  throw new ConvzooError("bad-option", message, { source });
}

/** The words that all given keys begin with, cut where most wanted keys are found; "" unless cutting finds more. */
function bestPrefix(wanted: readonly string[], given: ReadonlyMap<string, unknown>): string {
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

/** A checkpoint's key as the network calls it. Old DenseNets have a dot more, where the network has none. */
function keyOf(
  name: string,
  prefix: string,
  wanted: Shapes,
  given: ReadonlyMap<string, StoredTensor>,
): string {
  const key = name.slice(prefix.length);
  const newer = key.replace(/(denselayer\d+\.(?:norm|conv))\.([12]\.)/, "$1$2");
  return wanted.has(newer) && !given.has(prefix + newer) ? newer : key;
}

/** Whether these are weights for three channels where the network has one. */
function isStem({ wanted, tensor: { shape } }: Pair): boolean {
  const [out, channels, ...kernel] = shape;
  return shape.length === 4 && channels === 3 && sameShape([out!, 1, ...kernel], wanted);
}

/**
 * Whether these are a classifier's weights or bias for another number of classes, the same numbers as of `first`. Only the
 * last layers of a network can differ so without others differing, too.
 */
function isHeadLike(first: Pair | undefined): (pair: Pair) => boolean {
  return ({ key, wanted, linear, tensor: { shape } }) =>
    /(^|\.)(weight|bias)$/.test(key) &&
    (sameShape(shape.slice(1), wanted.slice(1)) || sameShape(shape.slice(1), linear?.slice(1) ?? wanted)) &&
    shape[0] === first!.tensor.shape[0] &&
    wanted[0] === first!.wanted[0];
}

function fits({ wanted, linear, tensor: { shape } }: Pair): boolean {
  return sameShape(shape, wanted) || (linear !== undefined && sameShape(shape, linear));
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((side, i) => side === b[i]);
}

/** The same tensor, whose values are looked at when they are read. */
function finite(name: string, tensor: StoredTensor, refuse: Refuse): StoredTensor {
  const check = (part: WeightTensor, begin: number): WeightTensor => {
    const index = firstNotFinite(part);
    if (index >= 0) {
      const message = `Element ${begin + index} of ${name} is not a finite float32 number; the checkpoint is unusable.`;
      refuse("bad-weights", message, name);
    }
    return part;
  };
  const { dtype, shape } = tensor;
  const whole = { dtype, shape, read: async () => check(await tensor.read(), 0) };
  if (!hasParts(tensor)) return whole;
  const part = async (begin: number, end: number) => check(await tensor.part(begin, end), begin);
  return { ...whole, part, fresh: tensor.fresh } as PartedTensor;
}

/** A tensor in memory, checked, all but its values. */
export function checkTensor(key: string, tensor: GivenTensor | undefined, refuse: Refuse): WeightTensor {
  const shape: unknown = tensor?.shape;
  if (!tensor || !Array.isArray(shape)) {
    const message = `${key} has no shape: a weight is { shape, data } with shape a list of integers.`;
    return refuse("bad-weights", message, key);
  }
  const { data, dtype = dtypeOf(data) } = tensor;
  if (dtype === undefined || !Object.hasOwn(ARRAYS, dtype) || !holds(dtype, data)) {
    const problem = `its dtype is ${String(dtype)} and its data ${tagOf(data)}`;
    const advice = "Pass a Float32Array, or a Uint16Array of bits with dtype f16 or bf16";
    return refuse("bad-weights", `${key} cannot be used: ${problem}. ${advice}.`, key);
  }
  const count = elementCount(shape);
  if (data.length !== count) {
    const message = `The data of ${key} has ${data.length} elements, but its shape ${showShape(shape)} has ${count}.`;
    refuse("weight-shape", message, key);
  }
  return { dtype, shape, data } as WeightTensor;
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
