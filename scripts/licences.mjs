/**
 * The licences of all that is built with, and of what the package contains, read from the lockfiles, cargo and the bundler: no
 * network. `node scripts/licences.mjs` prints what is wrong.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, run, toolchain } from "./toolchain.mjs";

/** Licences that ask for no more than a notice: of what the package contains. */
const PERMISSIVE = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT"];
/** What else may be used to build and to test, and is not passed on. */
const TOOLS = [
  ...PERMISSIVE,
  "BlueOak-1.0.0",
  "CC-BY-4.0",
  "LGPL-3.0-or-later",
  "MPL-2.0",
  "Python-2.0",
  "Unicode-3.0",
];

/** A table of Unicode's that wasm-bindgen's macros read: the linker leaves it out of the core. */
const UNLINKED = ["unicode-ident"];

const LOCKFILES = ["", "docs", "ts/test/runtime", "ts/test/runtime/bundlers"];
const ENTRIES = ["node", "browser", "edge", "inline", "augment/index", "worker", "decoders", "cli"];

/** Whether an SPDX expression can be met by the licences of a list. */
export function allows(list, expression) {
  const words = expression.match(/[()]|[^\s()/]+|\//g) ?? [];
  const term = () => {
    if (words[0] !== "(") return list.includes(words.shift());
    words.shift();
    const value = any();
    return words.shift() === ")" && value;
  };
  const all = () => {
    let value = term();
    while (words[0] === "AND") {
      words.shift();
      value = term() && value;
    }
    return value;
  };
  const any = () => {
    let value = all();
    while (words[0] === "OR" || words[0] === "/") {
      words.shift();
      value = all() || value;
    }
    return value;
  };
  return any() && words.length === 0;
}

/** [{ path, name, version, license }] of every npm package that a lockfile names, of other platforms too. */
function npmPackages() {
  return LOCKFILES.flatMap((folder) => {
    const { packages } = JSON.parse(readFileSync(join(root, folder, "package-lock.json"), "utf8"));
    return Object.entries(packages)
      .filter(([path, { link }]) => path !== "" && !link)
      .map(([path, { name, version, license }]) => {
        const manifest = join(root, folder, path, "package.json");
        const own = () => existsSync(manifest) && JSON.parse(readFileSync(manifest, "utf8")).license;
        return {
          path: join(folder, path),
          name: name ?? path.replace(/^.*node_modules\//, ""),
          version,
          license: license ?? (own() || "none"),
        };
      });
  });
}

/** The folders of the npm packages of which a part is in dist's JavaScript. */
async function bundled() {
  const { build } = await import("esbuild");
  const { peerDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const { metafile } = await build({
    entryPoints: ENTRIES.map((name) => join(root, `ts/src/${name}.ts`)),
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    external: ["node:*", ...Object.keys(peerDependencies)],
    loader: { ".wasm": "empty", ".wgsl": "empty" },
    absWorkingDir: root,
    outdir: "build",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.keys(inputs).filter((path) => inputs[path].bytesInOutput > 0),
  );
  const folders = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0]);
  return new Set(folders.filter((folder) => folder !== undefined));
}

/** Every crate of the workspace's graph, and which of them are linked into the core. */
function crates() {
  const { cargo, env } = toolchain();
  const args = ["--format-version", "1", "--offline", "--features", "nets/threads"];
  const { status, stdout, said } = run(
    cargo,
    ["metadata", ...args, "--filter-platform", "wasm32-unknown-unknown"],
    env,
  );
  if (status !== 0) throw new Error(`licences: cargo metadata failed\n${said}`);
  const { packages, resolve } = JSON.parse(stdout);
  const byId = new Map(packages.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const isTool = (id) =>
    UNLINKED.includes(byId.get(id).name) ||
    byId.get(id).targets.some(({ kind }) => kind.includes("proc-macro"));
  const linked = new Set(packages.filter(({ name }) => name === "nets").map(({ id }) => id));
  for (const id of linked) {
    for (const { pkg, dep_kinds } of nodes.get(id).deps)
      if (dep_kinds.some(({ kind }) => kind === null) && !isTool(pkg)) linked.add(pkg);
  }
  const own = new Set(resolve.nodes.filter(({ id }) => byId.get(id).source === null).map(({ id }) => id));
  return packages
    .filter(({ id }) => !own.has(id))
    .map(({ id, name, version, license }) => ({
      name,
      version,
      license: license ?? "none",
      linked: linked.has(id),
    }));
}

/** What is wrong with the licences, in sentences. */
export async function licenceFaults() {
  const notices = readFileSync(join(root, "THIRD-PARTY-NOTICES.md"), "utf8");
  const rows = [...notices.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)];
  // A row may name several parts, and say in brackets what of them.
  const parts = (cell) => cell.replace(/\([^)]*\)/g, "").split(/,\s*/);
  const noticed = rows.flatMap(([, cell, version]) => parts(cell).map((name) => [name.trim(), version]));
  const lacks = (name, wanted) =>
    !noticed.some(([part, version]) => part === name && (wanted === undefined || version === wanted));
  const faults = [];
  const inside = await bundled();
  for (const { path, name, version, license } of npmPackages()) {
    const list = inside.has(path) ? PERMISSIVE : TOOLS;
    if (!allows(list, license)) faults.push(`${name} ${version}: may the licence ${license} be used?`);
    if (inside.has(path) && lacks(name, version))
      faults.push(`${name} ${version} is bundled, and THIRD-PARTY-NOTICES.md does not say so`);
  }
  for (const { name, version, license, linked } of crates()) {
    if (!allows(linked ? PERMISSIVE : TOOLS, license))
      faults.push(`crate ${name} ${version}: may the licence ${license} be used?`);
    if (linked && lacks(name)) faults.push(`crate ${name} is linked, and THIRD-PARTY-NOTICES.md lacks it`);
  }
  return faults;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const faults = await licenceFaults();
  console.log(faults.join("\n") || "licences: all as they should be");
  process.exitCode = faults.length > 0 ? 1 : 0;
}
