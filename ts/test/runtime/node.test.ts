/** The packed package in each version of Node, in Deno and in Bun. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Installed, inRuntimes, install, runToEnd } from "./packed.js";
import { checkReport, type Report } from "./report.js";

let installed: Installed;
beforeAll(() => {
  installed = install();
});
afterAll(() => installed?.remove());

const relaxed = "relaxed-simd-threads";
const runtimes = [
  {
    name: `this Node, ${process.version}`,
    path: process.execPath,
    args: [],
    core: Number(process.versions.node.split(".")[0]) >= 22 ? relaxed : "simd128-threads",
  },
  { name: "Node 22", path: inRuntimes("node-22/bin/node"), args: [], core: relaxed },
  { name: "Node 24", path: inRuntimes("node-24/bin/node"), args: [], core: relaxed },
  // The package needs leave to read its own files, and no other.
  {
    name: "Deno",
    path: inRuntimes("deno/deno"),
    args: ["run", "--no-prompt", "--allow-read"],
    core: relaxed,
  },
  { name: "Bun", path: inRuntimes("bun/bin/bun"), args: [], core: relaxed },
];

describe.each(runtimes)("$name", ({ name, path, args, core }) => {
  beforeEach(({ skip }) => skip(!path, `the package of ${name} is not installed for this platform`));

  test.each([
    ["default", "dispose"],
    ["1", "dispose"],
    ["2", "dispose"],
    ["4", "dispose"],
    ["1", "keep"],
    ["4", "keep"],
  ])("threads: %s, %s", async (threads, end) => {
    const ended = await runToEnd(path!, [...args, "in-node.mjs", threads, end], installed.folder, 60_000);
    expect(ended, "the smoke test failed, or the process did not end").toMatchObject({
      status: 0,
      signal: null,
    });
    expect(ended.stderr).toBe("");
    const report = JSON.parse(ended.stdout) as Report;
    checkReport(report, { kept: end === "keep" });
    expect(report).toMatchObject({ core, capabilities: { core, worker: true, device: "wasm" } });
    expect(report.capabilities.threadsReason).toBeUndefined();
    expect(report.threads).toBe(threads === "default" ? report.capabilities.threads : Number(threads));
    // A model that is idle does not keep a process alive.
    expect(ended.lingered).toBeLessThan(1500);
  });

  test("threads that sleep are woken", async () => {
    // Deno starts a pool's workers a second late, whatever they are.
    const pools = name === "Deno" ? "12" : "36";
    const ended = await runToEnd(path!, [...args, "stress.mjs", pools], installed.folder, 60_000);
    expect(ended, "a thread waits for ever").toMatchObject({ status: 0, signal: null, stdout: "1" });
  });
});

test("npx convzoo classify works, and uses no network", async () => {
  const code = `import net from "node:net"; net.Socket.prototype.connect = () => { throw new Error("connected"); };`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
  const args = ["--offline", "convzoo", "classify", "examples/images/bird.png", "--json"];
  const { status, stdout, stderr } = await runToEnd("npx", args, installed.folder, 60_000, env);
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject([
    { model: "squeezenet1_1", top: [{ label: "chickadee" }, {}, {}, {}, {}] },
  ]);
});

test("each runtime finds its own entry", async () => {
  const resolve = 'console.log(import.meta.resolve("convzoo"))';
  for (const [condition, file] of [
    ["workerd", "edge.js"],
    ["deno", "node.js"],
    ["bun", "node.js"],
  ] as const) {
    const args = [`--conditions=${condition}`, "--input-type=module", "--eval", resolve];
    const { stdout, stderr } = await runToEnd(process.execPath, args, installed.folder, 10_000);
    expect(stdout.trim(), stderr).toMatch(new RegExp(`/convzoo/dist/${file}$`));
  }
});
