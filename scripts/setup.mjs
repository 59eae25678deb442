/**
 * Brings a machine that has only Node to where the package can be built and tested: npm packages, Rust with the sources
 * of std, wasm-pack and wasm-bindgen; on request the other runtimes, browsers, what stands in for a GPU, a server's clients. Every
 * step looks before it acts, so running it again costs nothing. Run alone (`node scripts/setup.mjs [--runtimes] [--browsers]
 * [--gpu] [--clients]`) or imported.
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root, rustVersion, toolchain, toolFolder, toolsFolder, wasmTools } from "./toolchain.mjs";

const minute = 60_000;
const debianPackages = ["rustc-web", "cargo-web", "rust-web-src", "lld", "rust-web-clippy", "rustfmt-web"];

const alone = process.argv[1] === fileURLToPath(import.meta.url);

/**
 * Does one step and prints one line about it; `work` returns what it found or did. Before another script's work, steps
 * that found everything in place say nothing.
 */
function step(name, work) {
  const start = performance.now();
  const said = work();
  const seconds = (performance.now() - start) / 1000;
  if (alone || seconds > 0.5) console.log(`setup: ${name.padEnd(16)} ${said} (${seconds.toFixed(2)} s)`);
}

/** Runs a command; where it fails, throws an error with the command and what it said. */
function run(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", cwd: root, maxBuffer: 1 << 28, ...options });
  if (done.status === 0) return;
  const why = done.error?.message ?? (done.signal ? `ended by ${done.signal}` : `exit status ${done.status}`);
  const lines = `${done.stdout ?? ""}${done.stderr ?? ""}`.trimEnd().split("\n");
  // Some commands (npm) say what is wrong first and how to call them last.
  const shown = lines.length > 30 ? [...lines.slice(0, 12), "...", ...lines.slice(-15)] : lines;
  throw new Error(`setup: failed: ${command} ${args.join(" ")} (${why})\n  ${shown.join("\n  ")}`);
}

const has = (command) =>
  process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, command)));

/** The packages of one folder's lockfile, without install scripts: none of ours needs one. */
function npmPackages(folder) {
  const lock = join(folder, "package-lock.json");
  const modules = join(folder, "node_modules");
  const installed = join(modules, ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return "present";
  // npm ci empties the folder that a link leads to, which belongs to somebody else.
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) return "a link, left as it is";
  const shell = process.platform === "win32"; // npm is a .cmd there
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    shell,
    timeout: 10 * minute,
  });
  return "installed by npm ci";
}

function rust() {
  const present = toolchain();
  if (present) return `${rustVersion} of ${present.kind}`;
  const tried = [];
  if (has("rustup")) {
    try {
      const parts = ["rust-src", "clippy", "rustfmt"].flatMap((name) => ["-c", name]);
      const args = [
        "toolchain",
        "install",
        rustVersion,
        "--profile",
        "minimal",
        "--no-self-update",
        ...parts,
      ];
      const env = { ...process.env, RUSTUP_MAX_RETRIES: "0" };
      run("rustup", args, { env, timeout: 5 * minute });
    } catch (error) {
      tried.push(error.message);
    }
    if (toolchain()) return `${rustVersion} installed by rustup`;
  }
  const asRoot = has("apt-get") && rootPrefix();
  if (asRoot) {
    try {
      apt(asRoot, debianPackages);
    } catch (error) {
      tried.push(error.message);
    }
    if (toolchain()) return `${rustVersion} installed from Debian's packages`;
  }
  throw new Error(
    [
      `setup: no Rust ${rustVersion} that can build for wasm. Install rustup, then run`,
      `  rustup toolchain install ${rustVersion} --profile minimal -c rust-src -c clippy -c rustfmt`,
      `or, on a Debian whose rustc-web is ${rustVersion}, as root:`,
      `  apt-get install --no-install-recommends ${debianPackages.join(" ")}`,
      ...tried,
    ].join("\n"),
  );
}

/** The words that make a command run as root, [] where we are, null where we may not. */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  return has("sudo") && spawnSync("sudo", ["-n", "true"]).status === 0 ? ["sudo", "-n"] : null;
}

function apt(asRoot, packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const [command, ...rest] = [...asRoot, "apt-get", ...args];
    run(command, rest, { env, timeout: 10 * minute });
  }
}

/**
 * One of the wasm tools, by `cargo install`: their npm packages download in an install script. A debug build takes a
 * third of the time, and speed does not matter for what they do. Not `--locked`: a yanked dependency must not stop us.
 */
function wasmTool(name) {
  const version = wasmTools[name];
  if (existsSync(toolFolder(name))) return `${version} present`;
  const { cargo, env } = toolchain();
  const making = join(toolsFolder, `making-${process.pid}`);
  mkdirSync(making, { recursive: true });
  try {
    const args = ["install", "--debug", name, "--version", version, "--root", join(making, name)];
    // One target folder for all: the two share many dependencies.
    run(cargo, args, { env: { ...env, CARGO_TARGET_DIR: join(making, "target") }, cwd: toolsFolder });
    // Another set-up may have been quicker; then its folder is as good as ours.
    if (!existsSync(toolFolder(name))) renameSync(join(making, name), toolFolder(name));
  } catch (error) {
    throw new Error(
      `${error.message}\nsetup: ${name} ${version} could not be built; it needs crates.io and a C linker (cc).`,
    );
  }
  return `${version} built`;
}

