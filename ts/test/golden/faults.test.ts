/** Full disks, workers that are gone in the middle of their work, memory that one model has not: what is left, and what goes on. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readYaml } from "../../src/config/yaml.js";
import { configReader } from "../../src/serve/config.js";
import { makeServer } from "../../src/serve/index.js";
import type { Library } from "../../src/serve/library.js";
import { noDisk, onDisk } from "../disk.js";
import { live } from "../live.js";
import { smallCore } from "./core-file.js";
import { convzoo, noise, root } from "./package.js";
import { refused } from "./refused.js";

const cli = join(root, "dist/cli.js");
const digits = join(root, "examples/digits");
const killer = new URL("../kill-workers.mjs", import.meta.url).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-faults-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(noDisk)(`a full disk${noDisk ? `: ${noDisk}` : ""}`, () => {
  /** The command on a disk of so many KiB, then what lies there: a line each, its bytes before it; `more` of the shell after it. */
  async function onSmall(kib: number, args: readonly string[], more = "") {
    const list = `(cd "$0"; find . -type f -exec wc -c {} +)`;
    const script = `"$@" || echo "status $?"; ${list}; ${more.replace("LIST", list)}`;
    return onDisk(folder, kib, script, [process.execPath, cli, ...args]);
  }

  test("under a conversion: nothing of the file is there", async () => {
    const weights = join(root, "dist/weights", readdirSync(join(root, "dist/weights"))[0]!);
    const { stdout, stderr } = await onSmall(64, ["convert", weights, join(folder, "out.safetensors")]);
    expect(stderr).toMatch(/out\.safetensors cannot be written: .*no space left/);
    expect(stdout.trim()).toMatch(/^status 2$/);
  });

  test("under the results of a bulk run: parts are whole or not there, and with room the run goes on", async () => {
    const bulk = [
      "bulk",
      digits,
      "--model",
      "lenet5",
      "--topk",
      "10",
      "--images",
      "5",
      "--retries",
      "0",
      "--out",
    ];
    const whole = mkdtempSync(join(tmpdir(), "convzoo-whole-"));
    expect(spawnSync(process.execPath, [cli, ...bulk, whole]).status).toBe(0);
    const wanted = ["parts/0000/0000000.jsonl", "parts/0000/0000001.jsonl"].map((name) => {
      return { name, size: readFileSync(join(whole, name)).length };
    });
    rmSync(whole, { recursive: true });
    // Two of the disk's pages each: there is room for the two lists, for one part, and for a page of the other.
    for (const { size } of wanted) expect(Math.ceil(size / 4096)).toBe(2);
    const { stdout, stderr } = await onSmall(
      20,
      [...bulk, join(folder, "run")],
      'echo; mount -o remount,size=1024k "$0"; "$@"; LIST',
    );
    const [full, roomy] = stdout
      .split("\n\n")
      .map((text) =>
        [...text.matchAll(/(\d+) \.\/run\/(\S+)/g)].map(([, size, name]) => ({ name, size: Number(size) })),
      );
    const parts = (files = full) => files!.filter(({ name }) => name!.startsWith("parts/"));
    expect(stdout + stderr).toMatch(/1 jobs were given up/);
    expect(stdout).not.toMatch(/\.tmp/);
    expect(parts()).toHaveLength(1);
    expect(wanted).toEqual(expect.arrayContaining(parts()));
    expect(parts(roomy).sort((a, b) => (a.name! < b.name! ? -1 : 1))).toEqual(wanted);
  });
});

