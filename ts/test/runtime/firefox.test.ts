/** The packed package in Firefox, on pages without a bundler, with and without threads. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Installed, install } from "./packed.js";
import {
  FIREFOX_PREFERENCES,
  findCommand,
  type Pages,
  serve,
  writePages,
  writeServiceWorker,
} from "./pages.js";
import { checkReport, type Report } from "./report.js";

const executable = process.env.FIREFOX_PATH || findCommand(["firefox-esr", "firefox"]);

let installed: Installed;
let pages: Pages;
let posted: (text: string) => void;

beforeAll(async () => {
  if (!executable) return;
  installed = install();
  writePages(installed.folder);
  pages = await serve(installed.folder, (text) => posted(text));
});
afterAll(() => {
  pages?.close();
  installed?.remove();
});
beforeEach(({ skip }) => {
  const why = "no Firefox: install one or set FIREFOX_PATH";
  if (!executable && process.env.CI === "true") throw new Error(why);
  skip(!executable, why);
});

/** What the page at `path` posts, in a Firefox of its own. */
async function smoke(path: string): Promise<Report & { readonly said: readonly string[] }> {
  const profile = mkdtempSync(join(tmpdir(), "convzoo-firefox-"));
  const lines = Object.entries(FIREFOX_PREFERENCES).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`,
  );
  writeFileSync(join(profile, "user.js"), lines.join(""));
  const args = ["--headless", "--no-remote", "--profile", profile, `${pages.origin}/${path}`];
  const child = spawn(executable!, args, { stdio: "ignore", timeout: 60_000, killSignal: "SIGKILL" });
  const ended = new Promise((resolve) => child.on("close", resolve));
  try {
    const text = await Promise.race([
      new Promise<string>((resolve) => {
        posted = resolve;
      }),
      ended.then(() => Promise.reject(new Error("Firefox ended, or took a minute, without a report."))),
    ]);
    const report = JSON.parse(text) as { readonly failed?: string };
    expect(report.failed).toBeUndefined();
    return report as unknown as Report & { readonly said: readonly string[] };
  } finally {
    child.kill("SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

test.each([
  ["isolated/smoke.html?bitmap", undefined],
  ["strict/smoke.html?threads=4", 4],
  ["isolated/in-worker.html?threads=2", 2],
])("with cross-origin isolation, threads are on (%s)", async (path, threads) => {
  const report = await smoke(path);
  checkReport(report);
  expect(report.capabilities).toMatchObject({ core: "relaxed-simd-threads", worker: true });
  expect(report.capabilities.threadsReason).toBeUndefined();
  expect(report.core).toBe("relaxed-simd-threads");
  expect(report.threads).toBe(threads ?? report.capabilities.threads);
  expect(report.said).toEqual([]);
});

test("without it, threads are off, and it says why", async () => {
  const report = await smoke("plain/smoke.html?threads=4");
  checkReport(report);
  expect(report).toMatchObject({ core: "relaxed-simd", threads: 1 });
  expect(report.capabilities).toMatchObject({ core: "relaxed-simd", threads: 1, worker: true });
  expect(report.capabilities.threadsReason).toMatch(/Cross-Origin-Opener-Policy/);
  expect(report.said).toEqual([]);
});

test("in a service worker, a script with convzoo/inline bundled into it, in place", async () => {
  const report = await smoke(`isolated/${await writeServiceWorker(installed.folder, "inline")}`);
  checkReport(report);
  expect(report).toMatchObject({ core: "simd128", threads: 1, capabilities: { worker: false } });
});

test("from another origin, models run in place, or with init({ worker }) in workers", async () => {
  const cdn = await serve(installed.folder, undefined, "cdn");
  try {
    const own = `import "${cdn.origin}/node_modules/convzoo/dist/worker.js";`;
    writeFileSync(join(installed.folder, "own-worker.js"), own);
    const place = `isolated/smoke.html?from=${cdn.origin}&threads=2`;
    const inPlace = await smoke(place);
    checkReport(inPlace);
    expect(inPlace).toMatchObject({ core: "relaxed-simd", threads: 1, capabilities: { worker: false } });
    expect(inPlace.capabilities.workerReason).toMatch(cdn.origin);
    const inWorkers = await smoke(`${place}&worker=own-worker.js`);
    checkReport(inWorkers);
    expect(inWorkers).toMatchObject({ core: "relaxed-simd-threads", threads: 2 });
    expect([...inPlace.said, ...inWorkers.said]).toEqual([]);
  } finally {
    cdn.close();
  }
});
