/**
 * PyTorch's stream of pickles, which torch.save wrote before 1.6: a magic number, the version, facts about the machine, the
 * value, the keys of its storages, then each storage as its count of elements and their bytes, little-endian on any machine.
 */
import { ConvzooError } from "../../errors.js";
import type { Bytes } from "../bytes.js";
import { ARRAYS } from "../dtype.js";
import { OTHER_STORAGES, STORAGES, storageName } from "./globals.js";
import { OutOfBytes, type Pickle, type Refuse, unpickle } from "./pickle.js";
import type { Checkpoint, StorageBytes } from "./tensors.js";
import { Global } from "./value.js";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;

/** Nothing says how long the pickles are: so much is read first, and four times as much wherever that was too little. */
const FIRST_BYTES = 2 ** 20;
/** Pickles hold no data of tensors, some hundred bytes for each. */
const MAX_PICKLE_BYTES = 2 ** 26;

export async function readLegacy(bytes: Bytes, refuse: Refuse): Promise<Checkpoint> {
  const { main, keys } = await readPickles(bytes, refuse);
  const sizes = elementSizes(main);
  const storages = new Map<string, StorageBytes>();
  if (!Array.isArray(keys.value)) return refuse.damaged("its list of storages is none");
  let at = keys.end;
  for (const key of keys.value) {
    const size = typeof key === "string" ? sizes.get(key) : undefined;
    if (typeof key !== "string" || size === undefined || storages.has(key)) {
      return refuse.damaged("its list of storages names one twice, or one that no tensor has");
    }
    if (at + 8 > bytes.size) refuse.damaged("it was cut short");
    const head = await bytes.read(at, at + 8);
    const count = Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true));
    const begin = at + 8;
    at = begin + count * size;
    if (!(at <= bytes.size)) refuse.damaged(`it was cut short, or states a wrong size for storage ${key}`);
    storages.set(key, { size: count * size, read: (from, to) => bytes.read(begin + from, begin + to) });
  }
  return { root: main.value, bigEndian: false, storage: (key) => storages.get(key) };
}

async function readPickles(bytes: Bytes, refuse: Refuse): Promise<{ main: Pickle; keys: Pickle }> {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const start = await bytes.read(0, Math.min(length, bytes.size, MAX_PICKLE_BYTES));
    try {
      const magic = unpickle(start, 0, refuse);
      if (magic.value !== MAGIC) refuseOther(bytes.name);
      const version = unpickle(start, magic.end, refuse);
      if (version.value !== VERSION) refuse.damaged(`its version is not ${VERSION}`);
      const machine = unpickle(start, version.end, refuse);
      const main = unpickle(start, machine.end, refuse);
      return { main, keys: unpickle(start, main.end, refuse) };
    } catch (error) {
      if (!(error instanceof OutOfBytes)) throw error;
      if (start.length === bytes.size) refuse.damaged("it was cut short");
      if (start.length === MAX_PICKLE_BYTES) refuse.damaged("its pickles have more than 64 MiB");
    }
  }
}

function refuseOther(source: string): never {
  const message = `${source} is a pickle, but not one that torch.save wrote. Save the weights with torch.save.`;
  throw new ConvzooError("unknown-format", message, { source });
}

/** Bytes an element of each storage has, by the storage's key. */
function elementSizes({ references }: Pickle): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { id } of references) {
    const [, type, key] = id;
    const name = type instanceof Global ? storageName(type.name) : undefined;
    if (name === undefined || typeof key !== "string" || sizes.has(key)) continue;
    const dtype = STORAGES.get(name);
    sizes.set(key, dtype ? ARRAYS[dtype].BYTES_PER_ELEMENT : OTHER_STORAGES.get(name)!);
  }
  return sizes;
}
