/**
 * What the queue of `convzoo bulk` costs: the same images by local workers and through a queue's server, in turns, CPU time of all
 * processes. `node --import tsx bench/bulk.ts --redis redis-server`.
 */
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    redis: { type: "string", default: "redis-server" },
    /** A small run and a large one: their difference is without what a run costs once. */
    images: { type: "string", default: "320,1280" },
    rounds: { type: "string", default: "2" },
    port: { type: "string", default: "7391" },
  },
});
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "convzoo-bulk-"));
const photos = ["hot_dog.jpg", "owl.jpg", "cat.webp", "bird.png"];
const sizes = values.images.split(",").map(Number);
for (const size of sizes) {
  mkdirSync(join(folder, `photos-${size}`));
  for (let i = 0; i < size; i++) {
    const name = photos[i % photos.length]!;
    copyFileSync(path(`../examples/images/${name}`), join(folder, `photos-${size}`, `${i}-${name}`));
  }
}

const server = ["--port", values.port, "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes"];
const redis = spawn(values.redis, [...server, "--save", ""], { stdio: "ignore" });
process.on("exit", () => {
  redis.kill();
  rmSync(folder, { recursive: true, force: true });
});
await pause(500);

/** Seconds of CPU time that a process has had. */
function used(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

let runs = 0;
function run(size: number, ...more: string[]): { cpu: number; queue: number; wall: number } {
  const script = 'TIMEFORMAT="%U %S %R"; time "$@"';
  const out = `out-${runs++}`;
  const args = [
    path("../dist/cli.js"),
    "bulk",
    `photos-${size}`,
    "--out",
    out,
    "--threads",
    "1",
    "--workers",
    "1",
  ];
  const before = used(redis.pid!);
  const done = spawnSync("bash", ["-c", script, "-", process.execPath, ...args, "--json", ...more], {
    cwd: folder,
    encoding: "utf8",
  });
  if (done.status !== 0 || !done.stdout.includes(`"images":${size}`))
    throw new Error(done.stdout + done.stderr);
  const [user, system, wall] = done.stderr.trim().split("\n").at(-1)!.split(" ").map(Number);
  return { cpu: user! + system!, queue: used(redis.pid!) - before, wall: wall! };
}

const rows: Record<string, string | number>[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  for (const size of sizes) {
    const alone = run(size);
    const queued = run(size, "--queue", `redis://127.0.0.1:${values.port}`);
    rows.push({
      images: size,
      "local: CPU s": alone.cpu,
      "wall s": alone.wall,
      "queued: CPU s": queued.cpu,
      "its wall s": queued.wall,
      "the server's CPU s": queued.queue,
      "more an image, %": Math.round((1000 * (queued.cpu + queued.queue - alone.cpu)) / alone.cpu) / 10,
    });
    console.error(JSON.stringify(rows.at(-1)));
  }
}
console.table(rows);
process.exit();
