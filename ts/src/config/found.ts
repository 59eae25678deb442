/** What stands in a configuration file, with where it stands. */

/** A value of a file: text, a number, true, false, null; a list; or values by name. */
export interface Found {
  /** Such as `models[0].threads`; "" for the whole. */
  readonly path: string;
  /** Where it stands, from 1; for what is missing, where it is missing. */
  readonly line: number;
  /** Undefined where there is nothing, or a list or a record. */
  readonly value?: unknown;
  readonly items?: readonly Found[];
  readonly entries?: ReadonlyMap<string, Found>;
}

/** What is wrong with a file, as it is found; a reader goes on, so that all of it is said at once. */
export type Problems = { readonly line: number; readonly message: string }[];

/** Takes a value of the file as what it should be, or notes what is wrong; then what it gives is of no use. */
export type Reader<T> = (found: Found, problems: Problems) => T;

/** What a reader gives. */
export type Read<R> = R extends Reader<infer T> ? T : never;

const isMissing = ({ value, items, entries }: Found): boolean =>
  (value === undefined || value === null) && !items && !entries;

/** A value in words, for a message. */
function shown(found: Found): string {
  if (found.items) return "a list";
  if (found.entries) return "names with values";
  return isMissing(found) ? "nothing" : JSON.stringify(found.value);
}

function wrong(wanted: string, found: Found, problems: Problems): never {
  const name = found.path || "the file";
  const message = isMissing(found)
    ? `${name} is missing: it is ${wanted}.`
    : `${name} is ${wanted}, not ${shown(found)}.`;
  problems.push({ line: found.line, message });
  return undefined as never;
}

/** A value that passes. */
const scalar =
  <T>(wanted: string, passes: (value: unknown) => boolean): Reader<T> =>
  (found, problems) =>
    !isMissing(found) && passes(found.value) ? (found.value as T) : wrong(wanted, found, problems);

export const text: Reader<string> = scalar("a text", (value) => typeof value === "string" && value !== "");
export const flag: Reader<boolean> = scalar("true or false", (value) => typeof value === "boolean");
export const number: Reader<number> = scalar("a number", Number.isFinite);

/** A text, which may be written as a number, as versions are. */
export const name: Reader<string> = (found, problems) =>
  typeof found.value === "number" ? String(found.value) : text(found, problems);

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number): Reader<number> =>
  scalar(`a whole number from ${least} to ${most}`, (value) => {
    return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  });

/** A number of seconds or the like, from `least` to `most`. */
export const between = (least: number, most: number): Reader<number> =>
  scalar(`a number from ${least} to ${most}`, (value) => {
    return Number.isFinite(value) && (value as number) >= least && (value as number) <= most;
  });

export const choice = <T extends string>(...words: readonly T[]): Reader<T> =>
  scalar(words.join(" or "), (value) => words.includes(value as T));

const UNITS: Readonly<Record<string, number>> = { "": 1, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 };

/** A number of bytes, or a text such as `16 MiB`. */
export const bytes: Reader<number> = (found, problems) => {
  const [, count, unit = ""] = /^(\d{1,9}) ?([KMG]iB)?$/i.exec(String(found.value ?? "")) ?? [];
  const value = Number(count) * UNITS[unit.toUpperCase()]!;
  return value > 0 ? value : wrong("a number of bytes, such as 16 MiB", found, problems);
};

export const list =
  <T>(of: Reader<T>): Reader<readonly T[]> =>
  (found, problems) =>
    found.items ? found.items.map((item) => of(item, problems)) : wrong("a list", found, problems);

/** What `reader` takes, or `otherwise` where there is nothing. */
export const or =
  <T, D>(reader: Reader<T>, otherwise: D): Reader<T | D> =>
  (found, problems) =>
    isMissing(found) ? otherwise : reader(found, problems);

/** What `reader` takes and `check` finds nothing wrong with; else it says what. */
export const checked =
  <T>(reader: Reader<T>, check: (value: T) => string | undefined): Reader<T> =>
  (found, problems) => {
    const before = problems.length;
    const value = reader(found, problems);
    const message = problems.length === before ? check(value) : undefined;
    if (message) problems.push({ line: found.line, message: `${found.path || "The file"} ${message}.` });
    return value;
  };

/** Any values, as plain data; whoever gets them checks them. */
export const plain: Reader<unknown> = (found, problems) => {
  if (found.items) return found.items.map((item) => plain(item, problems));
  if (!found.entries) return found.value;
  return Object.fromEntries([...found.entries].map(([key, value]) => [key, plain(value, problems)]));
};

/** Values by the names in `fields`, and no others. */
export const record =
  <F extends Readonly<Record<string, Reader<unknown>>>>(
    fields: F,
  ): Reader<{ readonly [K in keyof F]: Read<F[K]> }> =>
  (found, problems) => {
    if (!found.entries && !isMissing(found)) return wrong("names with values", found, problems);
    const under = (key: string): string => (found.path ? `${found.path}.${key}` : key);
    for (const [key, { line }] of found.entries ?? []) {
      if (Object.hasOwn(fields, key)) continue;
      const message = `${under(key)} is unknown here; known are ${Object.keys(fields).join(", ")}.`;
      problems.push({ line, message });
    }
    const read = Object.entries(fields).map(([key, reader]) => {
      const nothing = { path: under(key), line: found.line };
      return [key, reader(found.entries?.get(key) ?? nothing, problems)];
    });
    return Object.fromEntries(read);
  };
