/**
 * Which Rust builds the core: finds one, never installs one (that is setup.mjs).
 *
 * Two kinds serve. rustup's, addressed by the toolchain's own folder, because rustup's proxies may start a download
 * or choose another version; and Debian's packages (rustc-web and its company), for machines where rustup cannot
 * download. Both compile std for wasm from source, so both need the library's sources and `RUSTC_BOOTSTRAP`.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** The pinned version of Rust. */
export const rustVersion = /channel = "([^"]+)"/.exec(
  readFileSync(join(root, "rust-toolchain.toml"), "utf8"),
)[1];

/** The host tools that turn the core into a web module, by their crate names. */
export const wasmTools = { "wasm-pack": "0.15.1", "wasm-bindgen-cli": "0.2.130" };

const cache =
  process.env.CONVZOO_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "convzoo");

const cargoHome = process.env.CARGO_HOME || join(homedir(), ".cargo");

/** Where every version of every tool has a folder of its own. */
export const toolsFolder = join(cache, "tools");

/** The folder of one tool; it exists only when the tool in it is whole. */
export const toolFolder = (name) => join(toolsFolder, `${name}-${wasmTools[name]}`);

/** The folder of one of rustup's toolchains. */
function rustupFolder(channel) {
  const host = { x64: "x86_64", arm64: "aarch64" }[process.arch];
  const system = { linux: "unknown-linux-gnu", darwin: "apple-darwin", win32: "pc-windows-msvc" }[
    process.platform
  ];
  const home = process.env.RUSTUP_HOME || join(homedir(), ".rustup");
  return join(home, "toolchains", `${channel}-${host}-${system}`);
}

function rustup() {
  const folder = rustupFolder(rustVersion);
  const bin = join(folder, "bin");
  const source = join(folder, "lib/rustlib/src/rust");
  const wanted = [
    join(bin, exe("cargo")),
    join(bin, exe("cargo-clippy")),
    join(bin, exe("cargo-fmt")),
    join(source, "library/std/Cargo.toml"),
  ];
  return wanted.every((path) => existsSync(path))
    ? { kind: "rustup", bin, source, wasmFlags: [], wasmEnv: {} }
    : null;
}

function debian() {
  const bin = "/usr/bin";
  const wanted = ["rustc", "cargo", "cargo-clippy", "cargo-fmt", "wasm-ld"].map((name) => join(bin, name));
  const source = `/usr/src/rustc-${rustVersion}`;
  wanted.push(join(source, "library/std/Cargo.toml"));
  if (!wanted.every((path) => existsSync(path))) return null;
  const said = spawnSync(join(bin, "rustc"), ["--version"], { encoding: "utf8" });
  if (!said.stdout?.startsWith(`rustc ${rustVersion} `)) return null;
  // Debian's compiler comes without rust-lld, its default linker for wasm.
  const wasmEnv = { CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: join(bin, "wasm-ld") };
  return { kind: "Debian", bin, source, wasmFlags: ["-C linker-flavor=wasm-ld"], wasmEnv };
}

/** Runs a command to its end: its result, with all that it said as `said`. */
export function run(command, args, env = process.env) {
  const done = spawnSync(command, args, { cwd: root, env, encoding: "utf8", maxBuffer: 1 << 30 });
  return {
    ...done,
    said: `${done.stdout ?? ""}${done.stderr ?? ""}${done.error ? `\n${done.error.message}` : ""}`,
  };
}

/** The same, beside whatever else is done meanwhile. */
export function runAside(command, args, env = process.env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    const texts = ["", ""];
    [child.stdout, child.stderr].forEach((stream, i) => {
      stream.setEncoding("utf8").on("data", (text) => (texts[i] += text));
    });
    const end = (status, error) => {
      const said = `${texts.join("")}${error ? `\n${error.message}` : ""}`;
      resolve({ status, stdout: texts[0], stderr: texts[1], said });
    };
    child.on("error", (error) => end(null, error));
    child.on("close", (status) => end(status));
  });
}

/** Does works beside one another, as many at a time as there are cores. */
export async function together(works) {
  const waiting = works.values();
  const worker = async () => {
    for (const work of waiting) await work();
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

const exe = (name) => (process.platform === "win32" ? `${name}.exe` : name);

/**
 * The Rust to use, or null where there is none that can build the core.
 *
 * - `kind`: "rustup" or "Debian"
 * - `cargo`, `fmt`, `clippy`: paths. The last two are called by path because cargo looks for its subcommands in
 *   rustup's folder first.
 * - `env`: the whole environment for them, and for wasm-pack
 * - `wasmFlags`: compiler flags that every wasm build wants
 */
export function toolchain() {
  const found = rustup() ?? debian();
  if (!found) return null;
  const { kind, bin, source, wasmFlags, wasmEnv } = found;
  // The build machine's paths would otherwise be in the panic messages, and differ from machine to machine. The flags
  // are split at spaces, so a path with one is left as it is.
  const places = {
    [source]: "rust",
    "/usr/lib/rustlib/src/rust": "rust",
    [join(cargoHome, "registry/src")]: "crates",
  };
  const remap = Object.entries(places).filter(([from]) => !from.includes(" "));
  const path = [
    bin,
    ...Object.keys(wasmTools).map((name) => join(toolFolder(name), "bin")),
    process.env.PATH,
  ];
  const env = {
    ...process.env,
    ...wasmEnv,
    PATH: path.join(delimiter),
    CARGO: join(bin, exe("cargo")),
    RUSTC: join(bin, exe("rustc")),
    RUSTDOC: join(bin, exe("rustdoc")),
    RUSTFMT: join(bin, exe("rustfmt")),
    RUSTC_BOOTSTRAP: "1",
  };
  // Either of these would silently replace the flags that are set for each target.
  delete env.RUSTFLAGS;
  delete env.CARGO_ENCODED_RUSTFLAGS;
  delete env.CARGO_BUILD_TARGET;
  return {
    kind,
    cargo: env.CARGO,
    fmt: join(bin, exe("cargo-fmt")),
    clippy: join(bin, exe("cargo-clippy")),
    wasmFlags: [...wasmFlags, ...remap.map(([from, to]) => `--remap-path-prefix=${from}=${to}`)],
    env,
  };
}

/** The cargo of a nightly Rust that has Miri, with its environment; null where there is none. */
export function miri() {
  const bin = join(rustupFolder("nightly"), "bin");
  const wanted = ["cargo", "cargo-miri", "miri"].map((name) => join(bin, exe(name)));
  wanted.push(join(bin, "../lib/rustlib/src/rust/library/std/Cargo.toml"));
  if (!wanted.every((path) => existsSync(path))) return null;
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) };
  for (const name of ["RUSTC", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"])
    delete env[name];
  return { cargo: wanted[0], env };
}
