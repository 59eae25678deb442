/** The packed package in Chromium, on pages without a bundler and with one, with and without threads. */
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build, createServer, type InlineConfig } from "vite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { chromium, launch } from "./browser.js";
import { type Installed, install, root } from "./packed.js";
import { ISOLATED, type Pages, serve, writePages, writeServiceWorker } from "./pages.js";
import { checkReport, type Report } from "./report.js";

let installed: Installed;
let browser: Browser;
let pages: Pages;
let posted: (text: string) => void;

beforeAll(async () => {
  if (!chromium) return;
  installed = install();
  // As if the package were installed in the example's folder.
  cpSync(join(root, "examples/plain"), installed.folder, { recursive: true });
  const blank = '<!doctype html><title>blank</title><link rel="icon" href="data:," />';
  writeFileSync(join(installed.folder, "blank.html"), blank);
  writePages(installed.folder);
  pages = await serve(installed.folder, (text) => posted(text));
  browser = await launch();
});
afterAll(async () => {
  await browser?.close();
  pages?.close();
  installed?.remove();
});
beforeEach(({ skip }) => {
  const why = "no Chromium: install one or set CHROME_PATH";
  if (!chromium && process.env.CI === "true") throw new Error(why);
  skip(!chromium, why);
});

/** A page, what went wrong on it, and what an expression gives there. */
async function open(path: string, origin = pages.origin): Promise<{ page: Page; said: string[] }> {
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`${origin}/${path}`);
  return { page, said };
}

/** Runs smoke.mjs; `photo` is an expression. As text, for no tool may rewrite what is to run in the page. */
function smoke(page: Page, photo: string, threads?: number): Promise<Report> {
  return page.evaluate(`(async () => {
    const convzoo = await import("./node_modules/convzoo/dist/browser.js");
    const { smoke } = await import("./smoke.mjs");
    const blob = await (await fetch("examples/images/bird.png")).blob();
    const fixtures = await (await fetch("fixtures.json")).json();
    const digit = "examples/digits/7-0.png";
    return smoke(convzoo, { digit, photo: ${photo}, fixtures, threads: ${threads} });
  })()`);
}

describe("with cross-origin isolation", () => {
  test.each([
    ["isolated", undefined, "await createImageBitmap(blob)"],
    ["strict", 4, "blob"],
  ] as const)("threads are on (%s, threads: %s, %s)", async (kind, threads, photo) => {
    const { page, said } = await open(`${kind}/blank.html`);
    const report = await smoke(page, photo, threads);
    checkReport(report);
    expect(report.capabilities).toMatchObject({ core: "relaxed-simd-threads", worker: true });
    expect(report.capabilities.threadsReason).toBeUndefined();
    expect(report.core).toBe("relaxed-simd-threads");
    expect(report.threads).toBe(threads ?? report.capabilities.threads);
    expect(said).toEqual([]);
    // Disposing ends the workers; Chromium gives those that wait inside WebAssembly two seconds to stop by themselves.
    await expect.poll(() => page.workers().length, { timeout: 20_000 }).toBe(0);
    await page.close();
  });
});

/** What a page posts that runs by itself. */
async function posting(path: string): Promise<Report & { readonly said: readonly string[] }> {
  const text = new Promise<string>((resolve) => {
    posted = resolve;
  });
  const { page, said } = await open(path);
  const report = JSON.parse(await text) as Report & { failed?: string; said: readonly string[] };
  expect(report.failed).toBeUndefined();
  expect([...said, ...report.said]).toEqual([]);
  checkReport(report);
  await page.close();
  return report;
}

test("in a dedicated worker of the page, with threads", async () => {
  const report = await posting("isolated/in-worker.html?threads=2");
  expect(report).toMatchObject({ core: "relaxed-simd-threads", threads: 2 });
});

