/**
 * A checkpoint in several .safetensors files: an index, model.safetensors.index.json, says which file beside it holds which
 * key.
 */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "./bytes.js";
import type { Checkpoint } from "./safetensors.js";
import { isFileUrl, isPlace, isUrl, nameOf, type WeightSource } from "./source.js";
import type { StoredTensor } from "./stored.js";

/** An index lists keys only; one larger than the largest header is an attack or an accident. */
const MAX_INDEX_BYTES = 100_000_000;

/**
 * Reads an index and opens what it names, by `open`, which is given plain names of files.
 *
 * @throws {ConvzooError} `bad-weights`: the index is damaged, names a file elsewhere, or does not say what the files hold;
 * what `open` throws
 */
export async function readSharded(
  bytes: Bytes,
  open: (name: string) => Promise<Checkpoint>,
): Promise<Checkpoint> {
  const source = bytes.name;
  const fail = (message: string, key?: string, cause?: unknown): never => {
    const advice = "Download the index and all its files again";
    throw new ConvzooError("bad-weights", `${source} cannot be read as an index: ${message}. ${advice}.`, {
      source,
      key,
      cause,
    });
  };
  if (bytes.size > MAX_INDEX_BYTES) fail(`it has ${bytes.size} bytes; more than 100 MB are not allowed`);
  const keysOf = new Map<string, string[]>();
  for (const [key, name] of Object.entries(await readIndex(bytes, fail))) {
    if (!isPlainName(name)) return fail(`it puts ${key} in ${JSON.stringify(name)}, no file beside it`, key);
    const keys = keysOf.get(name);
    if (keys) keys.push(key);
    else keysOf.set(name, [key]);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, keys] of keysOf) {
    const shard = await open(name);
    const lost = keys.find((key) => !shard.tensors.has(key));
    if (lost !== undefined) fail(`it says that ${name} holds ${lost}, which it does not`, lost);
    const listed = new Set(keys);
    const strange = [...shard.tensors.keys()].find((key) => !listed.has(key));
    if (strange !== undefined) fail(`${name} holds ${strange}, which it does not list there`, strange);
    for (const [key, tensor] of shard.tensors) tensors.set(key, tensor);
  }
  return { tensors, metadata: new Map() };
}

/** What the index maps keys to, whatever that is. */
async function readIndex(
  bytes: Bytes,
  fail: (message: string, key?: string, cause?: unknown) => never,
): Promise<Readonly<Record<string, unknown>>> {
  let index: unknown;
  try {
    index = JSON.parse(
      new TextDecoder("utf-8", { fatal: true }).decode((await bytes.read(0, bytes.size)).slice()),
    );
  } catch (cause) {
    if (cause instanceof ConvzooError) throw cause;
    return fail("it is not valid JSON", undefined, cause);
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map === "object" && map !== null && !Array.isArray(map)) return map as Record<string, unknown>;
  return fail("it has no weight_map from keys to files");
}

/** Whether this is the name of a file beside the index, and no way out of its folder. */
function isPlainName(name: unknown): name is string {
  return typeof name === "string" && /^[^/\\:\0]+$/.test(name) && name !== "." && name !== "..";
}

/** The place of a file beside this one. Throws `bad-option` where the source is no place. */
export function beside(source: WeightSource, name: string): string | URL {
  if (!isPlace(source)) {
    const message =
      "This is the index of a checkpoint in several files, which lie beside it: pass the index's path or URL.";
    throw new ConvzooError("bad-option", message, { source: nameOf(source) });
  }
  if (isUrl(source) || isFileUrl(source)) return new URL(encodeURIComponent(name), source);
  return (/^.*[/\\]/s.exec(String(source)) ?? "") + name;
}
