/** What tests in browsers share: the program, and a server of the folder in which the package is installed. */
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, extname, join, normalize } from "node:path";
import { text } from "node:stream/consumers";

/** The headers that allow threads. */
export const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};
/** The strictest policy that lets WebAssembly run at all. */
const STRICT = {
  "content-security-policy":
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src 'self' blob: data:",
};

/** Of a Firefox that opens no page but ours, and asks nobody for anything. */
export const FIREFOX_PREFERENCES = {
  "app.normandy.enabled": false,
  "app.update.disabledForTesting": true,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.blockedURIs.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "termsofuse.bypassNotification": true,
  "toolkit.telemetry.server": "",
};

/** The path of the first of these commands that there is. */
export function findCommand(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

/**
 * Writes pages that run in-page.mjs, smoke.html by itself and in-worker.html in a worker of its own; and service-worker.html,
 * which starts the script `?script` (a module, if so `?type`) and sends it `?given`.
 */
export function writePages(folder: string): void {
  const head = '<!doctype html><title>smoke</title><link rel="icon" href="data:," />';
  const worker = 'new Worker("in-page.mjs" + location.search, { type: "module" });';
  writeFileSync(join(folder, "smoke.html"), `${head}<script type="module" src="in-page.mjs"></script>`);
  writeFileSync(join(folder, "in-worker.html"), `${head}<script type="module">${worker}</script>`);
  const start = `const query = new URLSearchParams(location.search);
    const fail = (error) => fetch("report", { method: "POST", body: JSON.stringify({ failed: String(error) }) });
    navigator.serviceWorker
      .register(query.get("script"), { type: query.get("type") ?? "classic" })
      .then(async () => (await navigator.serviceWorker.ready).active.postMessage(JSON.parse(query.get("given"))))
      .catch(fail);`;
  writeFileSync(join(folder, "service-worker.html"), `${head}<script type="module">${start}</script>`);
}

/**
 * Bundles in-service-worker.mjs into one file beside it, with the package's entry for browsers, or another: service workers
 * may import nothing on demand. Gives the address of a page that starts it.
 */
export async function writeServiceWorker(folder: string, entry: "browser" | "inline"): Promise<string> {
  const { build } = await import("esbuild");
  const dist = join(folder, "node_modules/convzoo/dist");
  const isModule = entry === "browser";
  const script = `service-worker-${entry}.js`;
  await build({
    entryPoints: [join(folder, "in-service-worker.mjs")],
    alias: { convzoo: join(dist, `${entry}.js`) },
    bundle: true,
    minify: true,
    format: isModule ? "esm" : "iife",
    outfile: join(folder, script),
    logLevel: "error",
  });
  for (const name of ["wasm", "weights"]) cpSync(join(dist, name), join(folder, name), { recursive: true });
  // What inline has not, it is told.
  const weights = (name: string) => ({ weights: `weights/${name}.safetensors` });
  const decoders = { squoosh_png: "wasm/squoosh_png.wasm" };
  const given = isModule
    ? {}
    : {
        lenet5: { ...weights("lenet5"), decoders, labels: [..."0123456789"] },
        squeezenet1_1: { ...weights("squeezenet1_1"), decoders },
      };
  const query = { script, type: isModule ? "module" : "classic", given: JSON.stringify(given) };
  return `service-worker.html?${new URLSearchParams(query)}`;
}

/** A server of pages. */
export interface Pages {
  readonly origin: string;
  /** Takes no more requests, and ends those under way: to a page, as if there were no network. */
  close(): void;
}

/**
 * Serves a folder; the first part of a path chooses the headers of all that the page loads, unless they are chosen for all
 * paths. `onPost` gets the text that a page posts, wherever it posts it.
 */
export async function serve(
  folder: string,
  onPost: (text: string) => void = () => {},
  chosen?: string,
): Promise<Pages> {
  const types: Record<string, string> = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
  };
  const headers: Record<string, Record<string, string>> = {
    plain: {},
    cdn: { "access-control-allow-origin": "*", "cross-origin-resource-policy": "cross-origin" },
    isolated: ISOLATED,
    strict: { ...ISOLATED, ...STRICT },
    "no-worker": {},
    "no-decoders": {},
  };
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      void text(request).then(onPost);
      response.end();
      return;
    }
    const parts = normalize(decodeURI(new URL(request.url!, "http://x").pathname))
      .slice(1)
      .split("/");
    const [kind = "", ...rest] = chosen ? [chosen, ...parts] : parts;
    const path = join(folder, ...rest);
    const isMissing = kind.startsWith("no-") && path.endsWith(`${kind.slice("no-".length)}.js`);
    const found = headers[kind] && existsSync(path) && !isMissing;
    const type = types[extname(path)] ?? "application/octet-stream";
    response.writeHead(found ? 200 : 404, { ...headers[kind], "content-type": type });
    response.end(found ? readFileSync(path) : "not here");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