describe("in a service worker, in place, since it can start no workers", () => {
  test("a module, bundled into one file", async () => {
    const report = await posting(`isolated/${await writeServiceWorker(installed.folder, "browser")}`);
    expect(report).toMatchObject({ core: "relaxed-simd", threads: 1, capabilities: { worker: false } });
    expect(report.capabilities.threadsReason).toMatch(/cannot start workers/);
  });

  test("one that is not bundled is told so", async () => {
    const { page } = await open("isolated/blank.html");
    const script = `import { load } from "./node_modules/convzoo/dist/browser.js";
      addEventListener("message", (event) => load("lenet5").then(() => "loaded", ({ code, message }) =>
        code + ": " + message).then((text) => event.source.postMessage(text)));`;
    writeFileSync(join(installed.folder, "unbundled.js"), script);
    const said = await page.evaluate(`(async () => {
      await navigator.serviceWorker.register("unbundled.js", { type: "module", scope: "unbundled" });
      const { installing, waiting, active } = await navigator.serviceWorker.getRegistration("unbundled");
      const answer = new Promise((resolve) => navigator.serviceWorker.addEventListener("message", resolve));
      navigator.serviceWorker.startMessages();
      (active ?? waiting ?? installing).postMessage(0);
      return (await answer).data;
    })()`);
    expect(said).toMatch(/^unsupported: .*bundle/);
    await page.close();
  });
});

describe("from another origin, as from a CDN", () => {
  let cdn: Pages;
  beforeAll(async () => {
    if (chromium) cdn = await serve(installed.folder, undefined, "cdn");
  });
  afterAll(() => cdn?.close());

  test("models run in place, for browsers start no worker from there, and it says what to do", async () => {
    const report = await posting(`isolated/smoke.html?from=${cdn.origin}&threads=2`);
    expect(report).toMatchObject({ core: "relaxed-simd", threads: 1, capabilities: { worker: false } });
    for (const reason of [report.capabilities.workerReason, report.capabilities.threadsReason])
      expect(reason).toMatch(`another origin (${cdn.origin})`);
  });

  test("init({ worker }) with a module that imports it has workers and threads", async () => {
    const own = `import "${cdn.origin}/node_modules/convzoo/dist/worker.js";`;
    writeFileSync(join(installed.folder, "own-worker.js"), own);
    const report = await posting(`isolated/smoke.html?from=${cdn.origin}&worker=own-worker.js&threads=2`);
    expect(report).toMatchObject({
      core: "relaxed-simd-threads",
      threads: 2,
      capabilities: { worker: true },
    });
  });
});

describe("without cross-origin isolation", () => {
  test("threads are off, and it says why", async () => {
    const { page, said } = await open("plain/blank.html");
    const report = await smoke(page, "blob", 4);
    checkReport(report);
    expect(report).toMatchObject({ core: "relaxed-simd", threads: 1 });
    expect(report.capabilities).toMatchObject({ core: "relaxed-simd", threads: 1, worker: true });
    expect(report.capabilities.threadsReason).toMatch(/Cross-Origin-Opener-Policy/);
    expect(said).toEqual([]);
    await page.close();
  });

  test("a worker file that is not deployed is named", async () => {
    const { page } = await open("no-worker/blank.html");
    const error = await page.evaluate(`import("./node_modules/convzoo/dist/browser.js").then(({ load }) =>
      load("lenet5").then(() => "loaded", ({ code, message }) => code + ": " + message))`);
    expect(error).toMatch(/^unsupported: .*worker\.js/);
    await page.close();
  });
});

