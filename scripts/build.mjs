/**
 * Builds the package into dist/: the core five times over, {simd128, relaxed-simd} x {single, threads} and the planner for
 * GPUs, then the TypeScript around it. Each half carries a stamp, the hash of everything it was made from, so that what is up to date
 * is left alone; both are made aside and moved into place whole. `--force` builds regardless.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { setupNpm, setupRust, stop } from "./setup.mjs";
import { sizes, sizeTable } from "./sizes.mjs";
import { root, together, toolchain, toolFolder } from "./toolchain.mjs";
import { isolateWaits } from "./waits.mjs";

const core = join(root, "build/core");
const dist = join(root, "dist");

const coreInputs = [
  "crates",
  "Cargo.toml",
  "Cargo.lock",
  "rust-toolchain.toml",
  "scripts/build.mjs",
  "scripts/toolchain.mjs",
  "scripts/waits.mjs",
];
const packageInputs = [
  "ts/src",
  "weights",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsup.config.ts",
];

const threads = [
  "-C target-feature=+atomics,+bulk-memory,+mutable-globals",
  ...["--shared-memory", "--import-memory", "--max-memory=4294967296"].map((arg) => `-C link-arg=${arg}`),
  ...["__wasm_init_tls", "__tls_size", "__tls_align", "__tls_base", "__heap_base"].map(
    (name) => `-C link-arg=--export=${name}`,
  ),
];

/**
 * Keeps the instructions of an inner loop in the source's order. LLVM would else sort them so that more numbers are alive at
 * a time than V8 has registers: a tile of 6 x 8 then spills and is half as fast (bench/README.md).
 */
const inOrder = "-C llvm-args=-pre-RA-sched=source";

/**
 * The builds; `wasm` is the file's name in dist/wasm, `glue` the folder of the JavaScript that fits it. simd128
 * is a module that edge workers import; the others, which the package alone loads, lie there gzipped.
 */
export const flavours = [
  { wasm: "simd128", glue: "single", features: "+simd128", threads: [] },
  { wasm: "relaxed-simd", glue: "single", features: "+simd128,+relaxed-simd", threads: [] },
  { wasm: "simd128-threads", glue: "threads", features: "+simd128", threads },
  { wasm: "relaxed-simd-threads", glue: "threads", features: "+simd128,+relaxed-simd", threads },
  { wasm: "webgpu", glue: "webgpu", features: "+simd128", threads: [] },
];

/** The decoders' modules that the package carries, by their names in dist/wasm. */
const codecs = {
  mozjpeg_dec: "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm",
  squoosh_png: "@jsquash/png/codec/pkg/squoosh_png_bg.wasm",
  webp_dec: "@jsquash/webp/codec/dec/webp_dec.wasm",
};

/** One hash over the names and contents of files, folders included. */
function hash(paths, more = "") {
  const sum = createHash("sha256").update(more);
  const visit = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) visit(`${path}/${name}`);
    } else {
      const bytes = readFileSync(full);
      sum.update(`${path}\0${bytes.length}\0`).update(bytes);
    }
  };
  paths.forEach(visit);
  return sum.digest("hex");
}

const stampOf = (folder) => {
  const path = join(folder, ".stamp");
  return existsSync(path) ? readFileSync(path, "utf8") : "";
};

/** Runs `make(folder)` on an empty folder, stamps the folder, and puts it in the place of `target`. */
async function replace(target, stamp, make) {
  const making = join(root, `build/making-${process.pid}`);
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    await make(making);
    writeFileSync(join(making, ".stamp"), stamp);
    rmSync(target, { recursive: true, force: true });
    renameSync(making, target);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/** Runs a command; what it prints is shown only where it fails. */
function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => (said += text));
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve(said);
      else reject(new Error(`build: failed: ${command} ${args.join(" ")}\n${said.trimEnd()}`));
    });
  });
}

/** Replaces the one occurrence of a pattern: none, or two, means that the generator changed and this must too. */
function replaceOnce(text, pattern, by) {
  const count = [...text.matchAll(new RegExp(pattern, "g"))].length;
  if (count !== 1)
    throw new Error(`build: ${pattern} matched ${count} times in a generated file, wanted once`);
  return text.replace(pattern, by);
}

/** wasm-bindgen's glue as we ship it. */
function adaptGlue(text, kind) {
  // Our callers always pass the module; a default path would make bundlers look for a file that is not there.
  const glue = replaceOnce(text, /module_or_path = new URL\('core_bg\.wasm', import\.meta\.url\);/, "");
  if (kind !== "threads") return glue;
  // The pool starts in workers of our own: the snippet's import each other in a circle and know browsers only.
  const ours = 'import { startWorkers } from "../../../ts/src/backend/start-workers.ts";';
  return replaceOnce(glue, /import \{ startWorkers \} from '[^']*workerHelpers[^']*';/, ours);
}

