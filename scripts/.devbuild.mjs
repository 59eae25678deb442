// quick dist: JS only
import { build } from "esbuild";
import { readFileSync, readdirSync, rmSync, writeFileSync, existsSync, cpSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
process.chdir("/work/wt/device");
const out = "dist";
for (const f of readdirSync(out)) if (f.endsWith(".js")) rmSync(join(out, f));
const plugins = [{ name: "x", setup(b) {
  b.onLoad({ filter: /\.wgsl$/ }, ({ path }) => ({ contents: `export const text = ${JSON.stringify(readFileSync(path, "utf8").replace(/^\s*\/\/.*\n|^\s+/gm, ""))};` }));
  b.onLoad({ filter: /\.wasm$/ }, ({ path }) => ({ contents: `export const gzipped = "";` }));
  b.onResolve({ filter: /^\.\/node\.js$/ }, ({ path, importer }) => importer.endsWith("cli.ts") ? { path, external: true } : undefined);
}}];
const common = { format: "esm", target: "es2022", platform: "neutral", bundle: true, outdir: out, external: ["node:*"], mainFields: ["module", "main"], minify: true, plugins, logLevel: "warning" };
await Promise.all([
  build({ ...common, splitting: true, entryPoints: { node: "ts/src/node.ts", browser: "ts/src/browser.ts", edge: "ts/src/edge.ts", inline: "ts/src/inline.ts", augment: "ts/src/augment/index.ts" } }),
  build({ ...common, splitting: true, entryPoints: { cli: "ts/src/cli.ts" } }),
  build({ ...common, entryPoints: { worker: "ts/src/worker.ts", "worker-webgpu": "ts/src/worker-webgpu.ts", decoders: "ts/src/decoders.ts" } }),
]);
if (existsSync("build/core/wasm/webgpu.wasm")) cpSync("build/core/wasm/webgpu.wasm", "dist/wasm/webgpu.wasm");
