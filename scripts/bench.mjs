/** `npm run bench`: sets up what the engines run in, brings the package up to date and runs bench/run.ts on it. */
import { spawnSync } from "node:child_process";
import { build } from "./build.mjs";
import { chromium, setupBrowsers, setupRuntimes, stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

try {
  await build();
  setupRuntimes();
  setupBrowsers();
} catch (error) {
  stop(error);
}
const args = ["--import", "tsx", "bench/run.ts", ...process.argv.slice(2)];
const env = { ...process.env, ...(chromium() ? { CHROME_PATH: chromium() } : {}) };
process.exitCode = spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" }).status ?? 1;
