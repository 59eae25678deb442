/** What is published: the manifest, the lockfiles, and (where it has been built) dist. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { PEERS } from "../../src/cli/peers.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(join(root, path), "utf8"));
const manifest = json("package.json");
const runtimes = json("ts/test/runtime/package.json");
const bundlers = json("ts/test/runtime/bundlers/package.json");

describe("package.json", () => {
  test("installs nothing beside the package", () => {
    const kinds = ["dependencies", "optionalDependencies", "bundleDependencies"];
    expect(kinds.filter((kind) => kind in manifest)).toEqual([]);
    // What one command or device needs, and says how to install.
    const { peerDependencies, peerDependenciesMeta } = manifest;
    const optional = Object.keys(peerDependencies).map((name) => [name, { optional: true }]);
    expect(peerDependenciesMeta).toEqual(Object.fromEntries(optional));
    expect(new Set(["webgpu", ...Object.values(PEERS).flat()])).toEqual(
      new Set(Object.keys(peerDependencies)),
    );
    expect(Object.keys(manifest.scripts).filter((name) => /install|prepare/.test(name))).toEqual([]);
  });

  test("pins every tool", () => {
    const all = {
      ...manifest.devDependencies,
      ...runtimes.dependencies,
      ...runtimes.optionalDependencies,
      ...bundlers.dependencies,
    };
    expect(Object.entries(all).filter(([, version]) => !/(^|@)\d+\.\d+\.\d+$/.test(String(version)))).toEqual(
      [],
    );
  });

  test("each script of npm is a file", () => {
    const paths = Object.values(manifest.scripts).map(
      (script) => /^node (\S+\.mjs)/.exec(String(script))?.[1] ?? script,
    );
    expect(paths.filter((path) => !existsSync(join(root, String(path))))).toEqual([]);
  });
});

describe.each([
  "package-lock.json",
  "docs/package-lock.json",
  "ts/test/runtime/package-lock.json",
  "ts/test/runtime/bundlers/package-lock.json",
  "bench/serve/package-lock.json",
])("%s", (path) => {
  const packages: Record<string, Record<string, unknown>> = json(path).packages;
  const names = new Set(Object.keys(packages).map((key) => key.replace(/^.*node_modules\//, "")));

  test("knows every platform's packages, without which npm ci refuses it", () => {
    const missing = Object.entries(packages).flatMap(
      ([key, { dependencies = {}, optionalDependencies = {} }]) =>
        Object.keys({ ...(dependencies as object), ...(optionalDependencies as object) })
          .filter((name) => !names.has(name))
          .map((name) => `${key} wants ${name}`),
    );
    expect(missing).toEqual([]);
  });

  test("needs no install script", () => {
    // These have one that only checks, compiles what came compiled, or fetches what is not wanted (CUDA); they work without.
    const harmless = [
      ...["esbuild", "onnxruntime-node", "protobufjs", "webgpu", "workerd"],
      ...["@parcel/watcher", "@swc/core", "lmdb", "msgpackr-extract"],
    ];
    const scripted = Object.keys(packages).filter((key) => packages[key]?.hasInstallScript);
    expect(scripted.filter((key) => !harmless.includes(key.replace(/^.*node_modules\//, "")))).toEqual([]);
  });
});

describe("dist", () => {
  const dist = join(root, "dist");
  const text = (name: string) => readFileSync(join(dist, name), "utf8");

  beforeEach(({ skip }) => skip(!existsSync(join(dist, ".stamp")), "dist is not built: run npm run build"));

  /** Modules that a file of dist imports, by name. */
  const imports = (name: string, pattern = /(?:\bfrom|\bimport\(?)\s*"([^"]+)"/g) =>
    [...text(name).matchAll(pattern)].map((match) => match[1]!);
  const scripts = () => readdirSync(dist).filter((name) => name.endsWith(".js"));

  test("has all that package.json promises", () => {
    const targets = (value: unknown): string[] =>
      typeof value === "string" ? [value] : Object.values(value as object).flatMap(targets);
    const all = [...targets(manifest.exports), ...targets(manifest.bin)].map((path) =>
      path.replace(/\/\*$/, ""),
    );
    expect(all.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("imports only its own files and Node's, but for the command that names what it needs", () => {
    const peers = Object.values(PEERS).flat().join("|");
    const known = new RegExp(`^(node:.*|\\./.*|(${peers})(/.*)?)$`);
    const strays = scripts().flatMap((name) =>
      imports(name)
        .filter((one) => !known.test(one))
        .map((one) => `${name} imports ${one}`),
    );
    expect(strays).toEqual([]);
  });

  test.each(["cli.js", "node.js", "browser.js", "edge.js", "inline.js"])(
    "%s starts without what one command needs",
    (entry) => {
      const atOnce = new Set([entry]);
      const outside: string[] = [];
      for (const name of atOnce)
        for (const one of imports(name, /(?:\bfrom|\bimport)\s*"([^"]+)"/g))
          if (one.startsWith("./")) atOnce.add(one.slice(2));
          else outside.push(one);
      expect(outside.filter((one) => !one.startsWith("node:"))).toEqual([]);
    },
  );

  test.each(["browser.js", "edge.js"])("%s reaches no module of Node's", (entry) => {
    const reached = new Set([entry]);
    for (const name of reached) for (const one of imports(name)) reached.add(one.replace("./", ""));
    expect([...reached].filter((name) => name.startsWith("node:"))).toEqual([]);
    expect(reached.size).toBeGreaterThan(1);
  });

  test("names no .wasm that is not there", () => {
    const named = scripts().flatMap((name) =>
      [...text(name).matchAll(/["'`/]([\w-]+\.wasm(?:\.gz)?)["'`]/g)].map((match) => match[1]!),
    );
    expect([...new Set(named)].filter((name) => !existsSync(join(dist, "wasm", name)))).toEqual([]);
  });

  const core = (name: string) => {
    const path = join(dist, "wasm", `${name}.wasm`);
    return Buffer.from(name === "simd128" ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`)));
  };

  test("the four cores differ as they should", () => {
    const names = ["simd128", "relaxed-simd", "simd128-threads", "relaxed-simd-threads"];
    const cores = new Map(names.map((name) => [name, core(name)]));
    // A Node without relaxed SIMD takes only two of them.
    const runnable = names.filter((name) => WebAssembly.validate(cores.get(name)!));
    expect(runnable).toEqual(expect.arrayContaining(["simd128", "simd128-threads"]));
    for (const name of runnable) {
      const imported = WebAssembly.Module.imports(new WebAssembly.Module(cores.get(name)!));
      expect(imported.some(({ kind }) => kind === "memory")).toBe(name.endsWith("threads"));
    }
    expect(new Set([...cores.values()].map((bytes) => bytes.toString("base64"))).size).toBe(4);
  });

  test("the archive holds the package and nothing else", () => {
    const said = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
      cwd: root,
      encoding: "utf8",
    });
    const [{ files }] = JSON.parse(said) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    for (const wanted of [
      "LICENSE",
      "THIRD-PARTY-NOTICES.md",
      "dist/node.js",
      "dist/wasm/simd128.wasm",
      "dist/wasm/webgpu.wasm.gz",
      "dist/worker.js",
      "dist/worker-webgpu.js",
    ]) {
      expect(paths).toContain(wanted);
    }
    expect(paths.filter((path) => !/^(dist\/(?!\.)|package\.json$|[A-Z-]+(\.md)?$)/.test(path))).toEqual([]);
  });
});
