/**
 * `npm run miri`: networks at random, of all operators, in Miri, an interpreter of Rust that sees what no processor tells: reads beside
 * an allocation, of what was never written, through a pointer that another use has made invalid, and writes by two threads at
 * once. What follows `--` is the name of another test.
 */
import { spawnSync } from "node:child_process";
import { miri, root } from "./toolchain.mjs";

/** Who writes and reads what when: plans against the interpreter, and several threads against one. */
const TESTS = [
  "random_nets_give_what_their_layers_say",
  "threads_change_no_bit",
  "flattened_maps_are_joined_image_by_image",
  "one_number_serves_all_features",
];

const found = miri();
if (!found) {
  console.error("miri: no nightly Rust with Miri. With rustup it is had by");
  console.error("  rustup toolchain install nightly --profile minimal -c miri -c rust-src");
  process.exit(1);
}
const { cargo, env } = found;
// The tests' seeds come from the machine, which Miri would keep them from.
env.MIRIFLAGS = `-Zmiri-disable-isolation ${env.MIRIFLAGS ?? ""}`;
const given = process.argv.slice(2);
const tests = given.length > 0 ? given : TESTS;
const args = ["miri", "test", "-p", "nets", "--lib", "--features", "threads", "--", ...tests];
const { status } = spawnSync(cargo, args, { cwd: root, env, stdio: "inherit" });
process.exitCode = status ?? 1;
