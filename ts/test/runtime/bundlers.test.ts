/** The packed package in pages that each bundler made, in Chromium; Vite's are in chromium.test.ts. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromium, launch } from "./browser.js";
import { type Ended, type Installed, install, root, runToEnd } from "./packed.js";
import { type Pages, serve } from "./pages.js";
import { checkReport, type Report } from "./report.js";

const folder = join(root, "ts/test/runtime/bundlers");
const isInstalled = existsSync(join(folder, "node_modules/webpack"));

/** Where a bundler makes no page of its own, how one loads what it made. */
const projects: readonly { readonly name: string; readonly script?: string }[] = [
  { name: "webpack", script: '<script defer src="app.js"></script>' },
  { name: "esbuild", script: '<script type="module" src="app.js"></script>' },
  { name: "rollup", script: '<script type="module" src="app.js"></script>' },
  { name: "parcel" },
  { name: "next" },
];

let installed: Installed;
let browser: Browser;
const built = new Map<string, Ended>();

beforeAll(async () => {
  if (!chromium || !isInstalled) return;
  installed = install();
  const place = join(folder, "node_modules/convzoo");
  rmSync(place, { recursive: true, force: true });
  cpSync(installed.package, place, { recursive: true });
  const building = projects.map(async ({ name, script }) => {
    const out = join(installed.folder, name);
    const ended = await runToEnd(process.execPath, [join(name, "build.mjs"), out], folder, 110_000);
    built.set(name, ended);
    if (ended.status !== 0) return;
    if (script)
      writeFileSync(
        join(out, "index.html"),
        `<!doctype html><meta charset="utf-8"><title>${name}</title><link rel="icon" href="data:," />${script}`,
      );
    for (const given of ["examples", "fixtures.json"])
      cpSync(join(installed.folder, given), join(out, given), { recursive: true });
  });
  browser = await launch();
  await Promise.all(building);
});
afterAll(async () => {
  await browser?.close();
  installed?.remove();
});
beforeEach(({ skip }) => {
  const why = "no Chromium: install one or set CHROME_PATH";
  if (!chromium && process.env.CI === "true") throw new Error(why);
  skip(!chromium, why);
  skip(!isInstalled, "the bundlers are not installed: node scripts/setup.mjs --runtimes");
});

/** A file's contents in few letters. */
const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

describe.each(projects)("$name", ({ name }) => {
  test("the site has one copy of each wasm and weight file", () => {
    const { status, stdout, stderr } = built.get(name)!;
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    const all = readdirSync(join(installed.folder, name), { recursive: true, withFileTypes: true })
      .filter((file) => file.isFile())
      .map((file) => digest(join(file.parentPath, file.name)));
    const wanted = ["wasm", "weights"].flatMap((kind) => {
      const dist = join(installed.package, "dist", kind);
      return readdirSync(dist).map((file) => digest(join(dist, file)));
    });
    expect(wanted.length).toBeGreaterThan(7);
    expect(all.filter((file) => wanted.includes(file)).sort()).toEqual(wanted.sort());
  });

  test.each([
    ["isolated", "relaxed-simd-threads", 2],
    ["plain", "relaxed-simd", 1],
  ])("its page runs (%s: %s, threads: %i)", async (kind, core, threads) => {
    const pages: Pages = await serve(join(installed.folder, name), undefined, kind);
    try {
      const page = await browser.newPage();
      const said: string[] = [];
      page.on("console", (message) => message.type() === "error" && said.push(message.text()));
      page.on("pageerror", (error) => said.push(String(error)));
      await page.goto(`${pages.origin}/index.html`);
      await page.waitForFunction("globalThis.smoke");
      const report = (await page.evaluate(`(async () => smoke({
        digit: "examples/digits/7-0.png",
        photo: await (await fetch("examples/images/bird.png")).blob(),
        fixtures: await (await fetch("fixtures.json")).json(),
        threads: 2,
      }))()`)) as Report;
      checkReport(report);
      expect(report).toMatchObject({ core, threads, capabilities: { worker: true } });
      if (kind === "isolated") expect(report.capabilities.threadsReason).toBeUndefined();
      else expect(report.capabilities.threadsReason).toMatch(/Cross-Origin-Opener-Policy/);
      expect(said).toEqual([]);
      await page.close();
    } finally {
      pages.close();
    }
  });
});
