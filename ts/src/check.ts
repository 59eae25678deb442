import { ConvzooError } from "./errors.js";

/** Top, left, bottom, right. */
export type Sides = readonly [number, number, number, number];

/**
 * Checks of what callers pass to builders. `where` and `name` say in the message which option of what is
 * meant.
 */

/**
 * `defaults` with what `given` sets; an option that is undefined counts as not given. The values are not
 * looked at. Throws `bad-option` for an option that `defaults` lacks, so that a misspelt one is not ignored.
 */
export function withDefaults<T extends object>(where: string, defaults: T, given: Partial<T>): T {
  if (typeof given !== "object" || given === null) {
    throw new ConvzooError("bad-option", `${where}: options are an object, but ${show(given)} was given.`);
  }
  const known = Object.keys(defaults);
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    throw new ConvzooError(
      "bad-option",
      `${where}: there is no option "${key}"; the options are ${known.join(", ")}.`,
    );
  }
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(set) };
}

/** A whole number from `least` to `most`; 2^31 - 1 fits every integer of the core. Throws `bad-option`. */
export function integer(
  where: string,
  name: string,
  value: number,
  least: number,
  most = 2 ** 31 - 1,
): number {
  if (isInteger(value, least) && value <= most) return value;
  const wanted =
    most < 2 ** 31 - 1 ? `a whole number from ${least} to ${most}` : `a whole number of at least ${least}`;
  throw wrong(where, name, wanted, value);
}

/** A number or a pair of them, in the form given (PyTorch prints it so). Throws `bad-option`. */
export function size(
  where: string,
  name: string,
  value: number | readonly [number, number],
  least: number,
): number | readonly [number, number] {
  if (isInteger(value, least)) return value;
  if (Array.isArray(value) && value.length === 2 && value.every((side) => isInteger(side, least))) {
    return [value[0], value[1]];
  }
  throw wrong(where, name, `a whole number of at least ${least} or a pair [rows, columns] of them`, value);
}

/**
 * A pooling's padding: at most half of what the kernel reaches over, or [top, left, bottom, right] of less than all of
 * it, so that every window reaches the input; or `"same"`. Throws `bad-option`.
 */
export function poolPadding(
  where: string,
  value: number | readonly [number, number] | Sides | "same",
  kernel: number | readonly [number, number],
  dilation: number | readonly [number, number],
): number | readonly [number, number] | Sides | "same" {
  if (value === "same") return value;
  const spread = pairOf(dilation);
  const reach = pairOf(kernel).map((side, axis) => (side - 1) * (spread[axis] ?? 1) + 1);
  if (typeof value !== "number" && value?.length === 4) {
    const all = sides(where, value, 0);
    if (all.every((side, i) => side < (reach[i % 2] ?? 0))) return all;
    throw wrong(where, "padding", `less than the kernel, ${show(reach)}`, value);
  }
  const padding = size(where, "padding", value, 0);
  if (pairOf(padding).every((side, axis) => 2 * side <= (reach[axis] ?? 0))) return padding;
  throw wrong(where, "padding", `at most half of the kernel, ${show(reach)}`, value);
}

/** Zeros on each side, [top, left, bottom, right]. Throws `bad-option`. */
export function sides(where: string, value: readonly number[], least: number): Sides {
  if (Array.isArray(value) && value.length === 4 && value.every((side) => isInteger(side, least))) {
    return [...(value as unknown as Sides)];
  }
  throw wrong(where, "padding", `[top, left, bottom, right], whole numbers of at least ${least}`, value);
}

/** A finite number above `above`. Throws `bad-option`. */
export function number(where: string, name: string, value: number, above = Number.NEGATIVE_INFINITY): number {
  if (Number.isFinite(value) && value > above) return value;
  throw wrong(
    where,
    name,
    above > Number.NEGATIVE_INFINITY ? `a number above ${above}` : "a finite number",
    value,
  );
}

/** A list of at least one value, each of which `check` takes. Throws `bad-option`. */
export function list<T>(
  where: string,
  name: string,
  values: readonly T[],
  check: (where: string, name: string, value: T) => T,
): readonly T[] {
  if (!Array.isArray(values) || values.length === 0) throw wrong(where, name, "a list", values);
  return values.map((value, i) => check(where, `${name}[${i}]`, value));
}

/** A number from 0 to 1. Throws `bad-option`. */
export function probability(where: string, name: string, value: number): number {
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw wrong(where, name, "a number from 0 to 1", value);
}

/** One of some words. Throws `bad-option`. */
export function oneOf<T extends string>(where: string, name: string, value: T, words: readonly T[]): T {
  if (words.includes(value)) return value;
  throw wrong(where, name, words.map(show).join(" or "), value);
}

/** True or false. Throws `bad-option`. */
export function flag(where: string, name: string, value: boolean): boolean {
  if (typeof value === "boolean") return value;
  throw wrong(where, name, "true or false", value);
}

/** Both directions of a size. */
export function pairOf(value: number | readonly [number, number]): readonly [number, number] {
  return typeof value === "number" ? [value, value] : [value[0], value[1]];
}

/** Freezes plain data all the way down, and gives it back. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFreeze(part);
  return value;
}

/** A caller's value as a message shows it. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value))
    return `[${value.map((part) => (Array.isArray(part) ? "[...]" : show(part))).join(", ")}]`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

const isInteger = (value: unknown, least: number): value is number =>
  Number.isInteger(value) && (value as number) >= least && (value as number) < 2 ** 31;

const wrong = (where: string, name: string, wanted: string, value: unknown): ConvzooError =>
  new ConvzooError("bad-option", `${where}: ${name} must be ${wanted}, but is ${show(value)}.`);
