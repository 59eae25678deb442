/** What the package weighs, gzipped, against what we allow it. `node scripts/sizes.mjs` prints the table. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { root } from "./toolchain.mjs";

const limits = { core: 250_000, javascript: 40_000 };

const compressed = (bytes) => gzipSync(bytes, { level: 9 }).length;

/** What the functions of an entry need; the rest (convolutionize, summarize ...) is left out by bundlers where it is not used. */
const FUNCTIONS = "{ init, load, loadWeights, fromOnnx, decode, resize, preprocess, capabilities }";

/**
 * What an application that uses an entry's functions gets at once: bundled by itself, without what is imported when it is first
 * needed, and with the worker that it starts, if it does.
 */
async function loadedBy(dist, entry, names = FUNCTIONS) {
  // Not at the top: this file is read before anything is installed.
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export ${names} from "./${entry}";`, resolveDir: dist },
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    external: ["node:*"],
    outdir: dist,
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const { outputs } = metafile;
  const first = Object.keys(outputs).find((name) => outputs[name].entryPoint === "<stdin>");
  const reached = new Set([first]);
  for (const name of reached) {
    for (const { path, kind } of outputs[name].imports)
      if (kind === "import-statement" && outputs[path]) reached.add(path);
  }
  const files = outputFiles.filter(({ path }) =>
    [...reached].some((name) => path.endsWith(name.slice(name.lastIndexOf("/")))),
  );
  const own = files.map(({ contents }) => contents);
  return ["edge.js", "inline.js"].includes(entry) ? own : [...own, readFileSync(join(dist, "worker.js"))];
}

/** The networks' descriptions, bundled by themselves: what they weigh grows with their number, not with the library. */
async function zoo() {
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
  const isCore = (name) => /simd|webgpu/.test(name);
  const wasm = readdirSync(join(dist, "wasm")).map((name) =>
    row(`wasm/${name}`, isCore(name) ? limits.core : undefined),
  );
  const scripts = readdirSync(dist)
    .filter((name) => name.endsWith(".js"))
    .map((name) => row(name));
  const networks = await zoo();
  const entries = [];
  for (const entry of ["node.js", "browser.js", "edge.js", "inline.js"]) {
    const sum = (name, files, limit) => ({
      name,
      bytes: files.reduce((total, file) => total + file.length, -networks.bytes),
      gzip: files.reduce((total, file) => total + compressed(file), -networks.gzip),
      limit,
    });
    // The core, which inline.js holds, has a limit of its own.
    const limit = entry === "inline.js" ? undefined : limits.javascript;
    entries.push(sum(`${entry}'s functions, less the zoo`, await loadedBy(dist, entry), limit));
    // What a page without a bundler, or a `*`, gets.
    entries.push(sum(`all of ${entry}, less the zoo`, await loadedBy(dist, entry, "*")));
  }
  return [...wasm, ...scripts, { name: "the zoo's networks", ...networks }, ...entries];
}

export function sizeTable(rows) {
  const line = ({ name, bytes, gzip, limit }) =>
    `  ${name.padEnd(40)}${String(bytes).padStart(9)} B ${String(gzip).padStart(9)} B gz${limit ? `, limit ${limit}` : ""}`;
  return rows.map(line).join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(sizeTable(await sizes()));
