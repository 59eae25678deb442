/**
 * The page of examples/browser, built and served as a host would: `npm run page`. `--dev` serves the sources instead, and shows
 * changes at once; `--port N` for another port than 4173.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build as buildPackage } from "./build.mjs";
import { stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

const configFile = join(root, "examples/browser/vite.config.ts");

/** Serves the page; gives its URL and what closes it. */
export async function servePage({ port = 4173, dev = false } = {}) {
  await buildPackage();
  // Not at the top: this file is read before anything is installed.
  const { build, createServer, preview } = await import("vite");
  const settings = { configFile, logLevel: "warn" };
  const where = { port, host: "127.0.0.1" };
  if (dev) {
    const server = await createServer({ ...settings, server: where });
    await server.listen();
    return { url: server.resolvedUrls.local[0], close: () => server.close() };
  }
  await build(settings);
  const server = await preview({ ...settings, preview: where });
  return { url: server.resolvedUrls.local[0], close: () => server.close() };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const { values } = parseArgs({ options: { dev: { type: "boolean" }, port: { type: "string" } } });
    const port = values.port === undefined ? undefined : Number(values.port);
    const { url } = await servePage({ port, dev: values.dev });
    console.log(`page: ${url} (Ctrl+C ends it)`);
  } catch (error) {
    stop(error);
  }
}
