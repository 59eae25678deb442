/**
 * `npm run miri`: the unsafe code of the crates under Miri, Rust's interpreter that sees whatever is undefined. It wants rustup's
 * nightly: `rustup toolchain install nightly -c miri -c rust-src`. What follows `--` are names of tests; without any, those that
 * end within seconds, as an interpreter takes a second for what else takes a millisecond.
 */
import { spawnSync } from "node:child_process";
import { root } from "./toolchain.mjs";

const names = process.argv.slice(2);

/** Of each crate, tests by their names' beginnings. */
const KERNELS = names.length > 0 ? names : ["KERNELS"];
const NETS = names.length > 0 ? names : ["undefined"];

const env = { ...process.env, RUSTUP_TOOLCHAIN: "nightly", MIRIFLAGS: "-Zmiri-disable-isolation" };
let failed = false;
for (const [crate, tests] of [
  ["kernels", KERNELS],
  ["nets", NETS],
]) {
  const args = ["miri", "test", "-p", crate, "--lib", "--", ...tests];
  const { status, error } = spawnSync("cargo", args, { cwd: root, env, stdio: "inherit" });
  if (error) throw error;
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
