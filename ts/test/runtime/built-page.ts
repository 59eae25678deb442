/** What tests of the page (examples/browser) share: it, built with the packed package, and words for its parts. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { type Installed, root } from "./packed.js";

/** Where screenshots are kept, to be looked at. */
const screenshots = join(root, "build/page-screenshots");

/** Where a screenshot of this name goes. */
export function screenshot(name: string): string {
  mkdirSync(screenshots, { recursive: true });
  return join(screenshots, `${name}.png`);
}

/** Builds the page into the folder `page` of the one in which the package is installed, and with that package. */
export async function buildPage({ folder }: Installed): Promise<void> {
  await build({
    configFile: join(root, "examples/browser/vite.config.ts"),
    root: join(folder, "examples/browser"),
    logLevel: "error",
    build: { outDir: join(folder, "page") },
  });
}

export const picture = (name: string): string => join(root, "examples/images", name);
