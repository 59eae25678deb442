/** Files that are there as a whole or not at all, whatever the disk or the process does meanwhile. */
import { open, realpath, rename, rm, stat } from "node:fs/promises";

type Content = string | Uint8Array;

/**
 * Fills a file beside the one that it becomes, and renames it once all of it is on the disk; what is no file (a pipe, a
 * terminal) is written to as it is. Throws what the system says.
 */
export async function writeWhole(
  path: string,
  fill: (write: (content: Content) => Promise<void>) => Promise<void>,
): Promise<void> {
  // A link stays one.
  const target = await realpath(path).catch(() => path);
  const isOther = await stat(target).then(
    (found) => !found.isFile(),
    () => false,
  );
  const aside = isOther ? target : `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  try {
    const file = await open(aside, isOther ? "w" : "wx");
    try {
      // Not `write`, which on a disk that is nearly full writes a part and says so in a number.
      await fill((content) => file.writeFile(content));
      if (!isOther) await file.sync();
    } finally {
      await file.close();
    }
    if (!isOther) await rename(aside, target);
  } catch (error) {
    if (!isOther) await rm(aside, { force: true }).catch(() => undefined);
    throw error;
  }
}
