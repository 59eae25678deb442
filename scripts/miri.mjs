/**
 * `npm run miri`: networks at random, of all operators, in Miri, an interpreter of Rust that sees what no processor tells: reads beside
 * an allocation, of what was never written, through a pointer that another use has made invalid, and writes by two threads at
 * once. What follows `--` is the name of another test.
 */
import { spawnSync } from "node:child_process";
import { miri, root } from "./toolchain.mjs";

/** Plans against the interpreter, by one thread; and several threads against one. */
const ALONE = [
  "random_nets_give_what_their_layers_say",
  "flattened_maps_are_joined_image_by_image",
  "one_number_serves_all_features",
];
const TOGETHER = ["threads_change_no_bit"];
/** What rayon's pool needs of Miri: crossbeam's pointers break the stricter rules, and its threads end with the process. */
const POOL = "-Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks";

const found = miri();
if (!found) {
  console.error("miri: no nightly Rust with Miri. With rustup it is had by");
  console.error("  rustup toolchain install nightly --profile minimal -c miri -c rust-src");
  process.exit(1);
}
const { cargo, env } = found;
/** Runs tests whose names contain one of `tests`. The seeds come from the machine, which Miri would keep them from. */
function run(tests, flags = "", features = []) {
  env.MIRIFLAGS = `-Zmiri-disable-isolation ${flags} ${process.env.MIRIFLAGS ?? ""}`;
  const args = ["miri", "test", "-p", "nets", "--lib", ...features, "--", ...tests];
  const { status } = spawnSync(cargo, args, { cwd: root, env, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}

const given = process.argv.slice(2);
run(given.length > 0 ? given : ALONE);
if (given.length === 0) run(TOGETHER, POOL, ["--features", "threads"]);
