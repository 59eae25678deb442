/** Which of the dictionaries in a checkpoint is the network's weights. */
import { ConvzooError } from "../../errors.js";
import { isTensor } from "./tensors.js";
import type { Dict, Value } from "./value.js";

/** What training scripts call the network's weights in a checkpoint that holds more. */
const USUAL = ["state_dict", "model_state_dict", "model_state", "model", "net", "weights"];

/** Dictionaries in dictionaries, as deep as anybody packs weights; how many are looked at; and how long their names are. */
const MAX_DEPTH = 8;
const MAX_DICTS = 10_000;
const MAX_NAME_LENGTH = 200;

/** A dictionary that holds tensors by name, and where it is: keys with dots between them, "" for the whole file. */
interface WeightSet {
  readonly path: string;
  readonly dict: Dict;
  /** Tensors in it. */
  readonly count: number;
}

/**
 * The dictionary that holds the weights. With `select`, the one at that path, or the only one below it. Else what one of the
 * usual names holds; else the only one that there is, which may be the whole file.
 *
 * @throws {ConvzooError} `bad-option` where `select` names none, or is needed: with the choices; `bad-weights` where there are
 * no tensors
 */
export function selectWeights(root: Value, source: string, select?: string): Dict {
  const sets = root instanceof Map ? weightSets(root) : [];
  if (sets.length === 0) {
    const what = isTensor(root) ? "holds one tensor without a name" : "holds no tensors by name";
    const advice = "Save the network's weights: torch.save(model.state_dict(), FILE)";
    throw new ConvzooError("bad-weights", `${source} ${what}. ${advice}.`, { source });
  }
  if (select !== undefined) {
    const found = below(sets, select);
    return only(found, source, found.length === 0 ? sets : found, `select: "${select}" names`);
  }
  const usual = USUAL.map((name) => below(sets, name)).filter((found) => found.length > 0);
  const [found = sets] = usual.length === 1 ? usual : [];
  return only(found, source, found, "it holds");
}

/** The sets at a path and below it: that at the path, where there is one. */
function below(sets: readonly WeightSet[], path: string): readonly WeightSet[] {
  const exact = sets.filter((set) => set.path === path);
  return exact.length > 0 ? exact : sets.filter((set) => set.path.startsWith(`${path}.`));
}

function only(
  found: readonly WeightSet[],
  source: string,
  choices: readonly WeightSet[],
  subject: string,
): Dict {
  if (found.length === 1) return found[0]!.dict;
  if (choices[0]!.path === "") {
    const message = `${source}: ${subject} no weights: the file is one set of weights. Leave select out.`;
    throw new ConvzooError("bad-option", message, { source });
  }
  const shown = choices.slice(0, 10).map(({ path, count }) => `"${path}" (tensors: ${count})`);
  const more = choices.length > 10 ? ` and ${choices.length - 10} more` : "";
  const what = found.length === 0 ? "no weights" : "several sets of weights";
  const message = `${source}: ${subject} ${what}. Choose one by the option select: ${shown.join(", ")}${more}.`;
  throw new ConvzooError("bad-option", message, { source });
}

/**
 * All sets in the order of the file: dictionaries that have tensors, and more of them than any set below them has. So the
 * accuracy that a script keeps as a tensor beside the weights makes no set of what is around them, and what a layer keeps in a
 * dictionary among the weights takes nothing from them.
 */
function weightSets(root: Dict): WeightSet[] {
  const seen = new Set<Dict>();
  const visit = (dict: Dict, path: string, depth: number): WeightSet[] => {
    // Shared or circular dictionaries count once.
    if (depth > MAX_DEPTH || seen.has(dict) || seen.size >= MAX_DICTS) return [];
    seen.add(dict);
    const inner = [...dict].flatMap(([key, value]) =>
      value instanceof Map && typeof key === "string" && key.length <= MAX_NAME_LENGTH
        ? visit(value, path === "" ? key : `${path}.${key}`, depth + 1)
        : [],
    );
    const count = tensorCount(dict);
    return count > Math.max(0, ...inner.map((set) => set.count)) ? [{ path, dict, count }] : inner;
  };
  return visit(root, "", 0);
}

function tensorCount(dict: Dict): number {
  let count = 0;
  for (const [key, value] of dict) if (typeof key === "string" && isTensor(value)) count++;
  return count;
}
