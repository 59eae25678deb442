/** Text for a terminal. */
import type { ConvzooError } from "../errors.js";

export const errorLine = (error: ConvzooError): string => `convzoo: ${error.message} [${error.code}]\n`;

/** Rows as columns two spaces apart; `right` says which columns hold numbers. A line break ends each row. */
export function table(rows: readonly (readonly string[])[], right: readonly boolean[]): string {
  const widths = right.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    widths
      .map((width, i) => (right[i] ? (row[i] ?? "").padStart(width) : (row[i] ?? "").padEnd(width)))
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}

export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar `width` characters wide of which `fraction`, from 0 to 1, is filled, to an eighth of a character. */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(fraction * width * 8);
  return ("█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(width);
}