/** Waits until there is something, looking often. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error("it did not come about within a minute");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const exitOf = (child: ChildProcess) => new Promise<number | null>((resolve) => child.on("close", resolve));

describe("a worker that is killed", () => {
  const squeezenet = noise([8, 3, 224, 224]);

  test("in the middle of a run: that run rejects, other models and the next load do not", async () => {
    const started: Worker[] = [];
    const note = (worker: Worker) => void started.push(worker);
    process.on("worker", note);
    const model = await convzoo.load("squeezenet1_1", { threads: 1 });
    process.off("worker", note);
    const other = await convzoo.load("lenet5", { threads: 1 });
    expect(started).toHaveLength(1);
    const running = model.run(squeezenet);
    const later = model.run(squeezenet);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await started[0]!.terminate();
    await refused(() => running, "poisoned", /load the model again/);
    await refused(() => later, "poisoned", /load the model again/);
    await refused(() => model.run(squeezenet), "poisoned");
    const digit = join(digits, "7-0.png");
    expect((await other.classify(digit))[0]!.label).toBe("7");
    using again = await convzoo.load("lenet5", { threads: 1 });
    expect((await again.classify(digit))[0]!.label).toBe("7");
    model.dispose();
    other.dispose();
  });

  test("of a server, all of them: requests under way get 503, and soon all are answered again", async () => {
    const server = await live(
      "models: [{ model: squeezenet1_1, threads: 1 }, { model: lenet5, threads: 1 }]",
      {
        env: { NODE_OPTIONS: `--import ${killer}` },
      },
    );
    try {
      const photo = readFileSync(join(root, "examples/images/owl.jpg"));
      const classify = async (model: string) => {
        const init = { method: "POST", body: photo };
        const response = await fetch(`${server.url}/classify?model=${model}`, init);
        const said = (await response.json()) as { error?: string; code?: string; top?: { label: string }[] };
        return { status: response.status, ...said };
      };
      const before = await classify("squeezenet1_1");
      expect(before.status).toBe(200);
      const asked = Array.from({ length: 24 }, () => classify("squeezenet1_1"));
      await asked[0];
      server.signal("SIGUSR2");
      const answers = await Promise.all(asked);
      const failed = answers.filter(({ status }) => status !== 200);
      expect(failed.length).toBeGreaterThan(0);
      for (const { status, code, error } of failed)
        expect([status, code, error]).toEqual([503, "model-failed", expect.stringContaining("loaded again")]);
      for (const model of ["squeezenet1_1", "lenet5"])
        await until(async () => (await classify(model)).status === 200);
      expect((await classify("squeezenet1_1")).top).toEqual(before.top);
      expect(server.said()).toBe("");
    } finally {
      await server.close();
    }
  });

  test("of a bulk run: its job is done again, and every image is there once", async () => {
    const out = join(folder, "run");
    const args = ["bulk", digits, "--model", "lenet5", "--images", "2", "--out", out];
    const child = spawn(process.execPath, ["--import", killer, cli, ...args]);
    const ended = exitOf(child);
    await until(() => existsSync(join(out, "parts")));
    child.kill("SIGUSR2");
    expect(await ended).toBe(0);
    const files = readdirSync(join(out, "parts"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".jsonl"))
      .flatMap((name) =>
        readFileSync(join(out, "parts", name), "utf8")
          .trim()
          .split("\n"),
      )
      .map((line) => (JSON.parse(line) as { file: string }).file);
    const all = readdirSync(digits).filter((name) => name.endsWith(".png"));
    expect(files.sort()).toEqual(all.map((name) => join(digits, name)).sort());
  });
});

test("a model without memory for an input refuses it, and others serve on meanwhile", async () => {
  const config = readYaml(
    "models: [{ model: squeezenet1_1, name: poor, threads: 1 }, { model: squeezenet1_1, name: rich, threads: 2 }]",
    "serve.yaml",
    configReader,
  );
  const library: Library = {
    ...convzoo,
    // The one with one thread has 24 MiB.
    load: (what, options) =>
      convzoo.load(what, {
        ...options,
        ...(options?.threads === 1 && { core: "simd128" as const, wasm: smallCore("simd128", 384) }),
      }),
    imageWorker: async () => convzoo.imageWorker(),
  };
  const made = await makeServer({ config, version: "1", library, log: () => {} });
  try {
    await made.server.models.follow(config.models);
    const infer = async (name: string, shape: readonly number[]) => {
      const { data } = noise(shape);
      const parameters = { binary_data_size: data.byteLength };
      const inputs = [{ name: "input", datatype: "FP32", shape, parameters }];
      const head = new TextEncoder().encode(JSON.stringify({ inputs }));
      const init = {
        method: "POST",
        headers: { "inference-header-content-length": String(head.length) },
        body: new Blob([head, data as Float32Array<ArrayBuffer>]),
      };
      const request = new Request(`http://localhost/v2/models/${name}/infer`, init);
      const answer = await made.app.fetch(request, { address: "127.0.0.1" });
      return { status: answer.status, text: await answer.text() };
    };
    const [large, small] = [
      [1, 3, 1000, 1000],
      [1, 3, 224, 224],
    ] as const;
    const wanted = await infer("rich", small);
    const [refusal, ...others] = await Promise.all([
      infer("poor", large),
      ...Array.from({ length: 4 }, () => infer("rich", small)),
    ]);
    expect([refusal!.status, JSON.parse(refusal!.text).code]).toEqual([413, "too-large"]);
    expect(others).toEqual(others.map(() => wanted));
    expect((await infer("poor", small)).status).toBe(200);
    expect((await infer("rich", large)).status).toBe(200);
  } finally {
    made.end();
  }
});
