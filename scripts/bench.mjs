/** `npm run bench`: brings the package up to date and runs bench/run.ts on it. */
import { spawnSync } from "node:child_process";
import { build } from "./build.mjs";
import { root } from "./toolchain.mjs";

await build();
const args = ["--import", "tsx", "bench/run.ts", ...process.argv.slice(2)];
process.exitCode = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" }).status ?? 1;
