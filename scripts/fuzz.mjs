/** `npm run fuzz -- --minutes N`: brings the package up to date and feeds damaged inputs to all that reads, `ts/test/fuzz`. */
import { spawnSync } from "node:child_process";
import { build } from "./build.mjs";
import { setupNpm, stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

try {
  setupNpm();
  await build();
} catch (error) {
  stop(error);
}
const args = ["--import", "tsx", "ts/test/fuzz/main.ts", ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status ?? 1;
