/** A line of JSON for each thing that happens. */

export type Level = "info" | "warn" | "error";
export type Log = (level: Level, message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Writes each line through `write`; what is undefined is left out, and what a client sent cannot begin a line of its own. */
export const jsonLog =
  (write: (line: string) => void): Log =>
  (level, message, fields = {}) =>
    write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
