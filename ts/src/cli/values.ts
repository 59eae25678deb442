/** What options of the command line can say. All throw `bad-option`. */
import { ConvzooError } from "../errors.js";
import type { Crops } from "../image/views.js";

export const AVERAGES = ["probabilities", "scores"] as const;

export function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw wrong(`--${name} is a whole number of at least 1, not "${text}".`);
}

export function choice<T extends string>(name: string, text: string | undefined, choices: readonly T[]) {
  if (text === undefined) return undefined;
  const found = choices.find((one) => one === text);
  if (found === undefined) throw wrong(`--${name} is ${choices.join(" or ")}, not "${text}".`);
  return found;
}

/** `random` is the lecture's: five crops and their reflections. */
export function crops(text: string, seed: string | undefined): Crops | "dense" {
  const [, count = 5] = /^random(?::([1-9]\d{0,2}|1000))?$/.exec(text) ?? [undefined, 0];
  if (seed !== undefined && !(count && /^\d+$/.test(seed) && Number(seed) < 2 ** 31))
    throw wrong(`--seed is a whole number below 2^31, and goes with --crops random; not "${seed}".`);
  if (count) return { random: Number(count), reflect: true, seed: Number(seed ?? 0) };
  if (text === "center" || text === "five" || text === "ten" || text === "dense") return text;
  throw wrong(`--crops is center, five, ten, dense, random or random:N with N up to 1000, not "${text}".`);
}

export const wrong = (message: string, cause?: unknown): ConvzooError =>
  new ConvzooError("bad-option", message, { cause });
