/** `convzoo bulk`, as processes that are killed: every image once in the output, and the numbers of a run that nobody disturbed. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { convzoo, root } from "./package.js";

const folder = mkdtempSync(join(tmpdir(), "bulk-"));
const photos = join(folder, "photos");
const cli = join(root, "dist/cli.js");
/** More for a long run by hand. */
const COUNT = Number(process.env.BULK_IMAGES ?? 90);

beforeAll(async () => {
  mkdirSync(photos);
  const names = ["bird.png", "cat.webp", "hot_dog.jpg", "owl.jpg"];
  const all = await Promise.all(names.map((name) => convzoo.decode(join(root, "examples/images", name))));
  for (let i = 0; i < COUNT; i++) {
    const { width, data } = all[i % all.length]!;
    // Crops that differ, of 96 x 96 pixels.
    const [left, top] = [(i * 7) % 60, (i * 11) % 60];
    const rows = Array.from({ length: 96 }, (_, y) => {
      const at = 3 * ((top + y) * width + left);
      return data.subarray(at, at + 3 * 96);
    });
    const pixels = Uint8Array.from(rows.flatMap((row) => [...row]));
    writeFileSync(
      join(photos, `${String(i).padStart(5, "0")}.png`),
      encode({ width: 96, height: 96, channels: 3, data: pixels }),
    );
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const args = (...more: string[]) => [cli, "bulk", ...more];
const run = (...more: string[]) =>
  spawnSync(process.execPath, args(...more), { cwd: folder, encoding: "utf8" });

/** Every line of a kind of file below a run's folder. */
function lines(
  out: string,
  kind: "parts" | "failed",
): { file: string; top: { index: number; score: number }[] }[] {
  const base = join(folder, out, kind);
  if (!existsSync(base)) return [];
  const files = readdirSync(base, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".jsonl"),
  );
  return files.sort().flatMap((name) =>
    readFileSync(join(base, name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line)),
  );
}

const exited = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.on("exit", (code) => resolve(code)));
/** Whether somebody listens at the port. */
const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (does: boolean) => {
      socket.destroy();
      resolve(does);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("on one machine", () => {
  test("gives what classify gives", async () => {
    const done = run("photos", "--out", "plain", "--images", "16", "--parquet", "--json");
    expect(done.stderr).toBe("");
    expect(JSON.parse(done.stdout)).toMatchObject({
      images: COUNT,
      done: Math.ceil(COUNT / 16),
      failed: 0,
      dead: 0,
    });
    const rows = lines("plain", "parts");
    expect(new Set(rows.map(({ file }) => file)).size).toBe(COUNT);
    using model = await convzoo.load("squeezenet1_1");
    const top = await model.classify(join(folder, rows[3]!.file));
    expect(rows[3]!.top.map(({ index }) => index)).toEqual(top.map(({ index }) => index));
    const file = await asyncBufferFromFile(join(folder, "plain/parts/0000/0000000.parquet"));
    const columns = await parquetReadObjects({ file });
    expect(columns.length).toBe(16 * 5);
    expect(columns[0]).toMatchObject({ file: rows[0]!.file, rank: 1, index: rows[0]!.top[0]!.index });
  });

  test("goes on where it was killed", async () => {
    const child = spawn(
      process.execPath,
      args("photos", "--out", "killed", "--images", "4", "--workers", "2"),
      { cwd: folder },
    );
    const parts = join(folder, "killed/parts");
    while (!existsSync(parts) || readdirSync(parts, { recursive: true }).length < 4) await pause(20);
    child.kill("SIGKILL");
    await exited(child);
    const before = lines("killed", "parts").length;
    expect(before).toBeLessThan(COUNT);
    expect(run("--out", "killed", "--status", "--json").stdout).toContain(`"images":${COUNT}`);
    const done = run("photos", "--out", "killed", "--images", "4");
    expect(done.stderr).toBe("");
    same("killed", "plain");
  });

  test("embeddings and peaks, as lines and columns", async () => {
    const few = ["photos/00000.png", "photos/00001.png"];
    expect(run(...few, "--out", "vectors", "--give", "embedding", "--parquet").stderr).toBe("");
    const file = await asyncBufferFromFile(join(folder, "vectors/parts/0000/0000000.parquet"));
    const [first] = await parquetReadObjects({ file });
    expect(first!.embedding).toHaveLength(512);
    const [line] = lines("vectors", "parts") as unknown as [{ embedding: number[] }];
    expect([...(first!.embedding as number[])]).toEqual(line.embedding.map(Math.fround));
    cpSync(join(root, "examples/images/owl.jpg"), join(folder, "owl.jpg"));
    expect(
      run("owl.jpg", "--out", "peaks", "--give", "peaks", "--label", "great grey owl", "--parquet").stderr,
    ).toBe("");
    const [seen] = lines("peaks", "parts") as unknown as [{ label: string; peaks: { score: number }[] }];
    expect(seen.label).toBe("great grey owl");
    expect(seen.peaks.length).toBeGreaterThan(0);
  });

  test("an image that is none is written down and stops nothing", () => {
    writeFileSync(join(folder, "broken.jpg"), "no image");
    const done = run("broken.jpg", "photos/00000.png", "--out", "broken");
    expect(done.status).toBe(1);
    expect(done.stdout).toContain("1 images failed");
    expect(lines("broken", "failed")).toMatchObject([{ file: "broken.jpg", error: { code: "bad-image" } }]);
    expect(lines("broken", "parts").map(({ file }) => file)).toEqual(["photos/00000.png"]);
  });

  test("what cannot be done is said before anything is", () => {
    expect(run("photos", "--out", "x", "--model", "squeezenet1_2")).toMatchObject({
      status: 2,
      stderr: /unknown-model/,
    });
    expect(run("photos/none.png", "--out", "y").stderr).toContain("does not exist");
    expect(run("photos", "--out", "plain", "--topk", "3").stderr).toContain("topk 5");
    expect(run("photos", "--out", "z", "--workers", "0").stderr).toContain("--queue");
    expect(run("photos", "--out", "z", "--queue", "http://x").stderr).toContain("redis://");
    expect(run("photos", "--out", "z", "--queue", "redis://127.0.0.1:1").stderr).toContain(
      "cannot be reached",
    );
    expect(run("--out", "nothing", "--status").stderr).toContain("holds no run");
  });
});

describe("lists", () => {
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  test.each([
    ["lines.txt", "photos/00000.png\n\nphotos/00001.png\n"],
    ["lines.jsonl", '{"file":"photos/00000.png"}\n"photos/00001.png"\n'],
    ["rows.csv", 'id,path\n1,photos/00000.png\n2,"photos/00001.png"\n'],
  ])("%s", (name, text) => {
    write(name, text);
    const done = run("--list", name, "--out", `of-${name}`, "--dry-run", "--json");
    expect(done.stderr).toBe("");
    expect(JSON.parse(done.stdout)).toMatchObject({ images: 2, jobs: 1, done: 0 });
    expect(existsSync(join(folder, `of-${name}`))).toBe(false);
  });

  test.each([
    ["../up.png", "--anywhere"],
    ["/etc/passwd", "--anywhere"],
    ["http://127.0.0.1/x.png", "--urls"],
  ])("%s is not followed unless told to", (place, flag) => {
    write("far.txt", `photos/00000.png\n${place}\n`);
    const done = run("--list", "far.txt", "--out", "far", "--dry-run");
    expect(done.status).toBe(2);
    expect(done.stderr).toContain("entry 2");
    expect(done.stderr).toContain(flag);
    expect(run("--list", "far.txt", "--out", "far", "--dry-run", flag).status).toBe(0);
  });

  test("an entry without an image is named", () => {
    write("odd.csv", "id,name\n1,cat\n");
    expect(run("--list", "odd.csv", "--out", "odd", "--dry-run").stderr).toContain("entry 1");
    write("odd.jsonl", '{"file": "photos/00000.png"}\n{"__proto__": {"file": "x"}}\nnot json\n');
    expect(run("--list", "odd.jsonl", "--out", "odd", "--dry-run").stderr).toContain("entry 2");
  });
});

/** That two runs have the same results, whoever did them. */
function same(one: string, other: string): void {
  const by = (out: string) => {
    const rows = lines(out, "parts");
    const map = new Map(rows.map((row) => [row.file, row.top]));
    expect(map.size).toBe(rows.length);
    return map;
  };
  const [a, b] = [by(one), by(other)];
  expect(a.size).toBe(b.size);
  for (const [file, top] of a) {
    expect(top.map(({ index }) => index)).toEqual(b.get(file)!.map(({ index }) => index));
    for (const [i, { score }] of top.entries()) expect(score).toBeCloseTo(b.get(file)![i]!.score, 4);
  }
}

/** scripts/test.mjs says where one is. */
const server = process.env.REDIS_PATH;

describe.skipIf(!server && process.env.CI !== "true")(
  "on several machines, through a queue (REDIS_PATH names its server)",
  () => {
    const children = new Set<ChildProcess>();
    let port = 0;
    let redis: ChildProcess;
    const url = () => `redis://127.0.0.1:${port}`;
    const start = (command: string, given: string[]) => {
      const child = spawn(command, given, { cwd: folder, stdio: "ignore" });
      children.add(child);
      return child;
    };
    const startRedis = async () => {
      const dir = join(folder, "redis");
      mkdirSync(dir, { recursive: true });
      const child = start(server!, [
        "--port",
        String(port),
        "--dir",
        dir,
        "--appendonly",
        "yes",
        "--save",
        "",
        "--bind",
        "127.0.0.1",
      ]);
      while (!(await answers(port))) await pause(20);
      return child;
    };

    beforeAll(async () => {
      port = await new Promise<number>((resolve) => {
        const probe = createServer().listen(0, "127.0.0.1", () => {
          const { port } = probe.address() as { port: number };
          probe.close(() => resolve(port));
        });
      });
      redis = await startRedis();
    });
    afterAll(() => {
      for (const child of children) child.kill("SIGKILL");
    });

    test("a server that is only just being started is waited for", async () => {
      redis.kill("SIGKILL");
      await exited(redis);
      const early = start(
        process.execPath,
        args("photos", "--out", "early", "--images", "30", "--queue", url()),
      );
      await pause(1500);
      redis = await startRedis();
      expect(await exited(early)).toBe(0);
      same("early", "plain");
    });

    test("workers are killed, the queue's server too, and every image is there once", async () => {
      const startWorker = () => start(process.execPath, args("--work", "--queue", url(), "--threads", "1"));
      const workers = [startWorker(), startWorker(), startWorker()];
      const given = [
        "photos",
        "--out",
        "shared",
        "--images",
        "4",
        "--workers",
        "0",
        "--queue",
        url(),
        "--json",
      ];
      const producer = spawn(process.execPath, args(...given), { cwd: folder });
      children.add(producer);
      let said = "";
      producer.stdout.on("data", (text) => (said += text));
      producer.stderr.on("data", (text) => (said += text));
      const ended = exited(producer);
      let over = false;
      ended.then(() => (over = true));
      for (let round = 0; !over; round++) {
        await Promise.race([pause(2500), ended]);
        if (over) break;
        const victim = round % workers.length;
        workers[victim]!.kill("SIGKILL");
        workers[victim] = startWorker();
        if (round === 1) {
          redis.kill("SIGKILL");
          await exited(redis);
          redis = await startRedis();
        }
      }
      expect(await ended, said).toBe(0);
      expect(JSON.parse(said)).toMatchObject({ images: COUNT, failed: 0, dead: 0 });
      same("shared", "plain");
    });
  },
);
