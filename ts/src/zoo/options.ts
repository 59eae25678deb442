/** Options of the builders: defaults and checks. */
import { integer, list, number, withDefaults } from "../check.js";
import type { ModelOptions } from "./row.js";

/** A check of check.ts: gives the value back, or throws `bad-option`. */
export type Check<T> = (where: string, name: string, value: T) => T;

/** What an option is unless given, and how it is checked. */
export type Table<T> = { readonly [K in keyof T]-?: readonly [T[K], Check<NonNullable<T[K]>>] };

/** A whole number of at least 1. */
export const positive: Check<number> = (where, name, value) => integer(where, name, value, 1);

/** What something is multiplied by: any number above 0. */
export const factor: Check<number> = (where, name, value) => number(where, name, value, 0);

/** How often a layer or block is repeated: 1 to 1000, so that a slip does not build for hours. */
export const repeats: Check<number> = (where, name, value) => integer(where, name, value, 1, 1000);

/** A list of {@link repeats}, one a stage. */
export const repeatsList: Check<readonly number[]> = (where, name, values) =>
  list(where, name, values, repeats);

/** Those that every builder takes, for an ImageNet classifier. */
const COMMON: Table<ModelOptions> = { classes: [1000, positive], inChannels: [3, positive] };

/**
 * Options with their defaults, in the order of `table` behind `classes` and `inChannels`, each checked. Throws
 * `bad-option`.
 */
export function optionsOf<T extends ModelOptions>(
  where: string,
  given: T,
  table: Table<Omit<T, keyof ModelOptions>> & Partial<Table<ModelOptions>>,
): Required<T> {
  const all = { ...COMMON, ...table } as Table<T>;
  const names = Object.keys(all) as (keyof T & string)[];
  const defaults = Object.fromEntries(names.map((name) => [name, all[name][0]])) as unknown as T;
  const set = withDefaults(where, defaults, given);
  for (const name of names) all[name][1](where, name, set[name] as NonNullable<T[typeof name]>);
  return set as Required<T>;
}
