/** How the page is built and served: two documents, a service worker that knows their files, and the headers of threads. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin, UserConfig } from "vite";
import { peers } from "./peers.js";

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Threads need shared memory, which browsers give to pages that are isolated so. */
const headers = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Writes sw.js with the list of all files, but for the core's builds: a browser uses one of them, and keeps that one. */
const offline = (): Plugin => ({
  name: "offline",
  apply: "build",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      const sum = createHash("sha256");
      const source = readFileSync(path("sw.js"), "utf8");
      for (const file of Object.values(bundle).sort((a, b) => (a.fileName < b.fileName ? -1 : 1)))
        sum.update(file.fileName).update(file.type === "asset" ? file.source : file.code);
      const files = Object.keys(bundle).filter((name) => !/simd[^/]*\.(wasm|gz)$/.test(name));
      const version = sum.update(source).digest("hex").slice(0, 12);
      const head = `const VERSION = "${version}";\nconst FILES = ${JSON.stringify(files)};\n`;
      this.emitFile({ type: "asset", fileName: "sw.js", source: head + source });
    },
  },
});

/** The first visit's largest file is asked for while the scripts are still on their way. */
const preload = (): Plugin => ({
  name: "preload",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler(_, { filename, bundle }) {
      const weights = Object.keys(bundle ?? {}).find((name) => /squeezenet1_1.*safetensors$/.test(name));
      if (!filename.endsWith("index.html") || !weights) return [];
      const attrs = { rel: "preload", as: "fetch", crossorigin: true, href: `./${weights}` };
      return [{ tag: "link", attrs, injectTo: "head" }];
    },
  },
});

export default {
  root: path("."),
  base: "./",
  plugins: [offline(), preload(), peers()],
  // The example pictures lie beside this folder.
  server: { headers, fs: { allow: [path("../..")] } },
  preview: { headers },
  build: {
    outDir: path("../../build/page"),
    emptyOutDir: true,
    target: "es2022",
    // A page may be forbidden to fetch data: URLs, and all files are to be the service worker's.
    assetsInlineLimit: 0,
    rolldownOptions: { input: ["index.html", "bench.html"] },
  },
} satisfies UserConfig;
