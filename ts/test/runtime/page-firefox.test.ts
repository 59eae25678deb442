/** The page (examples/browser) in Firefox, by WebDriver BiDi: the same page, another engine. */
import type { Browser, ElementHandle, Page } from "puppeteer-core";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { buildPage, picture, screenshot } from "./built-page.js";
import { type Installed, install } from "./packed.js";
import { FIREFOX_PREFERENCES, findCommand, type Pages, serve } from "./pages.js";

const executable = process.env.FIREFOX_PATH || findCommand(["firefox-esr", "firefox"]);

let installed: Installed;
let browser: Browser;
let pages: Pages;

beforeAll(async () => {
  if (!executable) return;
  installed = install();
  await buildPage(installed);
  pages = await serve(installed.folder);
  const { launch } = await import("puppeteer-core");
  browser = await launch({
    browser: "firefox",
    executablePath: executable,
    headless: true,
    extraPrefsFirefox: { ...FIREFOX_PREFERENCES, "media.navigator.streams.fake": true },
    defaultViewport: { width: 1280, height: 900 },
  });
});
afterAll(async () => {
  await browser?.close();
  pages?.close();
  installed?.remove();
});
beforeEach(({ skip }) => {
  const why = "no Firefox: install one or set FIREFOX_PATH";
  if (!executable && process.env.CI === "true") throw new Error(why);
  skip(!executable, why);
});

const says = (page: Page, selector: string) =>
  expect.poll(() => page.$eval(selector, ({ textContent }) => textContent), { timeout: 30_000 });

test("pictures, maps, networks, and the page without a network", async () => {
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`${pages.origin}/strict/page/index.html`);
  await says(page, "#top .label").toBe("hotdog");
  await says(page, "#timing").toMatch(/wasm, relaxed-simd-threads, [2-9] threads/);

  const file = (await page.$("#file")) as ElementHandle<HTMLInputElement>;
  await file.uploadFile(picture("owl.jpg"));
  await says(page, "#top .label").toBe("ruffed grouse");
  await page.click("#heat");
  await says(page, "#heat-figures").toMatch(/^\d+ × \d+ scores of “ruffed grouse”/);
  await page.screenshot({ path: screenshot("firefox-heat") as `${string}.png` });
  await page.click("#convolutionize");
  await says(page, "#windows-same").toMatch(/agree to the last bit/);
  await page.focus("#strip");
  await page.keyboard.press("ArrowRight");
  await says(page, "#maps-title").toBe("features.1");

  await page.click("#network");
  await page.type("#find", "lenet5");
  await says(page, "#picker-rows tr:not([hidden])").toMatch(/^\s*lenet5/);
  await page.click("#picker-rows tr:not([hidden]) button");
  await says(page, "#top .label").toBe("7");
  await page.screenshot({ path: screenshot("firefox-lenet5") as `${string}.png` });

  await says(page, "#offline").toMatch(/^Works offline/);
  pages.close();
  await page.reload();
  await says(page, "#top .label").toBe("hotdog");
  await says(page, "#timing").toMatch(/relaxed-simd-threads/);
  expect(said).toEqual([]);
});
