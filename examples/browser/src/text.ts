/** Numbers as the page writes them. */

/** 44.4 k, 1.24 M, 349 M, 4.09 G. */
export function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(value >= 1e11 ? 0 : 2)} G`;
  if (value >= 1e5) return `${(value / 1e6).toFixed(value >= 1e8 ? 0 : 2)} M`;
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)} k` : String(value);
}

/** Milliseconds with three digits that matter. */
export function ms(value: number): string {
  if (value >= 1e4) return `${(value / 1e3).toFixed(1)} s`;
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

/** 3 x 224 x 224, with the sign of multiplication. */
export const shape = (sides: readonly number[]): string => sides.join(" × ");
