/**
 * Makes examples/browser/page.jpg, README's picture of the page: the page itself, in Chromium, with a heat map over one of
 * examples/images. Needs Chromium, as the tests do.
 */
import { createRequire } from "node:module";
import { join } from "node:path";
import { servePage } from "./page.mjs";
import { chromium, setupBrowsers, setupRuntimes, stop } from "./setup.mjs";
import { root } from "./toolchain.mjs";

async function main() {
  setupRuntimes();
  setupBrowsers();
  const playwright = createRequire(join(root, "ts/test/runtime/package.json"))("playwright-core");
  const { url, close } = await servePage({ port: 0 });
  const browser = await playwright.chromium.launch({ executablePath: chromium(), args: ["--no-sandbox"] });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1010 } });
    await page.goto(url);
    await page.click("#examples button >> nth=1");
    await page.waitForFunction('document.querySelector("#top .label")?.textContent.includes("cat")');
    await page.click("#heat");
    await page.waitForFunction('document.querySelector("#heat-figures").textContent');
    await page.mouse.move(0, 0);
    await page.waitForTimeout(1000); // the bars and the camera's chips settle
    await page.screenshot({ path: join(root, "examples/browser/page.jpg"), quality: 82 });
  } finally {
    await browser.close();
    await close();
  }
}

await main().catch(stop);
process.exit(0);
