/** The options that stand in a query or a form. */
import type { DenseOptions } from "../../dense/index.js";
import type { ClassifyOptions } from "../../model.js";
import { badRequest } from "../refusal.js";

type Given = ReadonlyMap<string, string>;

export const CLASSIFY = ["model", "topk", "crops", "average", "batch"];
export const DENSE = ["model", "label", "pooling", "fine", "scales"];

/** More classes than are worth sending. */
const MOST_CLASSES = 1000;
/** Factors of an image's size, and how many: each is a run over all of it. */
const SCALES = { most: 6, least: 0.1, greatest: 4 };

/** Throws 400. */
export function classifyOptions(given: Given): ClassifyOptions & { readonly together: boolean } {
  const topk = given.get("topk");
  if (topk !== undefined && !(/^[1-9]\d{0,3}$/.test(topk) && Number(topk) <= MOST_CLASSES))
    throw badRequest(`topk is a whole number from 1 to ${MOST_CLASSES}.`);
  return {
    topk: Number(topk ?? 5),
    crops: word(given, "crops", ["center", "five", "ten", "dense"] as const),
    average: word(given, "average", ["probabilities", "scores"] as const),
    together: word(given, "batch", ["on", "off"]) !== "off",
  };
}

/** Throws 400. */
export function denseOptions(given: Given): DenseOptions & { readonly label?: string | number } {
  const label = given.get("label");
  const pooling = word(given, "pooling", ["window", "cell"] as const);
  const fine = word(given, "fine", ["true", "false"]);
  return {
    ...(label === undefined ? {} : { label: /^\d{1,6}$/.test(label) ? Number(label) : label }),
    // An option that is not set is one that the network decides.
    ...(pooling && { pooling }),
    ...(fine && { fine: fine === "true" }),
    scales: scales(given.get("scales") ?? "1"),
  };
}

function scales(text: string): readonly number[] {
  const factors = text
    .split(",", SCALES.most + 1)
    .map((factor) => (/^\d+(?:\.\d+)?$/.test(factor) ? Number(factor) : Number.NaN));
  const { most, least, greatest } = SCALES;
  if (factors.length <= most && factors.every((factor) => factor >= least && factor <= greatest))
    return factors;
  throw badRequest(`scales is at most ${most} factors from ${least} to ${greatest}, such as 1,1.5.`);
}

function word<const T extends string>(given: Given, name: string, words: readonly T[]): T | undefined {
  const value = given.get(name);
  if (value === undefined || words.includes(value as T)) return value as T | undefined;
  throw badRequest(`${name} is ${words.join(" or ")}.`);
}
