/** A program for a page, made of its entry's modules. */
import { build } from "esbuild";

/** Writes the bundle of `entry`, and what it loads later beside it, to the folder `outdir`. */
export async function bundle(entry: string, outdir: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "error",
  });
}
