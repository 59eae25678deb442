/** Loading weights: bytes from anywhere, told apart by content, as a map from checkpoint key to tensor. */
import { ConvzooError } from "../errors.js";
import type { WeightTensor } from "./dtype.js";
import { formatOf, HEAD_BYTES } from "./format.js";
import { type Checkpoint, readSafetensors, type Weights } from "./safetensors.js";
import { type Opened, openSource, type ReadOptions, type WeightSource } from "./source.js";

export { type Dtype, toFloat32, type WeightTensor } from "./dtype.js";
export {
  type GivenTensor,
  type GivenWeights,
  type MatchOptions,
  resolveWeights,
  type Shapes,
} from "./resolve.js";
export type { Weights } from "./safetensors.js";
export type { SaveOptions } from "./save.js";
export type { FilePlatform, ReadOptions, WeightSource } from "./source.js";
export type { StoredTensor, StoredWeights } from "./stored.js";
export type { LoadProgress } from "./stream.js";

/** Options of {@link loadWeights} that are a caller's. */
export interface LoadWeightsOptions extends Pick<ReadOptions, "signal" | "onProgress"> {
  /**
   * Of a PyTorch checkpoint that holds several sets of weights, the one to take: its keys with dots between them, such as
   * "ema" or "model.ema".
   */
  readonly select?: string;
}

/** Those, and what the runtime supplies. */
type Options = LoadWeightsOptions & ReadOptions;

/** A checkpoint whose tensors can be read until `close`. */
export interface OpenCheckpoint extends Checkpoint {
  close(): Promise<void>;
}

/**
 * Reads a checkpoint, known by its content whatever its name: .safetensors, or the index of several such files
 * (model.safetensors.index.json, as a path or URL: the others lie beside it); PyTorch's .pth and .pt, of which nothing is ever
 * run; NumPy's .npz and .npy; the initialisers of an .onnx file.
 *
 * The tensors of a buffer are views of its bytes: it must not change as long as the weights are in use.
 *
 * @throws {ConvzooError} `not-found`, `fetch-failed`, `unknown-format`, `bad-weights`, `unsafe-pickle`, `too-large`,
 * `unsupported`, `bad-option`; an aborted signal's reason
 */
export async function loadWeights(source: WeightSource, options: Options = {}): Promise<Weights> {
  const { tensors, metadata, close } = await openCheckpoint(source, {
    ...options,
    onRead: options.onProgress,
  });
  try {
    const read = new Map<string, WeightTensor>();
    for (const [key, tensor] of tensors) {
      options.signal?.throwIfAborted();
      read.set(key, await tensor.read());
    }
    return Object.assign(read, { metadata });
  } finally {
    await close();
  }
}

/** Opens a checkpoint, of which nothing but its list of tensors is read yet. Rejects as {@link loadWeights} does. */
export async function openCheckpoint(source: WeightSource, options: Options = {}): Promise<OpenCheckpoint> {
  return readOpened(source, await openSource(source, options), options);
}

/** The checkpoint in what was opened, of which `source` is the place. What is open is closed where that fails. */
export async function readOpened(
  source: WeightSource,
  first: Opened,
  options: Options = {},
): Promise<OpenCheckpoint> {
  const opened = [first];
  const close = async () => {
    for (const one of opened) await one.close();
  };
  const shard = async (place: WeightSource) => {
    const one = await openSource(place, options);
    opened.push(one);
    const format = await formatAt(one);
    if (format === "safetensors") return readSafetensors(one.bytes);
    const message = `${one.bytes.name} is itself an index; the files of an index are .safetensors files.`;
    throw new ConvzooError("bad-weights", message, { source: one.bytes.name });
  };
  try {
    const { select } = options;
    const format = await formatAt(first);
    if (select !== undefined && format !== "pytorch") {
      const { name } = first.bytes;
      const message = `select chooses in a PyTorch checkpoint, but ${name} is a ${format} file. Leave it out.`;
      throw new ConvzooError("bad-option", message, { source: name });
    }
    switch (format) {
      case "safetensors":
        return { ...(await readSafetensors(first.bytes)), close };
      case "sharded": {
        const { beside, readSharded } = await import("./sharded.js");
        return { ...(await readSharded(first.bytes, (name) => shard(beside(source, name)))), close };
      }
      case "pytorch": {
        const { readPytorch } = await import("./pytorch/index.js");
        return { tensors: await readPytorch(first.bytes, { select }), metadata: new Map(), close };
      }
      case "onnx": {
        const { readOnnxWeights } = await import("../onnx/weights.js");
        return { tensors: await readOnnxWeights(first.bytes), metadata: new Map(), close };
      }
      case "numpy": {
        const { readNumpy } = await import("./numpy.js");
        return { tensors: await readNumpy(first.bytes), metadata: new Map(), close };
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
}

async function formatAt({ bytes }: Opened) {
  return formatOf(await bytes.read(0, Math.min(HEAD_BYTES, bytes.size)), bytes.name);
}
