/** The page (examples/browser) in Chromium, for tests: built with the packed package, and words for what a visitor does. */
import type { Browser, BrowserContext, BrowserContextOptions, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { buildPage } from "./built-page.js";
import { type Installed, install } from "./packed.js";
import { findCommand, type Pages, serve } from "./pages.js";

const executable =
  process.env.CHROME_PATH ||
  findCommand(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);

/** A page, and what went wrong on it. */
export interface Opened {
  readonly page: Page;
  readonly cdp: CDPSession;
  readonly said: string[];
}

/** What a file of tests has while its tests run. */
export interface Visits {
  readonly folder: string;
  readonly origin: string;
  /** A browser that was never here; the one before is closed, and the last with the test. */
  context(options?: BrowserContextOptions): Promise<BrowserContext>;
  /** The page in such a browser; under the strictest policy unless `kind` says otherwise. */
  open(options?: BrowserContextOptions, kind?: string, name?: string): Promise<Opened>;
}

/** Sets up Chromium and the page for the tests of a file; where there is no Chromium they are skipped. */
export function visits(): Visits {
  let installed: Installed;
  let browser: Browser;
  let pages: Pages;
  let current: BrowserContext | undefined;

  beforeAll(async () => {
    if (!executable) return;
    installed = install();
    await buildPage(installed);
    pages = await serve(installed.folder);
    const { chromium } = await import("playwright-core");
    const quiet = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"];
    const camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
    const args = ["--no-sandbox", ...quiet, ...camera];
    browser = await chromium.launch({ executablePath: executable, args });
  });
  afterAll(async () => {
    await browser?.close();
    pages?.close();
    installed?.remove();
  });
  beforeEach(({ skip }) => {
    const why = "no Chromium: install one or set CHROME_PATH";
    if (!executable && process.env.CI === "true") throw new Error(why);
    skip(!executable, why);
  });
  /** What the pages of the context said and did not get: told where a test fails, for a page that waits says nothing to it. */
  let heard: string[] = [];
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") {
      for (const page of current?.pages() ?? []) {
        const text = page.locator("body").innerText({ timeout: 1000 });
        heard.push(`${page.url()}: ${await text.catch(String)}`);
      }
      console.log(heard.join("\n"));
    }
    await current?.close();
    current = undefined;
  });

  const context = async (options: BrowserContextOptions = {}) => {
    await current?.close();
    heard = [];
    current = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    current.on("console", (message) => heard.push(message.text()));
    current.on("weberror", (error) => heard.push(String(error.error())));
    current.on("requestfailed", (request) => heard.push(`${request.url()}: ${request.failure()?.errorText}`));
    return current;
  };
  return {
    get folder() {
      return installed.folder;
    },
    get origin() {
      return pages.origin;
    },
    context,
    async open(options = {}, kind = "strict", name = "index.html") {
      const page = await (await context(options)).newPage();
      const said: string[] = [];
      page.on("console", (message) => {
        // What Chromium itself says where a machine has no GPU.
        const isOwn = /No available adapters/.test(message.text());
        if (["error", "warning"].includes(message.type()) && !isOwn) said.push(message.text());
      });
      page.on("pageerror", (error) => said.push(String(error)));
      const cdp = await page.context().newCDPSession(page);
      await page.goto(`${pages.origin}/${kind}/page/${name}`);
      return { page, cdp, said };
    },
  };
}

export const textOf = (page: Page, selector: string) => page.locator(selector).first().textContent();

/** For what the page will say. */
export const says = (page: Page, selector: string) =>
  expect.poll(() => textOf(page, selector), { timeout: 20_000 });

/** The most probable class. */
export const top = (page: Page) => says(page, "#top .label");
