/** Formats everything and mends what the linters can mend. */
import { spawnSync } from "node:child_process";
import { setupNpm, setupRust, stop } from "./setup.mjs";
import { root, toolchain } from "./toolchain.mjs";

try {
  setupNpm();
  setupRust();
  const { fmt, env } = toolchain();
  const biome = [process.execPath, ["node_modules/@biomejs/biome/bin/biome", "check", "--write"]];
  for (const [command, args] of [biome, [fmt, ["fmt", "--all"]]]) {
    const { status } = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
} catch (error) {
  stop(error);
}
