/**
 * `npm run miri`: the unsafe code of the kernels in Miri, an interpreter of Rust that sees what no processor tells: reads beside
 * an allocation, of what was never written, through a pointer that another use has made invalid, and writes by two threads at
 * once. It takes hundreds of times as long, so the tests are those of few numbers. What follows `--` are the names of others.
 */
import { miri, runAside, together } from "./toolchain.mjs";

/** Each algorithm of convolutions, in parts that take about as long; plans of all operators, by one thread; several threads against one. */
const KERNELS = [
  ["smallest_of_every_tile", "weights_of_runs_and_of_packing"],
  ["smallest_of_every_stride"],
  ["smallest_of_every_schedule", "conv2d::tests::smallest", "grouped::tests::smallest"],
];
const PLANS = [
  "every_operator_gives_what_it_says",
  "flattened_maps_are_joined_image_by_image",
  "one_number_serves_all_features",
];
const TOGETHER = ["threads_change_no_bit"];
/** What rayon's pool needs of Miri: crossbeam's pointers break the stricter rules, and its threads end with the process. */
const POOL = "-Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks";
/** Seeds come from the machine, which Miri would keep them from; and it would round powers of two to others. */
const ALWAYS = "-Zmiri-disable-isolation -Zmiri-deterministic-floats";

const found = miri();
if (!found) {
  console.error("miri: no nightly Rust with Miri. With rustup it is had by");
  console.error("  rustup toolchain install nightly --profile minimal -c miri -c rust-src");
  process.exit(1);
}
const { cargo, env } = found;

/** Runs tests whose names contain one of `tests`, `least` of them or more, and gives how many passed. */
async function run(crate, tests, { flags = "", features = [], least = tests.length } = {}) {
  const start = performance.now();
  const given = { ...env, MIRIFLAGS: `${ALWAYS} ${flags} ${process.env.MIRIFLAGS ?? ""}` };
  const args = ["miri", "test", "-p", crate, "--lib", ...features, "--", ...tests];
  const { status, said } = await runAside(cargo, args, given);
  const passed = Number(/(\d+) passed/.exec(said)?.[1] ?? 0);
  const seconds = Math.round((performance.now() - start) / 1000);
  const isFine = status === 0 && passed >= least;
  console.log(`${isFine ? "ok  " : "FAIL"} ${crate}: ${passed} passed (${seconds} s)`);
  if (!isFine) {
    process.exitCode = 1;
    console.log(said);
  }
  return passed;
}

const given = process.argv.slice(2);
if (given.length > 0) {
  const least = { least: 0 };
  const passed = (await run("nets", given, least)) + (await run("kernels", given, least));
  if (passed === 0) process.exitCode = 1;
} else {
  await together([
    ...KERNELS.map((tests) => () => run("kernels", tests)),
    () => run("nets", PLANS),
    () => run("nets", TOGETHER, { flags: POOL, features: ["--features", "threads"] }),
  ]);
}
