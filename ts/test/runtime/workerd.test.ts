/** The packed package in workerd, which is what Cloudflare's edge workers run in. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Installed, inRuntimes, install, root, runToEnd } from "./packed.js";
import { checkReport, type Report } from "./report.js";

const workerd = findWorkerd();
let installed: Installed;

beforeAll(async () => {
  if (!workerd) return;
  installed = install();
  // workerd has no files.
  const script = `import { decode } from "convzoo";
    import { writeFileSync } from "node:fs";
    for (const [name, path] of [["digit", "digits/7-0.png"], ["photo", "images/bird.png"]]) {
      const { data, ...size } = await decode("examples/" + path);
      writeFileSync(name + ".json", JSON.stringify({ ...size, data: [...data] }));
    }`;
  const { status, stderr } = await runToEnd(
    process.execPath,
    ["--input-type=module", "--eval", script],
    installed.folder,
    30_000,
  );
  expect(status, stderr).toBe(0);
});
afterAll(() => installed?.remove());
beforeEach(({ skip }) => skip(!workerd, "the package workerd is not installed for this platform"));

/** The program itself: the command of the npm package is a script that looks for it. */
function findWorkerd(): string | undefined {
  const from = inRuntimes("workerd/package.json");
  const processor = process.arch === "x64" ? "64" : process.arch;
  const system = process.platform === "win32" ? "windows" : process.platform;
  try {
    return from && createRequire(from).resolve(`@cloudflare/workerd-${system}-${processor}/bin/workerd`);
  } catch {
    return undefined;
  }
}

/** A workerd that serves `worker`, to which the package and the images are modules; gives its URL and process to `use`, then ends it. */
async function serving(worker: string, use: (url: string, pid: number) => Promise<void>): Promise<void> {
  const dist = join(installed.package, "dist");
  const scripts = readdirSync(dist).filter(
    (name) => name.endsWith(".js") && !/^(edge|inline|node|browser|worker|cli)\.js$/.test(name),
  );
  // workerd finds a bare name among its modules, and what that module imports beside it.
  const modules = [
    module("worker.js", "esModule", worker),
    module("convzoo", "esModule", join(dist, "edge.js")),
    ...scripts.map((name) => module(name, "esModule", join(dist, name))),
    module("convzoo/wasm/simd128.wasm", "wasm", join(dist, "wasm/simd128.wasm")),
    module("convzoo/wasm/squoosh_png.wasm", "wasm", join(dist, "wasm/squoosh_png.wasm")),
    module("seven.png", "data", join(installed.folder, "examples/digits/7-0.png")),
    ...["lenet5", "squeezenet1_1"].map((name) =>
      module(`convzoo/weights/${name}.safetensors`, "data", join(dist, `weights/${name}.safetensors`)),
    ),
    module("smoke.mjs", "esModule", join(installed.folder, "smoke.mjs")),
    ...["digit.json", "photo.json", "fixtures.json"].map((name) =>
      module(name, "json", join(installed.folder, name)),
    ),
  ];
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [${modules.join(", ")}], compatibilityDate = "2026-01-01"))],
  sockets = [(name = "http", http = (), service = "main")],
);`;
  writeFileSync(join(installed.folder, "config.capnp"), config);
  const args = ["serve", "config.capnp", "--socket-addr=http=127.0.0.1:0", "--control-fd=3"];
  const child = spawn(workerd!, args, { cwd: installed.folder, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text) => (said += text));
  try {
    await use(`http://127.0.0.1:${await listening(child)}/`, child.pid!);
  } catch (error) {
    throw new Error(`${String(error)}\nworkerd said: ${said || "nothing"}`, { cause: error });
  } finally {
    child.kill("SIGKILL");
  }
}

/** A line of the configuration; paths in it are relative to its own folder. */
function module(name: string, kind: "esModule" | "wasm" | "data" | "json", path: string): string {
  return `(name = "${name}", ${kind} = embed ${JSON.stringify(relative(installed.folder, path))})`;
}

/** The port that workerd chose, of which it tells on its control stream. */
function listening(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = "";
    (child.stdio[3] as Readable).setEncoding("utf8").on("data", (more: string) => {
      text += more;
      for (const line of text.split("\n").slice(0, -1)) {
        const event = JSON.parse(line) as { event: string; port?: number };
        if (event.event === "listen") resolve(event.port!);
      }
    });
    child.on("error", reject);
    child.on("exit", (status) => reject(new Error(`workerd ended with status ${status}`)));
  });
}

test("all of smoke.mjs, in place and without threads", async () => {
  await serving(join(root, "ts/test/runtime/in-workerd.mjs"), async (url) => {
    const response = await fetch(url);
    const text = await response.text();
    expect(response.status, text).toBe(200);
    const report = JSON.parse(text) as Report;
    checkReport(report);
    expect(report).toMatchObject({ core: "simd128", threads: 1 });
    expect(report).toMatchObject({
      decoded: true,
      encoded: { code: "unsupported", message: expect.stringContaining("decoders: { mozjpeg_dec: module }") },
    });
    expect(report.capabilities).toMatchObject({ threads: 1, worker: false });
    expect(report.capabilities.threadsReason).toMatch(/no threads|no workers/);
  });
});

/** Memory that a process had at its most, in MiB, as Linux counts it. */
function peak(pid: number): number {
  return Number(/VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;
}

test("examples/edge takes less than the 128 MB that such workers get", async ({ skip }) => {
  skip(process.platform !== "linux", "only Linux says what a process took");
  const empty = join(installed.folder, "empty.mjs");
  writeFileSync(empty, 'export default { fetch: () => new Response("nothing") };');
  let without = 0;
  await serving(empty, async (url, pid) => {
    expect(await (await fetch(url)).text()).toBe("nothing");
    without = peak(pid);
  });
  const { data, width, height } = JSON.parse(readFileSync(join(installed.folder, "photo.json"), "utf8"));
  await serving(join(root, "examples/edge/worker.js"), async (url, pid) => {
    for (let i = 0; i < 4; i++) {
      const body = Uint8Array.from(data as number[]);
      const response = await fetch(`${url}?width=${width}&height=${height}`, { method: "POST", body });
      expect(response.status, await response.text()).toBe(200);
    }
    const taken = peak(pid) - without;
    expect(taken).toBeGreaterThan(10);
    expect(taken).toBeLessThan(128e6 / 2 ** 20);
  });
});

test("examples/edge", async () => {
  const photo = JSON.parse(readFileSync(join(installed.folder, "photo.json"), "utf8"));
  await serving(join(root, "examples/edge/worker.js"), async (url) => {
    const post = async (width: number) => {
      const body = Uint8Array.from(photo.data as number[]);
      const response = await fetch(`${url}?width=${width}&height=${photo.height}`, { method: "POST", body });
      return { status: response.status, json: (await response.json()) as unknown };
    };
    const chickadee = { status: 200, json: [{ index: 19, label: "chickadee" }, {}, {}, {}, {}] };
    expect(await post(photo.width)).toMatchObject(chickadee);
    expect(await post(photo.width + 1)).toMatchObject({ status: 400, json: { code: "bad-image" } });
    const together = await Promise.all([1, 2, 3, 4].map(() => post(photo.width)));
    for (const answer of together) expect(answer).toMatchObject(chickadee);
  });
});
