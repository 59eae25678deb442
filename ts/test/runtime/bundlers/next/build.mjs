/** Next.js, exported as a static site; without any settings for the package. */
import { spawnSync } from "node:child_process";
import { cpSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const [out] = process.argv.slice(2);
const folder = fileURLToPath(new URL(".", import.meta.url));
const next = createRequire(import.meta.url).resolve("next/dist/bin/next");
const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
const { status } = spawnSync(process.execPath, [next, "build"], { cwd: folder, env, stdio: "inherit" });
process.exitCode = status ?? 1;
if (status === 0) cpSync(`${folder}out`, out, { recursive: true });
