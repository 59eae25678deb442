/** Which weights a network gets: those that a caller gives, or a checkpoint that the zoo registers for it. */
import { ConvzooError } from "./errors.js";
import type { Net } from "./layers.js";
import type { Platform } from "./platform.js";
import { parameterCount, stateShapes } from "./state.js";
import type {
  GivenWeights,
  LoadWeightsOptions,
  MatchOptions,
  OpenCheckpoint,
  Shapes,
  StoredWeights,
  WeightSource,
} from "./weights/index.js";
import { zoo } from "./zoo/index.js";
import type { Checkpoint, Rows, ZooEntry } from "./zoo/row.js";

const rows: Rows = zoo;

/** What this reads of `load`'s options. */
export interface Wanted extends MatchOptions, Pick<LoadWeightsOptions, "select" | "signal" | "onProgress"> {
  readonly weights?: WeightSource | GivenWeights;
}

/** Weights as a caller gives them, or a registered checkpoint. */
export type Chosen =
  | { readonly given: WeightSource | GivenWeights; readonly checkpoint?: undefined }
  | { readonly given?: undefined; readonly checkpoint: Checkpoint };

/**
 * What `weights` stands for: a registered checkpoint by its name, "default" for torchvision's default, nothing for the first
 * of the network's row; or a source. `entry` is that row where the network was asked for by name.
 *
 * Throws `unknown-weights`; `bad-option` where the checkpoint wants a network that was built otherwise.
 */
export function chooseWeights(
  net: Net,
  entry: ZooEntry | undefined,
  { weights, adaptHead = false, adaptStem = false }: Wanted,
): Chosen {
  // A word without a dot or a slash is a checkpoint's name; everything else is a path or URL.
  const isName = typeof weights === "string" && /^\w+$/.test(weights);
  if (weights !== undefined && !isName) return { given: weights };
  const row = entry ?? entryOf(net) ?? (adaptHead || adaptStem ? relativeOf(net) : undefined);
  const registered = Object.entries(row?.weights ?? {});
  const [first] = registered;
  // Those that do not come with the package are torchvision's, its default before the others.
  const standard = registered.find(([, checkpoint]) => isRemote(checkpoint)) ?? first;
  const named = registered.find(([name]) => name === weights);
  const found = weights === undefined ? first : (named ?? (weights === "default" ? standard : undefined));
  if (found) {
    const [, checkpoint] = found;
    if (!entry) checkOptions(net, row!, checkpoint);
    return { checkpoint };
  }
  const names = registered.map(([name]) => name).join(", ");
  const known = names === "" ? "" : `; it has ${names}`;
  const wanted = weights === undefined ? "no registered checkpoint" : `no checkpoint "${String(weights)}"`;
  const advice = "Pass one you have: load(net, { weights: path, URL or bytes })";
  throw new ConvzooError("unknown-weights", `This network has ${wanted}${known}. ${advice}.`);
}

/** Whether a checkpoint does not come with the package: its place is a text then, since none is resolved. */
const isRemote = ({ url }: Checkpoint): boolean => typeof url() === "string";

/** The row of the table that builds this very net, or that which it was made of; known by its print and its keys. */
export function entryOf(given: Net): ZooEntry | undefined {
  const net = given.dense?.of ?? given;
  const [params, text] = [parameterCount(net), String(net)];
  return Object.values(rows).find((entry) => entry.params === params && String(entry.build()) === text);
}

/** The row of a network that has this one's keys, and its shapes but for numbers of classes and channels. */
function relativeOf(net: Net): ZooEntry | undefined {
  const shapes = stateShapes(net);
  const isNear = (own: readonly number[] | undefined, shape: readonly number[]) => {
    const other = shape.filter((side, i) => side !== own?.[i]).length;
    return (
      own?.length === shape.length && (other === 0 || (other === 1 && own[0] !== shape[0]) || own[1] === 1)
    );
  };
  return Object.values(rows).find((entry) => {
    if (Object.keys(entry.weights).length === 0) return false;
    const others = [...stateShapes(entry.build())];
    return (
      others.length === shapes.size &&
      others.every(([key, { shape }]) => isNear(shapes.get(key)?.shape, shape))
    );
  });
}

/** Throws where a checkpoint wants an option that shows in no shape, and the caller's network is as it is without. */
function checkOptions(net: Net, entry: ZooEntry, { options }: Checkpoint): void {
  if (!options) return;
  const [given, plain, wanted] = [net, entry.build(), entry.build(options)].map((one) => JSON.stringify(one));
  if (given !== plain || given === wanted) return;
  const message = `This checkpoint wants the network built with ${JSON.stringify(options)}: pass that to its builder, or its name to load.`;
  throw new ConvzooError("bad-option", message);
}

/** Weights matched to a network, to be read until `close`. */
export interface OpenWeights {
  readonly weights: StoredWeights;
  close(): Promise<void>;
}

/** The chosen weights for a network. Rejects as `loadWeights` and `resolveWeights` do, and with `wrong-hash`. */
export async function openWeights(
  platform: Platform,
  chosen: Chosen,
  shapes: Shapes,
  options: Wanted,
): Promise<OpenWeights> {
  const { given, checkpoint } = chosen;
  // Not loaded before there are weights to load.
  const { resolveWeights } = await import("./weights/index.js");
  if (!checkpoint && isGiven(given)) {
    if (options.select !== undefined) {
      const message = "select chooses in a PyTorch file, but these weights are read already. Leave it out.";
      throw new ConvzooError("bad-option", message);
    }
    return { weights: resolveWeights(shapes, given, undefined, options), close: async () => {} };
  }
  const source = checkpoint ? checkpoint.url() : (given as WeightSource);
  const { tensors, close } = await open(platform, source, checkpoint, options);
  try {
    const name = typeof source === "string" || source instanceof URL ? String(source) : undefined;
    return { weights: resolveWeights(shapes, tensors, name, options), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  platform: Platform,
  source: WeightSource,
  checkpoint: Checkpoint | undefined,
  { select, signal, onProgress }: Wanted,
): Promise<OpenCheckpoint> {
  const { openCheckpoint, readOpened } = await import("./weights/index.js");
  if (!checkpoint || !isRemote(checkpoint))
    return openCheckpoint(source, { platform, select, signal, onProgress });
  const { fetchRegistered } = await import("./weights/registered.js");
  const wanted = { url: String(source), sha256: checkpoint.sha256! };
  return readOpened(source, await fetchRegistered(wanted, platform, { signal, onProgress }), {
    platform,
    select,
    signal,
  });
}

/** Whether these are weights already, not a place to read them from. */
function isGiven(weights: WeightSource | GivenWeights): weights is GivenWeights {
  if (typeof weights !== "object" || weights === null || ArrayBuffer.isView(weights)) return false;
  const tag = Object.prototype.toString.call(weights).slice("[object ".length, -1);
  return !["URL", "Blob", "File", "Response", "ReadableStream", "ArrayBuffer", "SharedArrayBuffer"].includes(
    tag,
  );
}