describe("Vite, without any settings for the package", () => {
  const settings = () =>
    ({ root: installed.folder, base: "./", configFile: false, logLevel: "warn" }) satisfies InlineConfig;
  /** Runs smoke.mjs in a page of app.html; `folder` is where the images are from there. */
  const run = (page: Page, folder: string): Promise<Report> =>
    page.evaluate(`(async () => smoke({
      digit: "${folder}examples/digits/7-0.png",
      photo: await (await fetch("${folder}examples/images/bird.png")).blob(),
      fixtures: await (await fetch("${folder}fixtures.json")).json(),
      threads: 2,
    }))()`);

  beforeAll(async () => {
    if (!chromium) return;
    const page = '<!doctype html><title>app</title><link rel="icon" href="data:," />';
    writeFileSync(
      join(installed.folder, "app.html"),
      `${page}<script type="module" src="./app.js"></script>`,
    );
    writeFileSync(
      join(installed.folder, "app.js"),
      `import * as convzoo from "convzoo";
      import { smoke } from "./smoke.mjs";
      globalThis.smoke = (given) => smoke(convzoo, given);`,
    );
    await build({ ...settings(), build: { outDir: "built", rolldownOptions: { input: "app.html" } } });
  });

  test("the bundle has one copy of each wasm and weight file, of the worker and of the decoders", () => {
    const assets = readdirSync(join(installed.folder, "built/assets"));
    const unhashed = (names: readonly string[]) =>
      names.map((name) => name.replace(/-[\w-]{8}\./, ".")).sort();
    const files = ["wasm", "weights"].flatMap((folder) =>
      readdirSync(join(installed.package, "dist", folder)),
    );
    expect(files.length).toBeGreaterThan(7);
    expect(unhashed(assets.filter((name) => !name.endsWith(".js")))).toEqual(files.sort());
    const scripts = assets.filter((name) => /^(worker|decoders)-/.test(name));
    expect(unhashed(scripts)).toEqual(["decoders.js", "worker.js"]);
  });

  test.each([
    ["strict", "relaxed-simd-threads", 2],
    ["plain", "relaxed-simd", 1],
  ])("the bundle runs (%s)", async (kind, core, threads) => {
    const { page, said } = await open(`${kind}/built/app.html`);
    const report = await run(page, "../");
    checkReport(report);
    expect(report).toMatchObject({ core, threads });
    expect(said).toEqual([]);
    await page.close();
  });

  test("the development server's page runs", async () => {
    const server = await createServer({
      ...settings(),
      server: { host: "127.0.0.1", port: 0, headers: ISOLATED },
    });
    try {
      await server.listen();
      const { port } = server.httpServer!.address() as AddressInfo;
      const { page, said } = await open("app.html", `http://127.0.0.1:${port}`);
      await page.waitForFunction("globalThis.smoke");
      const report = await run(page, "");
      checkReport(report);
      expect(report).toMatchObject({ core: "relaxed-simd-threads", threads: 2 });
      expect(said).toEqual([]);
      await page.close();
    } finally {
      await server.close();
    }
  });
});

describe("images", () => {
  test("a file of decoders that is not deployed is named, and pixels still do", async () => {
    const { page } = await open("no-decoders/blank.html");
    const report = await page.evaluate(`(async () => {
      const { decode, resize } = await import("./node_modules/convzoo/dist/browser.js");
      const error = await decode("examples/images/bird.png").catch((error) => error);
      const { data } = await resize({ width: 2, height: 1, data: Uint8Array.of(1, 3) }, { width: 1, height: 1 });
      return [error.code + ": " + error.message, [...data]];
    })()`);
    expect(report).toEqual([expect.stringMatching(/^unsupported: .*decoders\.js/), [2]]);
    await page.close();
  });

  test("the bundled decoder and the browser's own read the same PNG", async () => {
    const { page, said } = await open("strict/blank.html");
    const report = await page.evaluate(`(async () => {
      const { decode } = await import("./node_modules/convzoo/dist/browser.js");
      const blob = await (await fetch("examples/images/bird.png")).blob();
      const same = async (options) => {
        const [a, b] = [await decode(blob, options), await decode(blob, { ...options, decoder: "native" })];
        return a.data.length === b.data.length && a.data.every((byte, i) => byte === b.data[i]);
      };
      const error = (promise) => promise.then(() => "decoded", ({ code, source }) => code + " " + source);
      return {
        same: await Promise.all(["RGB", "RGBA", "L"].map((mode) => same({ mode }))),
        svg: await error(decode(new Blob(["<svg"]), { decoder: "native" })),
        large: await error(decode(blob, { decoder: "native", maxPixels: 100 })),
        profile: await error(decode(blob, { colorProfile: "convert" })),
      };
    })()`);
    expect(report).toEqual({
      same: [true, true, true],
      svg: "bad-image The Blob",
      large: "bad-image The Blob",
      profile: "bad-option undefined",
    });
    expect(said).toEqual([]);
    await page.close();
  });
});

describe("examples/plain", () => {
  test("says what is in a picture, and what is wrong with a file that is none", async () => {
    const { page, said } = await open("strict/index.html");
    const file = page.locator("#file:enabled");
    const answer = page.locator("#answer");
    await file.setInputFiles(join(root, "examples/images/hot_dog.jpg"));
    await expect.poll(() => answer.textContent(), { timeout: 20_000 }).toMatch(/^\d+\.\d % {2}hotdog\n/);
    await file.setInputFiles(join(root, "examples/images/NOTICE.md"));
    await expect.poll(() => answer.textContent(), { timeout: 20_000 }).toMatch(/text/);
    await file.setInputFiles(join(root, "examples/images/owl.jpg"));
    await expect
      .poll(() => answer.textContent(), { timeout: 20_000 })
      .toMatch(/^\d+\.\d % {2}ruffed grouse\n/);
    expect(said).toEqual([]);
    await page.close();
  });
});