/** The environment that compiles one flavour, be it by wasm-pack or, for tests, by cargo. */
export function flavourEnv(flavour) {
  const { env, wasmFlags } = toolchain();
  const flagsOf = ({ features, threads }) =>
    [...wasmFlags, inOrder, `-C target-feature=${features}`, ...threads].join(" ");
  const flags = flagsOf(flavour);
  // A folder for each set of flags, so that std is compiled once for it and not again at every change of flags.
  const first = flavours.find((other) => flagsOf(other) === flags);
  return {
    ...env,
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS: flags,
    CARGO_TARGET_DIR: join(root, "target/wasm", first.wasm),
  };
}

/** Compiles one flavour; gives the folder with core_bg.wasm, core.js, core.d.ts. */
async function compile(flavour) {
  const out = join(root, "target/wasm", flavour.wasm, "pack");
  const args = [
    "build",
    "crates/nets",
    "--mode",
    "force",
    "--no-opt",
    "--no-pack",
    "--release",
    "--target",
    "web",
  ];
  args.push("--out-name", "core", "-d", out, "-Zbuild-std=std,panic_abort");
  if (flavour.glue !== "single") args.push("--features", flavour.glue);
  const start = performance.now();
  await run(join(toolFolder("wasm-pack"), "bin/wasm-pack"), args, { env: flavourEnv(flavour) });
  console.log(`build: ${flavour.wasm}.wasm (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  return out;
}

/** Compiles all flavours, some at a time: std is one long chain of crates, and so is ours. */
async function compileAll() {
  const outs = new Map();
  await together(flavours.map((flavour) => async () => outs.set(flavour, await compile(flavour))));
  return outs;
}

async function buildCore(folder) {
  mkdirSync(join(folder, "wasm"));
  const outs = await compileAll();
  for (const flavour of flavours) {
    const out = outs.get(flavour);
    const wasm = join(out, "core_bg.wasm");
    const isolated = flavour.threads.length > 0 ? isolateWaits(wasm) : readFileSync(wasm);
    writeFileSync(join(folder, "wasm", `${flavour.wasm}.wasm`), isolated);
    const glue = adaptGlue(readFileSync(join(out, "core.js"), "utf8"), flavour.glue);
    const place = join(folder, flavour.glue);
    if (!existsSync(place)) {
      mkdirSync(place);
      writeFileSync(join(place, "core.js"), glue);
      cpSync(join(out, "core.d.ts"), join(place, "core.d.ts"));
    } else if (readFileSync(join(place, "core.js"), "utf8") !== glue) {
      throw new Error(
        `build: the glue of ${flavour.wasm} differs from that of its twin, yet one file serves both`,
      );
    }
  }
}

async function buildPackage(folder) {
  const start = performance.now();
  await run(process.execPath, ["node_modules/tsup/dist/cli-default.js", "--silent", "-d", folder]);
  // For bundlers, which are to leave the decoders' import as it is. Minifying takes such marks away.
  const marked = "import(/* @vite-ignore *//* webpackIgnore: true */$1)";
  for (const name of ["worker.js", "worker-webgpu.js"]) {
    const worker = join(folder, name);
    writeFileSync(worker, replaceOnce(readFileSync(worker, "utf8"), /\bimport\((\w+)\)/, marked));
  }
  mkdirSync(join(folder, "wasm"));
  for (const { wasm } of flavours) {
    const bytes = readFileSync(join(core, "wasm", `${wasm}.wasm`));
    const path = join(folder, "wasm", `${wasm}.wasm`);
    if (wasm === "simd128") writeFileSync(path, bytes);
    else writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  }
  for (const [name, path] of Object.entries(codecs)) {
    cpSync(join(root, "node_modules", path), join(folder, "wasm", `${name}.wasm`));
  }
  mkdirSync(join(folder, "weights"));
  for (const name of readdirSync(join(root, "weights")).filter((name) => name.endsWith(".safetensors"))) {
    cpSync(join(root, "weights", name), join(folder, "weights", name));
  }
  console.log(`build: TypeScript (${((performance.now() - start) / 1000).toFixed(1)} s)`);
}

/** Brings dist/ up to date, setting up whatever that takes. */
export async function build({ force = false } = {}) {
  setupNpm();
  const coreStamp = hash(coreInputs);
  if (force || stampOf(core) !== coreStamp) {
    setupRust();
    await replace(core, coreStamp, buildCore);
  }
  const stamp = hash(packageInputs, coreStamp);
  if (force || stampOf(dist) !== stamp) await replace(dist, stamp, buildPackage);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const start = performance.now();
    await build({ force: process.argv.includes("--force") });
    console.log(sizeTable(await sizes()));
    console.log(`build: dist is up to date (${((performance.now() - start) / 1000).toFixed(2)} s)`);
  } catch (error) {
    stop(error);
  }
}
