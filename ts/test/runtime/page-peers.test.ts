/** The page's bench beside other engines, as `npm run page` serves it, on the GPU of a page in Chromium. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { build, type PreviewServer, preview } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chromium, launchOnGpu } from "./browser.js";
import { screenshot } from "./built-page.js";
import { root } from "./packed.js";

const ENGINES = ["convzoo", "onnxruntime-web", "tfjs-webgpu", "LiteRT.js"];
const WRONG = "onnxruntime-web";

let outDir: string;
let server: PreviewServer;
let browser: Browser;

beforeAll(async () => {
  if (!chromium) return;
  outDir = mkdtempSync(join(tmpdir(), "convzoo-page-"));
  const configFile = join(root, "examples/browser/vite.config.ts");
  const settings = { configFile, logLevel: "error", build: { outDir } } as const;
  await build(settings);
  server = await preview({ ...settings, preview: { host: "127.0.0.1", port: 0 } });
  browser = await launchOnGpu();
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  if (outDir) rmSync(outDir, { recursive: true });
});

interface File {
  readonly rows: readonly {
    readonly engine: string;
    readonly device: string;
    readonly network: string;
    readonly core: string;
    readonly runs: number;
    readonly bestMs: number;
    readonly medianMs: number;
    readonly layers: readonly { readonly path: string; readonly ms: number }[];
    readonly difference?: number;
  }[];
  readonly failed: readonly unknown[];
}

test("a row for each engine, of the same weights; the page is not heavier for it", async ({ skip }) => {
  const missing = "no Chromium: install one or set CHROME_PATH";
  if (!chromium && process.env.CI === "true") throw new Error(missing);
  skip(!chromium, missing);
  // Nothing of theirs is built for hosts, nor kept for times without a network.
  const built = readdirSync(outDir, { recursive: true, encoding: "utf8" });
  expect(built.filter((name) => /peers|onnx.*wasm|ort|litert|tfjs/i.test(name))).toEqual([]);
  expect(readFileSync(join(outDir, "sw.js"), "utf8")).not.toMatch(/"[^"]*(?:peers\.|ort-|litert|tfjs)/);

  const page = await browser.newPage({ acceptDownloads: true, viewport: { width: 1280, height: 900 } });
  const asked: string[] = [];
  const failures: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  page.on("pageerror", (error) => failures.push(String(error)));
  await page.goto(new URL("bench.html", server.resolvedUrls!.local[0]).href);
  await expect.poll(() => page.isEnabled("#start"), { timeout: 30_000 }).toBe(true);
  const offered = await page.evaluate(
    `[...document.querySelectorAll("#setups input")].map(({ dataset, checked }) => [dataset.engine, dataset.device, checked])`,
  );
  // A program on the CPU is no GPU to be compared by itself.
  const onGpu = ENGINES.map((engine) => [engine, "webgpu", false]);
  expect(offered).toEqual(expect.arrayContaining([["convzoo", "wasm", true], ...onGpu]));
  await page.evaluate(
    `for (const box of document.querySelectorAll("#networks input")) box.checked = box.name === "lenet5"`,
  );
  const measure = async (engines: string) => {
    await page.evaluate(
      `for (const box of document.querySelectorAll("#setups input")) box.checked = (${engines})(box.dataset)`,
    );
    await page.click("#start");
    await expect
      .poll(() => page.textContent("#status"), { timeout: 110_000 })
      .toMatch(/^(?:\d+ rows?|Stopped)\.$/);
  };
  await measure(`({ device, threads }) => device === "wasm" && threads === "1"`);
  expect(asked.filter((path) => path.includes("peers"))).toEqual([]);
  await measure(`({ device }) => device === "webgpu"`);
  expect(asked.filter((path) => path === "/peers/peers.js")).toHaveLength(1);
  await page.screenshot({ path: screenshot("bench-peers"), fullPage: true });

  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  const { rows, failed }: File = JSON.parse(readFileSync((await download.path())!, "utf8"));
  expect(failures).toEqual([]);
  // onnxruntime-web 1.30 gives other scores on this GPU for this network, though not in wasm: there must be no time of it.
  const why = expect.stringMatching(
    /^differs from convzoo on the CPU by [\d.]+e[+-]?\d+ of the largest score$/,
  );
  expect(failed).toEqual([{ network: "lenet5", engine: WRONG, why }]);
  expect(rows.map(({ engine, device, network }) => [engine, device, network])).toEqual([
    ["convzoo", "wasm", "lenet5"],
    ...ENGINES.filter((engine) => engine !== WRONG).map((engine) => [engine, "webgpu", "lenet5"]),
  ]);
  for (const { engine, core, runs, bestMs, medianMs, layers, difference } of rows) {
    expect(bestMs, engine).toBeGreaterThan(0);
    expect(medianMs, engine).toBeGreaterThanOrEqual(bestMs);
    expect(runs, engine).toBeGreaterThanOrEqual(5);
    if (engine === "convzoo") {
      expect(layers.length).toBeGreaterThan(3);
      for (const { ms } of layers) expect(ms).toBeGreaterThanOrEqual(0);
      continue;
    }
    expect(core, engine).toMatch(/^\d+\.\d+\.\d+/);
    // An engine that did not get the weights, or does not compute, would differ by far.
    expect(difference, engine).toBeLessThan(1e-5);
  }
  // The table has the same rows, and says why there is one less.
  const engines = await page.locator("#rows tr td:nth-child(2)").allTextContents();
  expect(engines).toEqual(["convzoo", ...ENGINES]);
  expect(await page.locator("#rows tr:has(td:nth-child(9))").count()).toBe(rows.length);
});
