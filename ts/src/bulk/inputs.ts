/** Which images a bulk run is about: files, folders, patterns, and lists of paths or URLs. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline";
import { findFiles } from "../cli/files.js";
import { needPeers } from "../cli/peers.js";
import { ConvzooError } from "../errors.js";

/** What lists may name. They may come from strangers, whose words should not reach other files or the inner network. */
export interface Trust {
  /** Whether lists may name http and https URLs. */
  readonly urls: boolean;
  /** Whether lists may name files outside of the folder that they lie in. */
  readonly anywhere: boolean;
}

/** Columns of a CSV file, or keys of a line of JSON, that can hold an image's place. */
const COLUMNS = ["file", "path", "url", "image"] as const;

/** Characters that a row of a CSV file may have: a quote that is never closed would else swallow all that follows. */
const LONGEST_ROW = 2 ** 20;

const isUrl = (place: string): boolean => /^https?:\/\//i.test(place);

/**
 * Every image's place, in order. Rejects with `not-found` for an argument that names nothing, and `bad-option` for a list
 * that cannot be read: which line, and why.
 */
export async function* inputs(
  given: readonly string[],
  lists: readonly string[],
  trust: Trust,
): AsyncGenerator<string> {
  for (const { file, error } of await findFiles(given)) {
    if (error) throw error;
    if (!isUrl(file)) {
      await stat(file).catch((cause) => {
        throw new ConvzooError("not-found", `${file} does not exist.`, { source: file, cause });
      });
    }
    yield file;
  }
  for (const list of lists) yield* listed(list, trust);
}

async function* listed(list: string, trust: Trust): AsyncGenerator<string> {
  await stat(list).catch((cause) => {
    throw new ConvzooError("not-found", `The list ${list} does not exist.`, { source: list, cause });
  });
  let line = 0;
  for await (const place of places(list)) {
    line++;
    if (place === undefined || place === "") {
      const wanted = `it has ${COLUMNS.join(", ")} for the image's path or URL`;
      throw bad(list, line, `names no image: ${wanted}`);
    }
    yield isUrl(place) ? checkUrl(list, line, place, trust) : checkPath(list, line, place, trust);
  }
}

/** The place in each entry, by the list's ending: .csv with a line of names, .jsonl, else a place a line. */
async function* places(list: string): AsyncGenerator<string | undefined> {
  const kind = extname(list).toLowerCase();
  if (kind === ".csv") {
    needPeers("bulk --list FILE.csv");
    const { parse } = await import("csv-parse");
    const rows = createReadStream(list).pipe(
      parse({ columns: true, bom: true, skip_empty_lines: true, max_record_size: LONGEST_ROW }),
    );
    try {
      for await (const row of rows) yield placeOf(row as Record<string, unknown>);
    } catch (cause) {
      throw new ConvzooError("bad-option", `${list} is no CSV: ${(cause as Error).message}.`, {
        source: list,
        cause,
      });
    }
    return;
  }
  const lines = createInterface({ input: createReadStream(list), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    number++;
    if (line.trim() === "") continue;
    if (kind === ".jsonl" || kind === ".ndjson") yield placeOf(parsed(list, number, line));
    else yield line;
  }
}

function parsed(list: string, line: number, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(list, line, `is no JSON: ${(cause as Error).message}`);
  }
  if (typeof value === "string") return { file: value };
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw bad(list, line, "is neither an object nor a text");
}

function placeOf(row: Record<string, unknown>): string | undefined {
  const column = COLUMNS.find((name) => Object.hasOwn(row, name));
  const place = column === undefined ? undefined : row[column];
  return typeof place === "string" ? place : undefined;
}

function checkUrl(list: string, line: number, url: string, { urls }: Trust): string {
  if (!urls) throw bad(list, line, `names a URL, ${url}; --urls lets lists do so`);
  if (!URL.canParse(url)) throw bad(list, line, `names ${url}, which is no URL`);
  return url;
}

/** The path as it is from here; those of a list count from its folder. */
function checkPath(list: string, line: number, path: string, { anywhere }: Trust): string {
  const folder = resolve(dirname(list));
  const full = resolve(folder, path);
  const inside = relative(folder, full);
  const isOutside = inside.startsWith("..") || isAbsolute(inside);
  if (path.includes("\0")) throw bad(list, line, "names a path with a zero byte");
  if (isOutside && !anywhere)
    throw bad(list, line, `names ${path}, outside of the list's folder; --anywhere lets lists do so`);
  return join(dirname(list), relative(folder, full));
}

const bad = (list: string, line: number, why: string): ConvzooError =>
  new ConvzooError("bad-option", `${list}, entry ${line}, ${why}.`, { source: list });
