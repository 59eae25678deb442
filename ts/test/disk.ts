/** Disks of a test's own: small ones, and ones that can only be read. */
import { spawn, spawnSync } from "node:child_process";

const unshare = ["--map-root-user", "--mount", "sh", "-ec"];

/** Why there can be none here; undefined where there can. */
export const noDisk: string | undefined =
  spawnSync("unshare", [...unshare, "mount -t tmpfs tmpfs /mnt"]).status === 0
    ? undefined
    : "this system lets no test mount a disk of its own";

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a script of the shell, whose $1, $2 ... are `args`, with a disk of so many KiB mounted at `folder`, which nobody else sees and
 * which is gone at the script's end.
 */
export async function onDisk(
  folder: string,
  kib: number,
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const mounted = `mount -t tmpfs -o size=${kib}k tmpfs "$0"; ${script}`;
  const child = spawn("unshare", [...unshare, mounted, folder, ...args], { env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (part: string) => (stdout += part));
  child.stderr.setEncoding("utf8").on("data", (part: string) => (stderr += part));
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, stdout, stderr };
}
