/** Values as Python writes them. */
import type { Pair } from "../layers.js";

export const pair = (value: number | Pair): Pair => (typeof value === "number" ? [value, value] : value);

export function shown(value: number | boolean | readonly number[]): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? String(value) : `(${value.join(", ")})`;
}

/** A float: 0.0, not 0; 1e-05, not 0.00001. */
export function float(value: number): string {
  if (Number.isInteger(value)) return `${value}.0`;
  if (Math.abs(value) >= 1e-4) return String(value);
  return value.toExponential().replace(/e-(\d)$/, "e-0$1");
}
