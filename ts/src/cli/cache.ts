/** `convzoo cache`: what downloads left, listed, checked, removed. */
import { ConvzooError } from "../errors.js";
import { megabytes, table } from "./format.js";
import type { Io } from "./io.js";

/** What `cache` was asked for. */
export interface CacheRequest {
  readonly action: "ls" | "rm" | "verify";
  /** Files to remove. */
  readonly names: readonly string[];
  /** Whether all are to be removed. */
  readonly all: boolean;
  readonly json: boolean;
}

/** Gives 1 where `verify` found damaged files, which it removes, else 0. Throws `not-found` for a file that is not there. */
export async function manageCache({ action, names, all, json }: CacheRequest, io: Io): Promise<number> {
  const cache = await io.cache();
  const entries = await cache.list();
  const print = (rows: readonly object[], text: string) =>
    io.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : text);
  if (action === "ls") {
    const sum = entries.reduce((total, { bytes }) => total + bytes, 0);
    const rows = entries.map(({ name, bytes }) => [name, megabytes(bytes)]);
    print(
      entries,
      `${table(rows, [false, true])}${entries.length} files, ${megabytes(sum)}, in ${cache.folder}\n`,
    );
    return 0;
  }
  if (action === "rm") {
    const strange = names.find((name) => !entries.some((entry) => entry.name === name));
    if (strange !== undefined) {
      const message = `There is no ${strange} in ${cache.folder}; \`convzoo cache ls\` lists what there is.`;
      throw new ConvzooError("not-found", message, { source: strange });
    }
    const removed = all ? entries.map(({ name }) => name) : names;
    for (const name of removed) await cache.remove(name);
    print(
      removed.map((name) => ({ name })),
      `${removed.length} files removed from ${cache.folder}\n`,
    );
    return 0;
  }
  const checked: { name: string; state: "sound" | "damaged" | "unknown" }[] = [];
  for (const { name } of entries) {
    // The name holds the first digits, as registered files' names do; any other was put here by somebody else.
    const wanted = /-([0-9a-f]{8,64})\.\w+$/.exec(name)?.[1];
    const kept = await cache.open(name);
    const hash = await kept?.sha256();
    await kept?.close();
    const state = wanted === undefined ? "unknown" : hash?.startsWith(wanted) ? "sound" : "damaged";
    if (state === "damaged") await cache.remove(name);
    checked.push({ name, state });
  }
  const words = { sound: "sound", damaged: "damaged, removed", unknown: "no hash in its name" };
  print(
    checked,
    table(
      checked.map(({ name, state }) => [name, words[state]]),
      [false, false],
    ),
  );
  return checked.some(({ state }) => state === "damaged") ? 1 : 0;
}
