/**
 * Other engines for the bench page where it is served from the repository, under /peers/: their program, made when it is first
 * asked for, and the files of node_modules that they fetch. What is built for hosts has nothing of them.
 */
import { createReadStream, existsSync, statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";
import { bundle } from "../../bench/bundle.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const out = join(root, "build/peers");
const modules = join(root, "node_modules");

const TYPES: Record<string, string> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

let built: Promise<void> | undefined;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = normalize(decodeURI(new URL(request.url ?? "/", "http://x").pathname));
  built ??= bundle(join(root, "examples/browser/src/peers.ts"), out);
  await built;
  const isModule = path.startsWith(`${sep}modules${sep}`);
  const file = isModule ? join(modules, path.slice("/modules".length)) : join(out, path);
  const type = TYPES[extname(file)];
  const found = type !== undefined && existsSync(file) && statSync(file).isFile();
  response.writeHead(found ? 200 : 404, {
    "content-type": type ?? "text/plain",
    "cross-origin-embedder-policy": "require-corp",
  });
  if (found) createReadStream(file).pipe(response);
  else response.end("not here");
}

const listen = (server: { readonly middlewares: { use(path: string, handler: unknown): unknown } }): void => {
  server.middlewares.use(
    "/peers",
    (request: IncomingMessage, response: ServerResponse, next: (error: unknown) => void) =>
      answer(request, response).catch(next),
  );
};

export const peers = (): Plugin => ({
  name: "peers",
  configureServer: listen,
  configurePreviewServer: listen,
});
