/** ONNX files as checkpoints: their initialisers by name. */
import { ConvzooError } from "../errors.js";
import type { Bytes } from "../weights/bytes.js";
import type { StoredTensor, StoredWeights } from "../weights/stored.js";
import { type ModelProto, readModel } from "./proto.js";
import { type Beside, storedTensor } from "./tensor.js";

/**
 * The initialisers of an ONNX model by name, in the order of the file. Exported networks keep PyTorch's keys, unless the
 * exporter has merged layers; what the network computes is not looked at.
 *
 * @param beside opens the files that hold a large model's data; without it, such a model is refused
 * @throws {ConvzooError} `bad-weights`, `unsupported`, with `key` where one tensor is to blame
 */
export async function readOnnxWeights(bytes: Bytes, beside?: Beside): Promise<StoredWeights> {
  return initialisers(await readModel(bytes), bytes.name, beside);
}

/** The initialisers of a model that is read. Throws as `readOnnxWeights` does. */
export function initialisers({ tensors }: ModelProto, source: string, beside?: Beside): StoredWeights {
  const weights = new Map<string, StoredTensor>();
  for (const proto of tensors) {
    const { name: key } = proto;
    if (weights.has(key)) {
      const message = `${source} has two tensors of the name "${key}": the file is damaged.`;
      throw new ConvzooError("bad-weights", message, { key, source });
    }
    weights.set(key, storedTensor(proto, beside));
  }
  return weights;
}
