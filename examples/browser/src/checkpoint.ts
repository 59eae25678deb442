/** A checkpoint that somebody holds: which network is it of? */
import { loadWeights, type ModelOptions, stateShapes, type Weights, type ZooName, zoo } from "convzoo";
import { choice } from "./state.js";

interface Found {
  readonly name: ZooName;
  readonly options?: ModelOptions;
}

/**
 * Loads the network that the file's keys and shapes are of; where they are of none, the one that is chosen (or that the picker
 * has open), whose loader then says what does not fit.
 */
export async function receiveCheckpoint(file: File, preferred: ZooName = choice.value.name): Promise<void> {
  const found = identify(await loadWeights(file), preferred) ?? { name: preferred };
  choice.set({ ...found, weights: file });
}

/** The preferred network goes first; then all of about this size. */
function identify(weights: Weights, preferred: ZooName): Found | undefined {
  const shapes = new Map(
    [...weights].filter(([key]) => !isCounter(key)).map(([key, { shape }]) => [key, shape] as const),
  );
  const size = [...shapes.values()].reduce((sum, shape) => sum + product(shape), 0);
  // A head of fewer classes makes a network of many parameters hardly smaller, a small one by up to a half.
  const isNear = (name: ZooName) => size > 0.5 * zoo[name].params && size < 1.7 * zoo[name].params;
  const names = (Object.keys(zoo) as ZooName[]).filter(isNear);
  for (const name of [preferred, ...names]) {
    const options = optionsFor(name, shapes);
    if (options) return Object.keys(options).length > 0 ? { name, options } : { name };
  }
  return undefined;
}

/** The options with which a network has these weights: none, or another number of classes. */
function optionsFor(name: ZooName, given: ReadonlyMap<string, readonly number[]>): ModelOptions | undefined {
  const wanted = [...stateShapes(zoo[name].build())].filter(([key]) => !isCounter(key));
  const prefix = prefixOf(given.keys(), wanted[0]?.[0] ?? "");
  const misfits: (readonly number[])[] = [];
  for (const [key, { shape, linear }] of wanted) {
    const found = given.get(prefix + key);
    if (!found) return undefined;
    if (isSame(found, shape) || (linear && isSame(found, linear))) continue;
    // A classifier of other classes: all but the number of outputs is the same.
    if (found.length !== shape.length || !isSame(found.slice(1), shape.slice(1))) return undefined;
    misfits.push(found);
  }
  const classes = new Set(misfits.map(([outputs]) => outputs));
  if (classes.size > 1 || misfits.length > 2) return undefined;
  const [count] = classes;
  return count === undefined ? {} : { classes: count };
}

/** What stands before the network's first key in the checkpoint's ("module.", as DataParallel writes it). */
function prefixOf(keys: Iterable<string>, first: string): string {
  for (const key of keys) if (key === first || key.endsWith(`.${first}`)) return key.slice(0, -first.length);
  return "";
}

const isCounter = (key: string) => key.endsWith("num_batches_tracked");
const isSame = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((side, i) => side === b[i]);
const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
