/**
 * What the package weighs against what we allow it. `node scripts/sizes.mjs` prints the table, as the build does; with
 * `--readme` it also writes README.md's.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { root, run } from "./toolchain.mjs";

/** In bytes; a core and JavaScript gzipped, as they travel. */
const limits = { core: 250_000, javascript: 40_000, installed: 6_000_000 };

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
  const options = {
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    metafile: true,
    write: false,
  };
  const all = await build({ ...options, entryPoints: ["ts/src/zoo/index.ts"] });
  const layers = await build({ ...options, entryPoints: ["ts/src/layers.ts"] });
  const [whole, less] = [all, layers].map(({ outputFiles }) => outputFiles[0].contents);
  const [{ inputs }] = Object.values(all.metafile.outputs);
  const families = Object.entries(inputs)
    .map(([path, { bytesInOutput }]) => [/^ts\/src\/zoo\/(\w+)\.ts$/.exec(path)?.[1], bytesInOutput])
    .filter(([name]) => name && name !== "index");
  return {
    row: { name: "the zoo", bytes: whole.length - less.length, gzip: compressed(whole) - compressed(less) },
    families,
  };
}

/** Bytes of all files that npm would publish. */
function installedSize() {
  const { status, stdout, said } = run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"]);
  if (status !== 0) throw new Error(`sizes: npm pack failed\n${said}`);
  return JSON.parse(stdout)[0].unpackedSize;
}

/** `rows`, [{ name, bytes, gzip, limit?, weight? }] of the files and of what each entry loads of JavaScript; `families`. */
export async function sizes() {
  const dist = join(root, "dist");
  const row = (folder, limit) => (name) => {
    const bytes = readFileSync(join(dist, folder, name));
    const gzip = name.endsWith(".gz") ? bytes.length : compressed(bytes);
    return { name, bytes: bytes.length, gzip, limit: /simd|webgpu/.test(name) ? limit : undefined };
  };
  const wasm = readdirSync(join(dist, "wasm")).map(row("wasm", limits.core));
  const weights = readdirSync(join(dist, "weights")).map(row("weights"));
  const scripts = readdirSync(dist).filter((name) => name.endsWith(".js"));
  const total = (files, of) => files.reduce((sum, file) => sum + of(file), 0);
  const files = scripts.map(row(""));
  const javascript = {
    name: "all files of JavaScript",
    bytes: total(files, ({ bytes }) => bytes),
    gzip: total(files, ({ gzip }) => gzip),
  };
  const networks = await zoo();
  const entries = [];
  for (const entry of ["node.js", "browser.js", "edge.js", "inline.js"]) {
    const sum = (name, files, limit) => ({
      name,
      bytes: total(files, (file) => file.length) - networks.row.bytes,
      gzip: total(files, compressed) - networks.row.gzip,
      limit,
    });
    // The core, which inline.js holds, has a limit of its own.
    const limit = entry === "inline.js" ? undefined : limits.javascript;
    entries.push(sum(`${entry}'s functions, less the zoo`, await loadedBy(dist, entry), limit));
    // What a page without a bundler, or a `*`, gets.
    entries.push(sum(`all of ${entry}, less the zoo`, await loadedBy(dist, entry, "*")));
  }
  const installed = { name: "installed", bytes: installedSize(), limit: limits.installed };
  return {
    rows: [...wasm, ...weights, javascript, networks.row, ...entries, installed],
    families: networks.families,
  };
}

/** What counts of a row: gzipped bytes, but of what is installed. */
export const weight = ({ gzip, bytes }) => gzip ?? bytes;

export function sizeTable({ rows, families }) {
  const line = ({ name, bytes, gzip, limit }) => {
    const packed = gzip === undefined ? "" : `${String(gzip).padStart(9)} B gz`;
    return `  ${name.padEnd(38)}${String(bytes).padStart(9)} B${packed}${limit ? `, limit ${limit}` : ""}`;
  };
  const each = families.map(([name, bytes]) => `${name} ${(bytes / 1000).toFixed(1)}`);
  const lines = [];
  for (const one of each) {
    const longer = `${lines.at(-1)}, ${one}`;
    if (lines.length > 0 && longer.length <= 108) lines[lines.length - 1] = longer;
    else lines.push(`    ${one}`);
  }
  return [...rows.map(line), "  the zoo's files, KB:", ...lines].join("\n");
}

/** The lines of README.md between its table's head and the end of what it folds away. */
const README_TABLE = /(?<=<summary>What each part weighs<\/summary>\n\n).*?(?=\n\n<\/details>)/s;

/** README.md's table: kilobytes, for a reader who asks what a part costs. */
function readmeTable({ rows, families }) {
  const kilobytes = (bytes) => (bytes === undefined ? "" : (bytes / 1000).toFixed(1));
  const line = ({ name, bytes, gzip }) => `| ${name} | ${kilobytes(bytes)} | ${kilobytes(gzip)} |`;
  const each = families.map(([name, bytes]) => `${name} ${kilobytes(bytes)}`).join(", ");
  return [
    "| | KB | KB gzipped |",
    "|---|---|---|",
    ...rows.map(line),
    "",
    `The zoo's files, KB minified: ${each}.`,
  ].join("\n");
}

/** What differs by more than 2 % and 0.2 KB, or is not there at all, between README.md's table and what is so. */
export function readmeFaults(all) {
  const said = README_TABLE.exec(readFileSync(join(root, "README.md"), "utf8"))?.[0] ?? "";
  const number = /(?<= )\d+\.\d(?!\S*[a-z])/g;
  const texts = (table) => table.replaceAll(number, "").split("\n");
  const so = readmeTable(all);
  const [names, known] = [texts(so), texts(said)];
  const [numbers, told] = [so, said].map((table) => (table.match(number) ?? []).map(Number));
  const off = numbers.some((value, i) => !(Math.abs(value - told[i]) <= Math.max(0.02 * value, 0.2)));
  const same = names.length === known.length && names.every((name, i) => name === known[i]);
  return same && !off ? [] : ["README.md's table is of another build: node scripts/sizes.mjs --readme"];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const all = await sizes();
  console.log(sizeTable(all));
  if (process.argv.includes("--readme")) {
    const file = join(root, "README.md");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(README_TABLE, () => readmeTable(all)),
    );
  }
}
