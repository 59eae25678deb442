/** What can be said to the commands that handle weight files, `convert` and `cache`. */
import { ConvzooError } from "../errors.js";
import type { CacheRequest } from "./cache.js";
import type { ConvertRequest } from "./convert.js";

export const CONVERT_OPTIONS = {
  dtype: { type: "string" },
  model: { type: "string", short: "m" },
  prefix: { type: "string" },
  "fold-batch-norm": { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

export const CACHE_OPTIONS = {
  all: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

const DTYPES = ["f32", "f16", "bf16"] as const;
const ACTIONS = ["ls", "rm", "verify"] as const;

type Values<T> = { readonly [K in keyof T]?: T[K] extends { type: "boolean" } ? boolean : string };

/** Throws `bad-option`. */
export function convertRequest(
  values: Values<typeof CONVERT_OPTIONS>,
  positionals: readonly string[],
): ConvertRequest {
  const { dtype: text, model, prefix, "fold-batch-norm": fold = false } = values;
  const [from, to, ...more] = positionals;
  if (from === undefined || to === undefined || more.length > 0) {
    throw wrong(
      "`convert` wants IN and OUT, such as `convzoo convert in.safetensors out.safetensors --dtype f16`.",
    );
  }
  const dtype = DTYPES.find((one) => one === text);
  if (text !== undefined && dtype === undefined)
    throw wrong(`--dtype is ${DTYPES.join(" or ")}, not "${text}".`);
  if (fold && model === undefined)
    throw wrong("--fold-batch-norm needs --model, to know which layers follow which.");
  return { from, to, dtype, model, prefix, fold };
}

/** Throws `bad-option`. */
export function cacheRequest(
  { all = false, json = false }: Values<typeof CACHE_OPTIONS>,
  positionals: readonly string[],
): CacheRequest {
  const [text, ...names] = positionals;
  const action = ACTIONS.find((one) => one === text);
  if (action === undefined)
    throw wrong(`\`cache\` wants ${ACTIONS.join(" or ")}; \`convzoo help cache\` explains them.`);
  if (action !== "rm" && (names.length > 0 || all))
    throw wrong(`\`cache ${action}\` is about all files and takes none.`);
  if (action === "rm" && all === names.length > 0) throw wrong("`cache rm` wants FILEs, or --all.");
  return { action, names, all, json };
}

const wrong = (message: string): ConvzooError => new ConvzooError("bad-option", message);
