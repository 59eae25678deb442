/** What the package weighs, gzipped, against what we allow it. `node scripts/sizes.mjs` prints the table. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { root } from "./toolchain.mjs";

const limits = { core: 250_000, javascript: 40_000 };

/** Counted nowhere: the command line's own file, and the names of classes, which only load when asked for. */
const apart = (name) => name === "cli.js" || name.startsWith("imagenet1k");

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
  const counted = scripts.filter(({ name }) => !apart(name));
  const sum = (key) => counted.reduce((total, one) => total + one[key], 0);
  const total = {
    name: "JavaScript in all",
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
