/**
 * PyTorch's zip archive, which torch.save writes since 1.6: NAME/data.pkl is the value, NAME/data/KEY each storage, and
 * NAME/byteorder says how the machine ordered bytes.
 */
import { ConvzooError } from "../../errors.js";
import type { Bytes } from "../bytes.js";
import { readZip, type ZipEntry } from "../zip.js";
import { OutOfBytes, type Pickle, type Refuse, unpickle } from "./pickle.js";
import type { Checkpoint } from "./tensors.js";

/** A pickle holds no data of tensors, some hundred bytes for each. */
const MAX_PICKLE_BYTES = 2 ** 26;

export async function readArchive(bytes: Bytes, refuse: Refuse): Promise<Checkpoint> {
  const entries = await readZip(bytes);
  const pickle = [...entries.values()].find(({ name }) => /^([^/]*\/)?data\.pkl$/.test(name));
  const prefix = pickle?.name.slice(0, -"data.pkl".length) ?? "";
  if (!pickle) {
    const message = `${bytes.name} is a zip archive without data.pkl, so torch.save did not write it. Is it a file to be unpacked?`;
    throw new ConvzooError("unknown-format", message, { source: bytes.name });
  }
  if (entries.has(`${prefix}constants.pkl`)) {
    const message =
      `${bytes.name} is a TorchScript archive, a program, and only weights are read. Take them out in Python:\n` +
      `  torch.save(torch.jit.load("FILE", map_location="cpu").state_dict(), "FILE.pth")`;
    throw new ConvzooError("unknown-format", message, { source: bytes.name });
  }
  const { value } = await readPickle(pickle, refuse);
  return {
    root: value,
    bigEndian: (await byteOrder(entries.get(`${prefix}byteorder`), refuse)) === "big",
    storage: (key) => entries.get(`${prefix}data/${key}`),
  };
}

async function readPickle(entry: ZipEntry, refuse: Refuse): Promise<Pickle> {
  if (entry.size > MAX_PICKLE_BYTES) {
    refuse.damaged(`its pickle has ${entry.size} bytes, and at most 64 MiB are read`);
  }
  try {
    return unpickle(await entry.read(0, entry.size), 0, refuse);
  } catch (error) {
    if (error instanceof OutOfBytes) refuse.damaged("its pickle was cut short");
    throw error;
  }
}

async function byteOrder(entry: ZipEntry | undefined, refuse: Refuse): Promise<string> {
  // Files of the versions that did not write it are little-endian, as PyTorch takes them too.
  if (!entry) return "little";
  const text = entry.size > 6 ? "" : String.fromCharCode(...(await entry.read(0, entry.size)));
  return text === "little" || text === "big"
    ? text
    : refuse.damaged("its byte order is neither little nor big");
}
