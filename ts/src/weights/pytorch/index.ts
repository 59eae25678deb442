/** PyTorch's checkpoints, read without Python: nothing that a file says is run. */
import { ConvzooError } from "../../errors.js";
import type { Bytes } from "../bytes.js";
import type { StoredTensor, StoredWeights } from "../stored.js";
import { readArchive } from "./archive.js";
import { readLegacy } from "./legacy.js";
import type { Refuse } from "./pickle.js";
import { selectWeights } from "./select.js";
import { byteCount, type Checkpoint, type Fail, isTensor, tensorOf } from "./tensors.js";
import type { Dict } from "./value.js";

export interface PytorchOptions {
  /**
   * Which of the dictionaries in a checkpoint holds the weights: its keys with dots between them, such as "ema" or
   * "model.ema".
   */
  readonly select?: string;
}

/**
 * How many times the bytes of its storages the tensors of a file may have together. Tied tensors share a storage a few times;
 * a file of a few bytes whose tensors would fill the memory is an attack.
 */
const MAX_SHARING = 16;
const SHARED_FREELY = 2 ** 24;

/**
 * The tensors of a file that torch.save wrote (.pth, .pt; since PyTorch 1.6 a zip archive, before a stream of pickles), by
 * key: those of its state dict. Their data is read when it is asked for, and made row-major. Of a checkpoint that holds more,
 * the dictionary under one of the usual names (`state_dict`, `model_state_dict`, `model_state`, `model`, `net`, `weights`) is
 * taken, else the only one that holds tensors; `select` takes another. What is no tensor there is left out.
 *
 * @throws {ConvzooError} `unsafe-pickle`: the file names a global or an opcode that weights do not need (a whole pickled
 * module, for one); `bad-weights`, with `key` where one tensor is to blame; `bad-option`: `select` is needed, or names nothing;
 * `unknown-format`: TorchScript, a tar file, a pickle of something else; `unsupported`: a compressed archive where the runtime
 * cannot inflate
 */
export async function readPytorch(bytes: Bytes, { select }: PytorchOptions = {}): Promise<StoredWeights> {
  const refuse = refusals(bytes.name);
  const file = await readFile(bytes, refuse);
  const weights = selectWeights(file.root, bytes.name, select);
  return tensorsOf(weights, file, refuse.damaged);
}

async function readFile(bytes: Bytes, refuse: Refuse): Promise<Checkpoint> {
  const [first, second] = await bytes.read(0, Math.min(2, bytes.size));
  if (first === 0x50 && second === 0x4b) return readArchive(bytes, refuse);
  if (first === 0x80) return readLegacy(bytes, refuse);
  const message = `${bytes.name} is neither a zip archive nor a pickle, so it is none of PyTorch's files.`;
  throw new ConvzooError("unknown-format", message, { source: bytes.name });
}

function tensorsOf(weights: Dict, file: Checkpoint, fail: Fail): StoredWeights {
  const tensors = new Map<string, StoredTensor>();
  const storages = new Map<string, number>();
  let total = 0;
  for (const [key, value] of weights) {
    if (!isTensor(value)) continue;
    if (typeof key !== "string") return fail("one of its tensors has a key that is no text");
    const { tensor, layout, storage } = tensorOf(value, key, file, fail);
    tensors.set(key, tensor);
    storages.set(storage, file.storage(storage)!.size);
    total += byteCount(layout);
  }
  const stored = [...storages.values()].reduce((sum, size) => sum + size, 0);
  if (total > SHARED_FREELY + MAX_SHARING * stored) {
    fail(`its tensors have ${total} bytes, but share ${stored} in the file`);
  }
  return tensors;
}

function refusals(source: string): Refuse {
  return {
    damaged(message, key) {
      const advice = "Download it again, or save it again with torch.save";
      const text = `${source} cannot be read as a PyTorch checkpoint: ${message}. ${advice}.`;
      throw new ConvzooError("bad-weights", text, { source, key });
    },
    unsafe(what) {
      const text =
        `${source} needs ${what.slice(0, 200)}, which weights do not: it was not run, and the file is refused. ` +
        "If it is a whole module or holds objects of your own, save its weights alone where you trust it: " +
        "torch.save(model.state_dict(), FILE).";
      throw new ConvzooError("unsafe-pickle", text, { source });
    },
  };
}
