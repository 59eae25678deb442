/** The house rules that a machine can hold. Each test gathers everything that breaks its rule and shows it all. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, extname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ERROR_CODES } from "../../src/errors.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Folders that git does not hold, by name or path: the lines of .gitignore that end in a slash. */
const ignored = new Set([
  ".git",
  ...[...readFileSync(join(root, ".gitignore"), "utf8").matchAll(/^(.+)\/$/gm)].map((match) => match[1]),
]);

function filesUnder(folder: string): string[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = posix.join(folder, name);
    if (ignored.has(name) || ignored.has(path)) return [];
    return statSync(join(root, path)).isDirectory() ? filesUnder(path) : [path];
  });
}

const read = (path: string): string => readFileSync(join(root, path), "utf8");
const files = filesUnder(".");
const source = files.filter((path) => [".rs", ".ts", ".mjs", ".wgsl"].includes(extname(path)));
const typescript = source.filter((path) => path.startsWith("ts/src/"));

/** The lines of files that match, as `path:line: text`. */
function lines(paths: readonly string[], pattern: RegExp, clean = (text: string) => text): string[] {
  return paths.flatMap((path) =>
    clean(read(path))
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

describe("files", () => {
  test("none is longer than 400 lines", () => {
    const long = source.map((path) => [read(path).split("\n").length - 1, path] as const);
    expect(long.filter(([count]) => count > 400)).toEqual([]);
    expect(long.length).toBeGreaterThan(50);
  });

  test("each module of the sources says what it is", () => {
    const modules = source.filter((path) => /^(ts\/src|crates|scripts)\//.test(path));
    expect(
      modules.filter((path) => !/\/\*\*|\/\/[/!]/.test(read(path)) && basename(path) !== "tests.rs"),
    ).toEqual([]);
  });

  test("no mark of unfinished work", () => {
    // Written apart, so that this line does not find itself.
    const mark = new RegExp(["TO" + "DO", "FIX" + "ME", "todo" + "!\\(", "unimplemented" + "!\\("].join("|"));
    expect(lines(source, mark)).toEqual([]);
  });

  test("no path of somebody's machine", () => {
    const text = /\.(rs|ts|mjs|js|wgsl|json|toml|md|html|css|py|txt|yml|lock)$|(^|\/)(\.[a-z]+|run)$/;
    const home = /(?<![\w.:/-])\/(?:work|farm|root|home|Users)\/\w/;
    expect(
      lines(
        files.filter((path) => text.test(path)),
        home,
      ),
    ).toEqual([]);
  });

  test("no registry is named in a lockfile but cargo's standard one", () => {
    const locks = files.filter((path) => /package-lock\.json$/.test(path));
    expect(locks.length).toBeGreaterThan(0);
    expect(lines([...locks, "package.json"], /"resolved"|registry\.|:\/\/(localhost|\d)/)).toEqual([]);
    const sources = [...read("Cargo.lock").matchAll(/^source = "(.+)"$/gm)].map((match) => match[1]);
    expect(new Set(sources)).toEqual(new Set(["registry+https://github.com/rust-lang/crates.io-index"]));
  });
});

/** The room of a file of ts/src: its folder's name, else its own without ending. */
const room = (path: string): string =>
  path
    .replace("ts/src/", "")
    .split("/")[0]!
    .replace(/\.(ts|js)$/, "");

/** What a file of ts/src imports, types included: rooms, and for other modules their names. */
function imports(path: string): string[] {
  const names = [...read(path).matchAll(/(?:\bfrom|\bimport\(|^import)\s*"([^"]+)"/gm)].map(
    (match) => match[1]!,
  );
  return names.map((name) => {
    if (!name.startsWith(".")) return name;
    const target = posix.join(dirname(path), name);
    return target.startsWith("ts/src/") ? room(target) : target;
  });
}

/** They supply a platform; the command line's, and that of the server and the bulk runs that it starts, is Node alone. */
const entries = ["node", "browser", "edge", "inline", "worker", "bulk", "cli", "serve"];

describe("who may import whom", () => {
  /** The half that knows networks and no machine. A room that is not listed may import all but the entries. */
  const mayImport: Record<string, readonly string[]> = {
    errors: [],
    tensor: [],
    check: ["errors"],
    layers: ["check", "describe", "errors"],
    describe: ["check", "errors", "layers"],
    graph: ["check", "errors", "layers"],
    shape: ["check", "errors", "graph", "layers"],
    state: ["graph", "layers"],
    summarize: ["graph", "layers", "shape", "state"],
    convolutionize: ["check", "errors", "graph", "layers", "shape"],
    transforms: ["check", "errors", "image"],
    zoo: ["check", "errors", "image", "layers", "transforms", "fastest-levenshtein"],
    weights: ["errors", "onnx", "platform", "fastest-levenshtein"],
    onnx: ["check", "errors", "graph", "layers", "shape", "weights", "protobufjs/minimal.js"],
    labels: [],
    config: ["errors", "yaml"],
  };

  test("each room keeps to its list", () => {
    const strays = typescript.flatMap((path) => {
      const allowed = mayImport[room(path)];
      if (!allowed) return [];
      const others = imports(path).filter((name) => name !== room(path) && !allowed.includes(name));
      return others.map((name) => `${path} imports ${name}`);
    });
    expect(strays).toEqual([]);
  });

  test("the zoo and its transforms take only types from the images", () => {
    const zoo = typescript.filter((path) => ["transforms", "zoo"].includes(room(path)));
    expect(lines(zoo, /^import (?!type).*"\.\.?\/image\//)).toEqual([]);
  });

  test("nobody imports an entry file", () => {
    const inner = typescript.filter((path) => !entries.includes(room(path)));
    const strays = inner.filter((path) => imports(path).some((name) => entries.includes(name)));
    expect(strays).toEqual([]);
  });

  test("only entry files touch a platform", () => {
    const inner = typescript.filter((path) => !entries.includes(room(path)));
    expect(inner.length).toBeGreaterThan(20);
    const bare = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(?<!:)\/\/.*$/gm, "");
    const platform =
      /\bprocess\??\.|"node:|\b(?:window|document|self)\??\.|typeof (?:window|document|self|process)\b/;
    expect(lines(inner, platform, bare)).toEqual([]);
  });

  test("the kernels do not know the networks", () => {
    const kernels = source.filter((path) => path.startsWith("crates/kernels/"));
    expect(lines(kernels, /\bnets::/)).toEqual([]);
    expect(read("crates/kernels/Cargo.toml")).not.toMatch(/^nets\b/m);
  });
});

/** The same number of line breaks, so that line numbers stay true. */
const blank = (text: string): string => "\n".repeat(text.split("\n").length - 1);

describe("one word for one concept", () => {
  /** Layers without a specification of their own, and why. */
  const exempt: Record<string, string> = {
    module: "a container",
    dropout: "nothing happens at inference",
    flatten: "moves values and computes none: its one loop is its specification",
    identity: "nothing happens at inference",
    stochastic_depth: "nothing happens at inference",
    layer_scale: "an affine without a shift",
    keep: "a step, no operator",
    take: "a step, no operator",
    call: "a step, no operator",
  };
  const tags = [...read("ts/src/layers.ts").matchAll(/readonly op: "(\w+)"/g)].map((match) => match[1]!);

  test("each operator has a folder with its specification and its tests", () => {
    expect(tags.length).toBeGreaterThan(8);
    const wanted = tags
      .filter((tag) => !(tag in exempt))
      .flatMap((tag) => ["reference.rs", "tests.rs"].map((name) => `crates/kernels/src/${tag}/${name}`));
    expect(wanted.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    expect(Object.keys(exempt).filter((tag) => !tags.includes(tag))).toEqual([]);
  });

  test("Rust's error codes are TypeScript's", () => {
    const codes = [...read("crates/nets/src/error.rs").matchAll(/Code::\w+ => "([\w-]+)"/g)].map(
      (match) => match[1]!,
    );
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.filter((code) => !(code in ERROR_CODES))).toEqual([]);
  });
});
