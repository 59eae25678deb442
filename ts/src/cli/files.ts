/** Which images the arguments of a command name. */
import { readdir, stat } from "node:fs/promises";
import { extname, join, normalize, sep } from "node:path";
import picomatch from "picomatch";
import { ConvzooError } from "../errors.js";

/** A file to work on, or an argument that names none and why. */
export type Found = { readonly file: string; readonly error?: ConvzooError };

/** Endings of the formats that are decoded. */
const IMAGES = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"];

/**
 * The files that are meant, in order: a folder stands for the images in it and in its folders, by their endings; a pattern such
 * as `photos/*.jpg` for the files that match, where no file has that very name; `-` and URLs for themselves.
 */
export async function findFiles(given: readonly string[]): Promise<readonly Found[]> {
  return (await Promise.all(given.map(find))).flat();
}

async function find(given: string): Promise<Found[]> {
  if (given === "-" || /^[a-z][a-z\d+.-]+:\/\//i.test(given)) return [{ file: given }];
  const known = await stat(given).catch(() => undefined);
  if (known?.isDirectory()) {
    const images = (await filesUnder(given, true)).filter((file) =>
      IMAGES.includes(extname(file).toLowerCase()),
    );
    return listed(given, images, `the folder holds no image (${IMAGES.join(", ")})`);
  }
  const { base, glob, isGlob } = picomatch.scan(given);
  if (known || !isGlob) return [{ file: given }];
  const matches = picomatch(normalized(given), { nocase: sep === "\\" });
  const files = await filesUnder(base || ".", glob.includes("/") || glob.includes("**")).catch(() => []);
  const matching = files.filter((file) => matches(normalized(file)));
  return listed(given, matching, "no file matches the pattern");
}

function listed(given: string, files: readonly string[], lacking: string): Found[] {
  if (files.length > 0) return [...files].sort(byName.compare).map((file) => ({ file }));
  const error = new ConvzooError("not-found", `${given}: ${lacking}.`, { source: given });
  return [{ file: given, error }];
}

/** 2 before 10. */
const byName = new Intl.Collator("en", { numeric: true });

/** The files of a folder, and with `deep` of its folders, as paths that begin with its own. */
async function filesUnder(folder: string, deep: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: deep });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** As paths are compared: without a leading `./`, and with slashes. */
const normalized = (path: string): string => normalize(path).split(sep).join("/");
