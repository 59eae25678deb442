/**
 * Every check of the package: set-up, build, linters, Rust tests, TypeScript tests, the packed package, sizes. A failure
 * does not keep the rest from running. The last line is `N passed, N failed`, counting single tests; a linter counts as
 * one. `--quick`: unit and golden tests alone, the golden ones told so by CONVZOO_QUICK. `--lint`: the linters alone.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.mjs";
import { licenceFaults } from "./licences.mjs";
import { nativeTests, wasmTests, writeGpuCases } from "./rust-tests.mjs";
import {
  chromium,
  queueServer,
  setupBrowsers,
  setupClients,
  setupDocs,
  setupGpu,
  setupNpm,
  setupQueue,
  setupRuntimes,
  setupRust,
} from "./setup.mjs";
import { readmeFaults, sizes, sizeTable, weight } from "./sizes.mjs";
import { root, runAside, together, toolchain } from "./toolchain.mjs";

const only = (flag) => process.argv.includes(flag);
const results = join(root, "build/test");
const tarball = join(results, "convzoo.tgz");
const counts = { passed: 0, failed: 0 };
const skipped = new Map();

/** Takes in the tests of a suite, [{ name, state, why }], and prints one line about it and the failures. */
function report(suite, tests, start) {
  const of = (state) => tests.filter((test) => test.state === state);
  const [passed, failed] = [of("passed"), of("failed")];
  const omitted = tests.filter((test) => test.state !== "passed" && test.state !== "failed");
  counts.passed += passed.length;
  counts.failed += failed.length;
  for (const { why } of omitted) skipped.set(why, (skipped.get(why) ?? 0) + 1);
  const said = [`${passed.length} passed`, `${failed.length} failed`];
  if (omitted.length > 0) said.push(`${omitted.length} skipped`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failed.length > 0 ? "FAIL" : "ok  "} ${suite}: ${said.join(", ")} (${seconds} s)`);
  for (const { name, why } of failed) console.log(`\n---- ${suite}: ${name}\n${shortened(String(why))}\n`);
}

/** The start and the end of a long text: what else is wrong can wait for the next run. */
function shortened(text) {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= 100) return lines.join("\n");
  return [...lines.slice(0, 60), `... ${lines.length - 90} lines more ...`, ...lines.slice(-30)].join("\n");
}

/** Runs one suite; an error of its own is one failure. */
async function suite(name, work) {
  const start = performance.now();
  try {
    report(name, await work(), start);
  } catch (error) {
    const known = /^(setup|build): /.test(error.message);
    report(name, [{ name, state: "failed", why: known ? error.message : error.stack }], start);
  }
}

/** A command that is one test. */
async function check(name, command, args, env) {
  const { status, said } = await runAside(command, args, env);
  return { name, state: status === 0 ? "passed" : "failed", why: said };
}

const node = (name, script, ...args) =>
  check(name, process.execPath, [join("node_modules", script), ...args]);

async function lint() {
  const { fmt, clippy, env } = toolchain();
  const deny = ["--workspace", "--all-targets", "--", "-D", "warnings"];
  return [
    await node("biome", "@biomejs/biome/bin/biome", "ci", "--colors=off", "--max-diagnostics=50"),
    await node("tsc", "typescript/bin/tsc", "--noEmit"),
    await check("cargo fmt", fmt, ["fmt", "--all", "--check", "--", "--color=never"], env),
    await check("cargo clippy", clippy, ["clippy", "--quiet", ...deny], env),
  ];
}

/** Golden tests that quick mode leaves out: they run whole networks many times over, or need what a daily run has not. */
const slow = [
  "algorithms",
  "bulk",
  "consumer",
  "core-fuzz",
  "docs",
  "faults",
  "large",
  "lifecycle",
  "memory",
  "onnx-exports",
  "pillow",
  "precision",
  "score-map",
  "serve",
  "serve-clients",
  "serve-soak",
  "shaking",
  "webgpu-cases",
  "webgpu-float16",
  "webgpu-goldens",
  "webgpu-probe",
  "webgpu-products",
  "webgpu-tune",
];

/** Unit tests that quick mode leaves out: seconds of damaged files, of servers that fail, of a checker at work. */
const fuzzers = ["download", "fuzz", "image-fuzz", "redos", "serve-fuzz"];

/** Files beside which nothing else runs: they hold one time against another, or drive a browser that soon gives up. */
const alone = { golden: ["algorithms", "lifecycle"], runtime: ["page-firefox"] };

/** One project of vitest.config.ts: what `choice`, arguments of vitest's, leaves of it. */
async function vitest(project, env = {}, choice = []) {
  const file = join(results, `${project}.json`);
  rmSync(file, { force: true });
  const reporter = ["--reporter", "./scripts/vitest-reporter.mjs"];
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project", project, ...reporter, ...choice];
  const { status, said } = await runAside(process.execPath, args, {
    ...process.env,
    ...env,
    NO_COLOR: "1",
    CONVZOO_RESULTS: file,
  });
  const tests = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  if (status !== 0 && !tests.some(({ state }) => state === "failed")) {
    tests.push({ name: `vitest ${project}`, state: "failed", why: said });
  }
  return tests;
}

const without = (names) => names.flatMap((name) => ["--exclude", `**/${name}.test.ts`]);

/** Packs what would be published, lets two linters of packages look at it, and reads the licences of what is in it. */
async function packed() {
  const pack = await check("npm pack", "npm", ["pack", "--ignore-scripts", "--pack-destination", results]);
  if (pack.state === "failed") return [pack];
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  renameSync(join(results, `${name}-${version}.tgz`), tarball);
  return [
    pack,
    await node("publint", "publint/src/cli.js", "run", "--strict", tarball),
    await licences(),
    await node(
      "are the types wrong",
      "@arethetypeswrong/cli/dist/index.js",
      tarball,
      "--profile",
      "esm-only",
    ),
  ];
}

async function licences() {
  const faults = await licenceFaults();
  return { name: "licences", state: faults.length === 0 ? "passed" : "failed", why: faults.join("\n") };
}

async function sizesUnderLimits() {
  const all = await sizes();
  console.log(sizeTable(all));
  const limited = all.rows
    .filter(({ limit }) => limit)
    .map((row) => {
      const why = `${row.name} weighs ${weight(row)} bytes, and may weigh ${row.limit}`;
      return { name: row.name, state: weight(row) <= row.limit ? "passed" : "failed", why };
    });
  const megabytes = all.rows.find(({ name }) => name === "installed").bytes / 1e6;
  const said = Number(/installed ([\d.]+) MB/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1]);
  const why = `README.md says that ${said} MB are installed; they are ${megabytes.toFixed(1)}`;
  const state = Math.abs(said - megabytes) < 0.1 ? "passed" : "failed";
  const faults = readmeFaults(all);
  const table = {
    name: "README.md's table of sizes",
    state: faults.length === 0 ? "passed" : "failed",
    why: faults.join("\n"),
  };
  return [...limited, { name: "README.md's size", state, why }, table];
}

/** All of a project: most files beside one another, then those that must be alone. */
async function whole(project, env) {
  const tests = await vitest(project, env, without(alone[project]));
  return [...tests, ...(await vitest(project, env, [...alone[project], "--maxWorkers=1"]))];
}

/** On the built package; `bulk` wants a queue's server. */
const golden = () => whole("golden", queueServer() ? { REDIS_PATH: queueServer() } : {});

/** The smoke tests of the packed package, which find what they need beside them and in their environment. */
const runtimes = () =>
  whole("runtime", { CONVZOO_TARBALL: tarball, ...(chromium() ? { CHROME_PATH: chromium() } : {}) });

const documentation = async () => [await check("npm run docs", process.execPath, ["scripts/docs.mjs"])];

/** What others rest on; where it fails, it says why once and the rest reports what that breaks. */
async function prepare(name, work) {
  try {
    await work();
  } catch (error) {
    await suite(name, () => {
      throw error;
    });
  }
}

/** What is compiled, and what reads all of the sources. None of it minds how long it takes. */
async function compiled() {
  const rust = async () => {
    await suite("Rust tests, native", nativeTests);
    await prepare("cases for a GPU", writeGpuCases);
  };
  const rest = async () => {
    await prepare("build", build);
    await together([
      () => suite("Rust tests, simd128", () => wasmTests("simd128")),
      () => suite("Rust tests, relaxed-simd", () => wasmTests("relaxed-simd")),
      () => suite("packed package", packed),
      () => suite("sizes", sizesUnderLimits),
      () => suite("documentation", documentation),
      // Last, as clippy waits for the native tests: cargo lets one of them compile at a time.
      () => suite("lint", lint),
    ]);
  };
  await Promise.all([rust(), rest()]);
}

mkdirSync(results, { recursive: true });
await prepare("npm packages", setupNpm);
if (only("--quick")) {
  await prepare("build", build);
  // A file after another in one process, which is a fifth faster; the whole check gives each its own.
  await suite("unit", () => vitest("unit", {}, [...without(fuzzers), "--no-isolate"]));
  await suite("golden", () => vitest("golden", { CONVZOO_QUICK: "1" }, without(slow)));
} else {
  await prepare("Rust", setupRust);
  // Before the linters: the compiler reads these packages' types.
  await prepare("other runtimes", setupRuntimes);
  if (only("--lint")) {
    await prepare("build", build);
    await suite("lint", lint);
  } else {
    await prepare("clients of serve", setupClients);
    await prepare("browsers", setupBrowsers);
    await prepare("what stands in for a GPU", setupGpu);
    await prepare("queue server", setupQueue);
    await prepare("documentation's tools", setupDocs);
    await compiled();
    await suite("unit", () => vitest("unit"));
    await suite("golden", golden);
    await suite("runtimes", runtimes);
  }
}
for (const [why, count] of skipped) console.log(`${count} skipped: ${why}`);
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed > 0 ? 1 : 0;
