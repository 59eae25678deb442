/** What the package weighs, gzipped, against what we allow it. `node scripts/sizes.mjs` prints the table. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { root } from "./toolchain.mjs";

const limits = { core: 250_000, javascript: 40_000 };

/**
 * The files that those who import the package can come to load: what the library's entries reach, dynamic imports too.
 * Apart from these are the command line's own, and the names of classes, which load only when asked for.
 */
function library(dist) {
  const reached = new Set(["node.js", "browser.js", "edge.js", "worker.js"]);
  for (const name of reached) {
    const text = readFileSync(join(dist, name), "utf8");
    for (const [, next] of text.matchAll(/(?:from|import\(?)\s*["']\.\/([\w.-]+\.js)["']/g))
      reached.add(next);
  }
  return [...reached].filter((name) => !name.startsWith("imagenet1k"));
}

/** [{ name, bytes, gzip, limit? }], the files of dist and the sum of its JavaScript. */
export function sizes() {
  const dist = join(root, "dist");
  const row = (name, limit) => {
    const bytes = readFileSync(join(dist, name));
    return { name, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, limit };
  };
  const isCore = (name) => name.includes("simd");
  const wasm = readdirSync(join(dist, "wasm")).map((name) =>
    row(`wasm/${name}`, isCore(name) ? limits.core : undefined),
  );
  const scripts = readdirSync(dist)
    .filter((name) => name.endsWith(".js"))
    .map((name) => row(name));
  const counted = scripts.filter(({ name }) => library(dist).includes(name));
  const sum = (key) => counted.reduce((total, one) => total + one[key], 0);
  const total = {
    name: "the library's JavaScript in all",
    bytes: sum("bytes"),
    gzip: sum("gzip"),
    limit: limits.javascript,
  };
  return [...wasm, ...scripts, total];
}

export function sizeTable(rows) {
  const line = ({ name, bytes, gzip, limit }) =>
    `  ${name.padEnd(36)}${String(bytes).padStart(9)} B ${String(gzip).padStart(9)} B gz${limit ? `, limit ${limit}` : ""}`;
  return rows.map(line).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(sizeTable(sizes()));
