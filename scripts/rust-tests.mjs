/** The tests of the crates, on this machine and as wasm: a vector type of wasm exists only in a build for it. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { flavourEnv, flavours } from "./build.mjs";
import { root, runAside, toolchain, toolFolder } from "./toolchain.mjs";

/** The tests of a run; where it went wrong without a failing test (a compile error, a trap), that is one more. */
function testsOf(tests, { status, said }) {
  if (status === 0 || tests.some(({ state }) => state === "failed")) return tests;
  return [...tests, { name: "cargo test", state: "failed", why: said.split("\n").slice(-60).join("\n") }];
}

/** [{ name, state, why }] for every test of the workspace, run natively with threads; as wasm they run without. */
export async function nativeTests() {
  const { cargo, env } = toolchain();
  const json = ["--", "-Z", "unstable-options", "--format", "json"];
  const done = await runAside(
    cargo,
    ["test", "--quiet", "--workspace", "--all-features", "--no-fail-fast", ...json],
    env,
  );
  const states = { ok: "passed", failed: "failed", ignored: "skipped" };
  const tests = done.stdout
    .split("\n")
    .filter((line) => /^\{ ?"type": ?"test"/.test(line))
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event in states)
    .map(({ name, event, stdout, message }) => {
      return {
        name,
        state: states[event],
        why: event === "ignored" ? `${name}: ${message ?? "ignored"}` : stdout,
      };
    });
  return testsOf(tests, done);
}

/** Writes the cases that are held to the references on a GPU: build/test/gpu-cases and gpu-products. */
export async function writeGpuCases() {
  const { cargo, env } = toolchain();
  const args = [
    "test",
    "--quiet",
    "-p",
    "nets",
    "-p",
    "kernels",
    "--all-features",
    "--lib",
    "--",
    "--ignored",
    "webgpu::cases",
    "conv2d::gpu",
  ];
  const { status, said } = await runAside(cargo, args, env);
  if (status !== 0) throw new Error(`the cases for a GPU could not be written:\n${said}`);
}

/** The same for the tests that run as wasm, built as the flavour of that name and run in a Node that can. */
export async function wasmTests(name) {
  const newer = join(root, "ts/test/runtime/node_modules/node-24/bin");
  const needs = name.startsWith("relaxed") && Number(process.versions.node.split(".")[0]) < 22;
  if (needs && !existsSync(newer)) {
    return [
      {
        name,
        state: "skipped",
        why: `Rust tests in ${name}: this Node lacks relaxed SIMD, and there is no newer one`,
      },
    ];
  }
  const env = flavourEnv(flavours.find(({ wasm }) => wasm === name));
  env.CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER = join(
    toolFolder("wasm-bindgen-cli"),
    "bin/wasm-bindgen-test-runner",
  );
  if (needs) env.PATH = `${newer}${delimiter}${env.PATH}`;
  // One way to panic for all, else std is built both ways and neither links.
  const std = ["-Zbuild-std=std,panic_abort", "-Zpanic-abort-tests"];
  const args = ["test", "--workspace", "--lib", "--release", "--target", "wasm32-unknown-unknown"];
  const done = await runAside(toolchain().cargo, [...args, "--no-fail-fast", ...std], env);
  const states = { ok: "passed", FAIL: "failed", ignored: "skipped" };
  const tests = [...done.stdout.matchAll(/^test (\S+) \.\.\. (ok|FAIL|ignored)/gm)].map(([, test, state]) => {
    const said = done.stdout.split(`---- ${test} output ----`)[1]?.split("\n").slice(1, 20).join("\n");
    const why = state === "FAIL" ? (said ?? done.said) : `${test}: ignored`;
    return { name: `${test} in ${name}`, state: states[state], why };
  });
  return testsOf(tests, done);
}
