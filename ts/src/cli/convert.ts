/** `convzoo convert`: a checkpoint as .safetensors, rounded, folded, without its prefix. */
import { ConvzooError } from "../errors.js";
import { stateShapes } from "../state.js";
import type { WeightTensor } from "../weights/dtype.js";
import { resolveWeights } from "../weights/resolve.js";
import { type SaveOptions, save } from "../weights/save.js";
import { findEntry } from "../zoo/index.js";
import { foldBatchNorms } from "./fold.js";
import { megabytes } from "./format.js";
import type { Io } from "./io.js";

/** What `convert` was asked for. */
export interface ConvertRequest {
  /** Path or URL. */
  readonly from: string;
  readonly to: string;
  /** What floating-point numbers become; as they are unless given. */
  readonly dtype?: SaveOptions["dtype"];
  /** The network that the checkpoint must fit. */
  readonly model?: string;
  readonly prefix?: string;
  readonly fold: boolean;
}

/** Reads one file, writes the other. Throws what `loadWeights`, `saveWeights` and matching throw. */
export async function convert(asked: ConvertRequest, io: Io): Promise<number> {
  const { from, to, dtype, model, prefix = "", fold } = asked;
  const net = model === undefined ? undefined : findEntry(model).build();
  const given = await io.loadWeights(from);
  let tensors = new Map<string, WeightTensor>();
  if (net) {
    const matched = resolveWeights(stateShapes(net), given, from, asked);
    for (const [key, tensor] of matched) tensors.set(key, await tensor.read());
  } else {
    for (const [key, tensor] of given)
      if (key.startsWith(prefix)) tensors.set(key.slice(prefix.length), tensor);
    if (tensors.size === 0) {
      throw new ConvzooError("bad-option", `No key of ${from} begins with "${prefix}"; nothing was written.`);
    }
  }
  const said = [`${tensors.size} tensors`];
  if (net && fold) {
    const { weights, folded } = foldBatchNorms(net, tensors);
    tensors = weights;
    said.push(`${folded} batch norms folded`);
  }
  const file = save(tensors, { dtype, metadata: Object.fromEntries(given.metadata) });
  await io.writeFile(to, file);
  io.stderr.write(`${to}: ${said.join(", ")}, ${megabytes(file.length)}\n`);
  return 0;
}
