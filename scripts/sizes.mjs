/** What the package weighs, gzipped, against what we allow it. `node scripts/sizes.mjs` prints the table. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { root } from "./toolchain.mjs";

const limits = { core: 250_000, javascript: 40_000 };

const compressed = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** What an entry comes to load: its file and the shared ones, and the worker that it starts (edge workers start none). */
function loadedBy(dist, entry) {
  const reached = new Set(entry === "edge.js" ? [entry] : [entry, "worker.js"]);
  for (const name of reached) {
    const text = readFileSync(join(dist, name), "utf8");
    for (const [, next] of text.matchAll(/from\s*["']\.\/([\w.-]+\.js)["']/g)) reached.add(next);
  }
  return [...reached];
}

/** The networks' descriptions, bundled by themselves: what they weigh grows with their number, not with the library. */
async function zoo() {
  // Not at the top: this file is read before anything is installed.
  const { build } = await import("esbuild");
  const options = { bundle: true, minify: true, format: "esm", platform: "neutral", write: false };
  const bytes = async (file) => {
    const entry = { entryPoints: [join(root, file)], mainFields: ["module", "main"] };
    return (await build({ ...options, ...entry })).outputFiles[0].contents;
  };
  const [all, layers] = [await bytes("ts/src/zoo/index.ts"), await bytes("ts/src/layers.ts")];
  return { bytes: all.length - layers.length, gzip: compressed(all) - compressed(layers) };
}

/** [{ name, bytes, gzip, limit? }], the files of dist and what each entry loads of its JavaScript. */
export async function sizes() {
  const dist = join(root, "dist");
  const row = (name, limit) => {
    const bytes = readFileSync(join(dist, name));
    return { name, bytes: bytes.length, gzip: compressed(bytes), limit };
  };
  const isCore = (name) => name.includes("simd");
  const wasm = readdirSync(join(dist, "wasm")).map((name) =>
    row(`wasm/${name}`, isCore(name) ? limits.core : undefined),
  );
  const scripts = readdirSync(dist)
    .filter((name) => name.endsWith(".js"))
    .map((name) => row(name));
  const networks = await zoo();
  const entries = ["node.js", "browser.js", "edge.js"].map((entry) => {
    const loaded = loadedBy(dist, entry);
    const sum = (key) =>
      scripts.filter(({ name }) => loaded.includes(name)).reduce((total, one) => total + one[key], 0);
    return {
      name: `${entry} and what it loads, less the zoo`,
      bytes: sum("bytes") - networks.bytes,
      gzip: sum("gzip") - networks.gzip,
      limit: limits.javascript,
    };
  });
  return [...wasm, ...scripts, { name: "the zoo's networks", ...networks }, ...entries];
}

export function sizeTable(rows) {
  const line = ({ name, bytes, gzip, limit }) =>
    `  ${name.padEnd(40)}${String(bytes).padStart(9)} B ${String(gzip).padStart(9)} B gz${limit ? `, limit ${limit}` : ""}`;
  return rows.map(line).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(sizeTable(await sizes()));