/** Removes what set-ups left that were interrupted, and at the end our own. */
function sweep() {
  if (!existsSync(toolsFolder)) return;
  for (const name of readdirSync(toolsFolder)) {
    const pid = /^making-(\d+)$/.exec(name)?.[1];
    if (pid && !(Number(pid) !== process.pid && alive(Number(pid))))
      rmSync(join(toolsFolder, name), { recursive: true });
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Path of the first of these commands that there is, or undefined. */
function find(names) {
  const folders = process.env.PATH.split(delimiter);
  return folders
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find((path) => existsSync(path));
}

/** Path of a Chromium, or undefined. */
export const chromium = () =>
  process.env.CHROME_PATH || find(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);

/** Path of a server that the tests' queue runs on, or undefined. */
export const queueServer = () => process.env.REDIS_PATH || find(["valkey-server", "redis-server"]);

const firefox = () => process.env.FIREFOX_PATH || find(["firefox-esr", "firefox"]);

/** Path of Vulkan's loader, through which Dawn (npm's webgpu) finds the GPU, or SwiftShader that comes with Chromium; or undefined. */
function vulkan() {
  if (process.platform !== "linux") return "part of the system";
  const folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
  return folders.map((folder) => join(folder, "libvulkan.so.1")).find((path) => existsSync(path));
}

/** A missing browser, loader or server lets its tests be skipped; only CI insists on it. */
function fromDebian(name, path, debianPackage, advice) {
  if (path()) return `at ${path()}`;
  let why = "no apt-get with root's rights here";
  const asRoot = has("apt-get") && rootPrefix();
  if (asRoot) {
    try {
      apt(asRoot, [debianPackage]);
      return "installed from Debian's packages";
    } catch (error) {
      why = error.message;
    }
  }
  if (process.env.CI === "true")
    throw new Error(`setup: no ${name}, and CI must have one: ${why}. ${advice}`);
  return `none, its tests will be skipped: ${why}`;
}

/** The queue's server, for the tests of `convzoo bulk`. */
export function setupQueue() {
  step("queue server", () => fromDebian("queue server", queueServer, "redis-server", "Set REDIS_PATH."));
}

/** npm packages alone: enough for whatever does not compile the core. */
export function setupNpm() {
  step("npm packages", () => npmPackages(root));
}

/** Rust and the wasm tools: what compiling the core takes. */
export function setupRust() {
  step("Rust", rust);
  sweep();
  try {
    for (const name of Object.keys(wasmTools)) step(name, () => wasmTool(name));
  } finally {
    sweep();
  }
}

/** The runtimes that the packed package is tested in (`ts/test/runtime/package.json`). */
export function setupRuntimes() {
  step("runtimes", () => npmPackages(join(root, "ts/test/runtime")));
  step("bundlers", () => npmPackages(join(root, "ts/test/runtime/bundlers")));
}

/** What builds the documentation site (`docs/package.json`). */
export function setupDocs() {
  step("docs", () => npmPackages(join(root, "docs")));
}

/**
 * A folder of Python with the clients that `convzoo serve` is tested with; stamped by their list, so that a change of it installs
 * anew. Where there is no Python, or nothing to install from, their tests are skipped; only CI insists on them.
 */
function pythonClients() {
  const list = join(root, "ts/test/clients/requirements.txt");
  const folder = join(root, "build/clients");
  const stamp = join(folder, ".stamp");
  const wanted = readFileSync(list, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return "present";
  rmSync(folder, { recursive: true, force: true });
  try {
    run("python3", ["-m", "venv", folder], { timeout: minute });
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list];
    run(join(folder, "bin/python"), pip, { timeout: 10 * minute });
    writeFileSync(stamp, wanted);
    return "installed by pip";
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    if (process.env.CI === "true")
      throw new Error(`${error.message}\nsetup: no clients for convzoo serve, and CI must have them.`);
    return `none, their test will be skipped: ${error.message.split("\n")[0]}`;
  }
}

/** KServe's and Triton's Python clients. */
export function setupClients() {
  step("Python clients", pythonClients);
}

export function setupBrowsers() {
  step("Chromium", () => fromDebian("Chromium", chromium, "chromium", "Set CHROME_PATH."));
  step("Firefox", () => fromDebian("Firefox", firefox, "firefox-esr", "Set FIREFOX_PATH."));
}

/** What WebGPU is tested on in Node: a GPU, or SwiftShader, which is Chromium's. */
export function setupGpu() {
  step("Chromium", () => fromDebian("Chromium", chromium, "chromium", "Set CHROME_PATH."));
  step("Vulkan", () => fromDebian("Vulkan loader", vulkan, "libvulkan1", "Install libvulkan1."));
}

/** Prints why a script stops, without the trace of an error that already says it. */
export function stop(error) {
  console.error(/^(setup|build): /.test(error.message) ? error.message : error);
  process.exit(1);
}

if (alone) {
  try {
    setupNpm();
    setupRust();
    if (process.argv.includes("--runtimes")) setupRuntimes();
    if (process.argv.includes("--browsers")) setupBrowsers();
    if (process.argv.includes("--clients")) setupClients();
    if (process.argv.includes("--gpu")) setupGpu();
  } catch (error) {
    stop(error);
  }
}
