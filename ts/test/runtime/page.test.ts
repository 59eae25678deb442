/** The page (examples/browser) in Chromium, built with the packed package: what a visitor does, done for real. */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, BrowserContext, BrowserContextOptions, CDPSession, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { buildPage, picture, screenshot } from "./built-page.js";
import { type Installed, install, root } from "./packed.js";
import { findCommand, type Pages, serve } from "./pages.js";

const executable =
  process.env.CHROME_PATH ||
  findCommand(["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]);
const real = join(root, "../shared/real");

let installed: Installed;
let browser: Browser;
let pages: Pages;
let context: BrowserContext | undefined;

beforeAll(async () => {
  if (!executable) return;
  installed = install();
  await buildPage(installed);
  pages = await serve(installed.folder);
  const { chromium } = await import("playwright-core");
  const args = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
  ];
  const camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
  browser = await chromium.launch({ executablePath: executable, args: [...args, ...camera] });
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
afterEach(async () => {
  await context?.close();
  context = undefined;
});

interface Opened {
  readonly page: Page;
  readonly cdp: CDPSession;
  /** What went wrong on it. */
  readonly said: string[];
}

/** The page as a browser sees it that was never here; under the strictest policy unless `kind` says otherwise. */
async function open(
  options: BrowserContextOptions = {},
  kind = "strict",
  name = "index.html",
): Promise<Opened> {
  await context?.close();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const said: string[] = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  const cdp = await context.newCDPSession(page);
  await page.goto(`${pages.origin}/${kind}/page/${name}`);
  return { page, cdp, said };
}

const textOf = (page: Page, selector: string) => page.locator(selector).first().textContent();
const says = (page: Page, selector: string) => expect.poll(() => textOf(page, selector), { timeout: 20_000 });
/** The most probable class. */
const top = (page: Page) => says(page, "#top .label");

/** Drops a file as the window's system does, by the browser's own protocol. */
async function drop(cdp: CDPSession, file: string): Promise<void> {
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await cdp.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
}

describe("a first visit", () => {
  test("gives a result within 3 s over 20 Mbit/s, and nothing moves about", async () => {
    const times: number[] = [];
    const shifts: number[] = [];
    // A machine that does something else besides takes longer: the best of three visits counts.
    while (times.length < 3 && !times.some((time) => time < 3000)) {
      await context?.close();
      context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
      const page = await context.newPage();
      const cdp = await context.newCDPSession(page);
      await cdp.send("Network.enable");
      const speed = 20e6 / 8;
      const link = { offline: false, latency: 20, downloadThroughput: speed, uploadThroughput: speed };
      await cdp.send("Network.emulateNetworkConditions", link);
      await page.addInitScript(() => {
        const seen = { at: 0, shift: 0 };
        Object.assign(globalThis, { seen });
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) seen.shift += (entry as unknown as { value: number }).value;
        }).observe({ type: "layout-shift", buffered: true });
        new MutationObserver(() => {
          if (seen.at === 0 && document.querySelector("#top .label")?.textContent)
            seen.at = performance.now();
        }).observe(document, { subtree: true, childList: true, characterData: true });
      });
      await page.goto(`${pages.origin}/isolated/page/index.html`, { waitUntil: "commit" });
      await top(page).toBe("hotdog");
      await page.waitForTimeout(300);
      const seen = (await page.evaluate("seen")) as { at: number; shift: number };
      times.push(seen.at);
      shifts.push(seen.shift);
    }
    console.log(
      `first result over 20 Mbit/s after ${times.map((time) => `${time.toFixed(0)} ms`).join(", ")}`,
    );
    expect(Math.min(...times)).toBeLessThan(3000);
    expect(Math.max(...shifts)).toBeLessThan(0.02);
  });

  test("has threads where the host sends the headers, and says why not where it does not", async () => {
    const isolated = await open();
    await says(isolated.page, "#timing").toMatch(
      /^\d.* ms for the network.*wasm, relaxed-simd-threads, [2-9]/,
    );
    expect(isolated.said).toEqual([]);
    const plain = await open({}, "plain");
    await says(plain.page, "#timing").toMatch(/wasm, relaxed-simd, 1 thread$/);
    await says(plain.page, "#threads-note").toMatch(/^One thread: .*Cross-Origin-Opener-Policy/);
    expect(plain.said).toEqual([]);
  });
});

describe("pictures", () => {
  test("chosen, dropped, pasted, and what is none", async () => {
    const { page, cdp, said } = await open({ permissions: ["clipboard-read", "clipboard-write"] });
    await top(page).toBe("hotdog");
    await page.setInputFiles("#file", picture("owl.jpg"));
    await top(page).toBe("ruffed grouse");
    await drop(cdp, picture("cat.webp"));
    await top(page).toBe("Egyptian cat");
    expect(await page.getAttribute("#picture", "aria-label")).toBe("The picture: cat.webp");

    const bytes = readFileSync(picture("bird.png")).toString("base64");
    await page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      await navigator.clipboard.write([
        new ClipboardItem({ "image/png": new Blob([bytes], { type: "image/png" }) }),
      ]);
    }, bytes);
    await page.keyboard.press("Control+v");
    await top(page).toBe("chickadee");
    await page.click("#examples button >> nth=1");
    await top(page).toBe("Egyptian cat");
    await page.click("#paste");
    await top(page).toBe("chickadee");

    await page.setInputFiles("#file", join(root, "examples/images/NOTICE.md"));
    await says(page, "#problem-code").not.toBe("");
    expect(await page.isVisible("#problem")).toBe(true);
    await page.click("#problem-close");
    expect(await page.isVisible("#problem")).toBe(false);
    expect(said).toEqual([]);
  });

  test("of a camera, one after another, until it is switched off", async () => {
    const { page, said } = await open();
    await top(page).toBe("hotdog");
    await page.click("#camera");
    await says(page, "#top .label").not.toBe("hotdog");
    const timings = new Set<string | null>();
    await expect
      .poll(async () => timings.add(await textOf(page, "#timing")).size, { timeout: 20_000 })
      .toBeGreaterThan(3);
    // Chromium's fake camera is green.
    const [red = 0, green = 0] = (await page.evaluate(() => {
      const canvas = document.querySelector<HTMLCanvasElement>("#picture")!;
      return [...canvas.getContext("2d")!.getImageData(canvas.width / 2, 20, 1, 1).data];
    })) as number[];
    expect(green).toBeGreaterThan(red + 50);
    await page.screenshot({ path: screenshot("camera") });
    await page.click("#camera");
    expect(await page.getAttribute("#camera", "aria-pressed")).toBe("false");
    expect(said).toEqual([]);
  });

  test("drawn: a seven for LeNet-5", async () => {
    const { page, said } = await open();
    await page.click("#network");
    await page.click("#picker-rows button >> text=lenet5");
    await top(page).toBe("7"); // of the example that comes first
    await page.click("#clear");
    const box = (await page.locator("#pad").boundingBox())!;
    const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const;
    await page.mouse.move(...at(0.38, 0.25));
    await page.mouse.down();
    await page.mouse.move(...at(0.6, 0.25), { steps: 6 });
    await page.mouse.move(...at(0.47, 0.8), { steps: 8 });
    await page.mouse.up();
    await says(page, "#top .value").toMatch(/^(9|100)/);
    await top(page).toBe("7");
    await page.screenshot({ path: screenshot("digit") });
    expect(said).toEqual([]);
  });
});

describe("maps", () => {
  test("the heat map shows where, of any class and size", async () => {
    const { page, said } = await open();
    await top(page).toBe("hotdog");
    await page.click("#heat");
    await says(page, "#heat-figures").toMatch(/^37 × 27 scores of “hotdog”.* seen at 597 × 448/);
    // Nowhere is more of it than on the sausage, in the middle, and the corners have none.
    const alpha = (await page.evaluate(() => {
      const { width, height } = document.querySelector<HTMLCanvasElement>("#overlay")!;
      const { data } = document
        .querySelector<HTMLCanvasElement>("#overlay")!
        .getContext("2d")!
        .getImageData(0, 0, width, height);
      const most = (x0: number, x1: number, y0: number, y1: number) => {
        let most = 0;
        for (let y = Math.floor(y0 * height); y < y1 * height; y++)
          for (let x = Math.floor(x0 * width); x < x1 * width; x++)
            most = Math.max(most, data[4 * (y * width + x) + 3]!);
        return most;
      };
      return [most(0.15, 0.95, 0.2, 0.65), most(0, 0.1, 0, 0.15), most(0.85, 1, 0.85, 1)];
    })) as number[];
    expect(alpha[0]).toBeGreaterThan(150);
    expect(Math.max(alpha[1]!, alpha[2]!)).toBeLessThan(40);
    await page.screenshot({ path: screenshot("heat") });
    await page.click("#chips button >> nth=1");
    await says(page, "#heat-figures").toMatch(/scores of “burrito”/);
    await page.fill("#class", "plate");
    await page.press("#class", "Tab");
    await says(page, "#heat-figures").toMatch(/scores of “plate”/);
    await page.fill("#class", "hot dog sausage");
    await page.press("#class", "Tab");
    await says(page, "#problem-code").toBe("unknown-class");
    await page.focus("#scale");
    await page.keyboard.press("Home");
    await says(page, "#heat-figures").toMatch(/^18 × 13 scores of “hotdog”.* seen at 299 × 224/);
    expect(said).toEqual([]);
  });

  test("convolutionize: one pass instead of hundreds of windows, and the same scores", async () => {
    const { page, said } = await open({ colorScheme: "dark" });
    await top(page).toBe("hotdog");
    await page.click("#convolutionize");
    await says(page, "#windows-figures").toMatch(/^25 × 15 windows of 224 × 224 in one pass over 597 × 448/);
    expect(await textOf(page, "#windows-figures")).toMatch(/65\.\d times the work/);
    await says(page, "#windows-same").toMatch(/agree to the last bit, with scores up to 25\.4/);
    await says(page, "#windows-mean").toMatch(/hotdog/);
    expect(await textOf(page, "#rewritten")).toMatch(/AdaptiveAvgPool2d.*AvgPool2d\(kernel_size=13/);
    await says(page, "#strip [role=option]").toBe("64×223");
    await page.focus("#window");
    const before = await page.getAttribute("#window", "aria-valuetext");
    await page.keyboard.press("Home");
    expect(await page.getAttribute("#window", "aria-valuetext")).toMatch(/^window 1: /);
    expect(await page.getAttribute("#window", "aria-valuetext")).not.toBe(before);
    await page.screenshot({ path: screenshot("dark-windows"), fullPage: true });
    await page.click("#convolutionize");
    await says(page, "#strip [role=option]").toBe("64×111");
    expect(said).toEqual([]);
  });

  test("layers by keyboard, and their maps", async () => {
    const { page, said } = await open();
    await says(page, "#maps-title").toBe("features.0");
    await says(page, "#maps-figures").toMatch(/^64 × 111 × 111, from -\d/);
    await page.focus("#strip");
    await page.keyboard.press("ArrowRight");
    await says(page, "#maps-title").toBe("features.1");
    await says(page, "#maps-figures").toMatch(/^64 × 111 × 111, from 0/);
    await page.keyboard.press("End");
    await says(page, "#maps-figures").toMatch(/^1000 × 1 × 1.* a bar for each number/);
    const id = await page.getAttribute("#strip", "aria-activedescendant");
    expect(await page.getAttribute(`#${id}`, "aria-label")).toMatch(
      /^classifier\.3, adaptive_avg_pool2d, 1000 × 1 × 1/,
    );
    await page.click("#strip [role=option] >> nth=0");
    await page.click("#maps-all");
    await says(page, "#maps-figures").toMatch(/64 of 64 channels/);
    await page.screenshot({ path: screenshot("layers"), fullPage: true });
    expect(said).toEqual([]);
  });
});

describe("networks", () => {
  test("the picker says what there is, by keyboard alone", async () => {
    const { page, said } = await open();
    await top(page).toBe("hotdog");
    await page.focus("#network");
    await page.keyboard.press("Enter");
    await page.keyboard.type("resnet50");
    await expect.poll(() => page.locator("#picker-rows tr:visible").count()).toBeGreaterThan(2);
    const row = await page
      .locator("#picker-rows tr:visible", { has: page.locator("text=/^resnet50$/") })
      .textContent();
    expect(row).toMatch(/^resnet5020153 × 224 × 22425\.56 M4\.09 G76\.1 %103 MB download$/);
    await page.keyboard.press("Tab"); // Close
    for (let i = 0; i < 7; i++) await page.keyboard.press("Tab"); // the columns
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await says(page, "#picker-foot").toMatch(
      /resnet50 has no weights in this page.*Download imagenet1k_v2, 103 MB/,
    );
    await page.screenshot({ path: screenshot("picker") });
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#picker")).toBe(false);
    expect(await page.evaluate("document.activeElement.id")).toBe("network");
    await page.click("#network");
    await page.click("#picker-columns button >> text=top-1");
    expect(await page.getAttribute("#picker-columns th >> nth=5", "aria-sort")).toBe("descending");
    const best = await textOf(page, "#picker-rows tr td:nth-child(6)");
    expect(Number.parseFloat(best!)).toBeGreaterThan(84);
    expect(said).toEqual([]);
  });

  test("threads can be switched", async () => {
    const { page, said } = await open();
    await says(page, "#timing").toMatch(/[2-9] threads$/);
    await page.check("input[name=threads][value='1']", { force: true });
    await says(page, "#timing").toMatch(/^\d.* ms for the network.*relaxed-simd-threads, 1 thread$/);
    expect(said).toEqual([]);
  });

  test("a checkpoint that is dropped is known by its keys; one that is none is refused", async ({ skip }) => {
    skip(!existsSync(real), "../shared/real is absent");
    const { page, cdp, said } = await open();
    await top(page).toBe("hotdog");
    const before = Number.parseFloat((await textOf(page, "#top .value"))!);
    await drop(cdp, join(real, "squeezenet1_1/squeezenet1_1.pth"));
    await says(page, "#network-facts").toMatch(/weights of squeezenet1_1\.pth/);
    await says(page, "#timing").toMatch(/^\d/);
    // The page's own weights are the same in float16.
    await expect
      .poll(async () => Number.parseFloat((await textOf(page, "#top .value"))!))
      .toBeCloseTo(before, 0);
    await drop(cdp, join(real, "cifar10_resnet/resnet20-12fca82f.th"));
    await says(page, "#network-name").toBe("resnet20_cifar");
    await page.click("#examples button >> nth=1");
    await top(page).toBe("cat");
    await drop(cdp, join(root, "ts/test/fixtures/checkpoints/bad_no_storage.pth"));
    await says(page, "#problem-code").toBe("bad-weights");
    expect(await textOf(page, "#network-name")).toBe("resnet20_cifar");
    expect(said).toEqual([]);
  });
});

describe("for everybody", () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  /** Serious findings of axe, as text. */
  const findings = async (page: Page): Promise<string[]> => {
    await page.evaluate(axe);
    return page.evaluate(`axe.run().then(({ violations }) => violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" | ")))`);
  };

  test.each(["light", "dark"] as const)("no serious finding of axe (%s)", async (colorScheme) => {
    const { page } = await open({ colorScheme }, "isolated");
    await top(page).toBe("hotdog");
    await page.click("#convolutionize");
    await says(page, "#windows-same").not.toBe("");
    expect(await findings(page)).toEqual([]);
    await page.setInputFiles("#file", join(root, "README.md"));
    await says(page, "#problem-code").not.toBe("");
    await page.click("#network");
    await page.click("#picker-rows button >> text=resnet18");
    expect(await findings(page)).toEqual([]);
    await page.goto(`${pages.origin}/isolated/page/bench.html`);
    await expect.poll(() => page.isEnabled("#start")).toBe(true);
    expect(await findings(page)).toEqual([]);
  });

  test("a phone's width: nothing is wider than the screen", async () => {
    const phone = {
      viewport: { width: 360, height: 740 },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
    };
    const { page, said } = await open(phone);
    await top(page).toBe("hotdog");
    await page.tap("#heat");
    await says(page, "#heat-figures").toMatch(/scores/);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await page.screenshot({ path: screenshot("phone"), fullPage: true });
    await page.tap("#network");
    await page.screenshot({ path: screenshot("phone-picker") });
    await page.goto(`${pages.origin}/strict/page/bench.html`);
    await expect.poll(() => page.isEnabled("#start")).toBe(true);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect(said).toEqual([]);
  });

  test("60 frames a second while the network runs", async () => {
    const { page } = await open();
    // Leaves a core to the interface on a machine that has two.
    await page.check("input[name=threads][value='1']", { force: true });
    await says(page, "#timing").toMatch(/1 thread$/);
    await page.click("#heat");
    await says(page, "#heat-figures").toMatch(/scores/);
    const frames = (await page.evaluate(`(async () => {
      const slider = document.querySelector("#scale");
      let [longest, scans] = [0, 0];
      const next = () => {
        slider.value = 2 + (++scans % 3) / 4;
        slider.dispatchEvent(new Event("input"));
      };
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
      }).observe({ type: "longtask" });
      // A map that is done asks for the next one: the network never rests.
      new MutationObserver(next).observe(document.querySelector("#heat-figures"), { childList: true });
      next();
      const frame = () => new Promise(requestAnimationFrame);
      const start = await frame();
      let [count, now] = [0, start];
      while (now - start < 3000) {
        now = await frame();
        count++;
      }
      return { rate: (1000 * count) / (now - start), longest, scans };
    })()`)) as { rate: number; longest: number; scans: number };
    console.log(
      `${frames.rate.toFixed(1)} frames a second, longest task ${frames.longest} ms, ${frames.scans} maps`,
    );
    expect(frames.rate).toBeGreaterThan(55);
  });
});

describe("without a network", () => {
  test.each([
    ["strict", /^Works offline/],
    // A host that sends no headers leaves them to the service worker, which has its say from the second visit on.
    ["plain", /can use all cores/],
  ])("the page opens again, with threads (%s)", async (kind, said) => {
    const there = await serve(installed.folder);
    context = await browser.newContext();
    const page = await context.newPage();
    try {
      await page.goto(`${there.origin}/${kind}/page/index.html`);
      await says(page, "#offline").toMatch(said);
      expect(await page.evaluate("crossOriginIsolated")).toBe(kind === "strict");
      if (kind === "plain") {
        await page.click("#offline button");
        await says(page, "#offline").toMatch(/^Works offline/);
      }
    } finally {
      there.close();
    }
    await page.reload();
    await top(page).toBe("hotdog");
    expect(await page.evaluate("crossOriginIsolated")).toBe(true);
    await says(page, "#timing").toMatch(/relaxed-simd-threads, [2-9] threads/);
    await page.click("#heat");
    await says(page, "#heat-figures").toMatch(/scores of “hotdog”/);
    await page.click("a >> text=Bench");
    await expect.poll(() => page.isEnabled("#start")).toBe(true);
  });
});

test("the bench page measures, and gives its numbers as JSON", async () => {
  const { page, said } = await open({ acceptDownloads: true }, "strict", "bench.html");
  await expect.poll(() => page.isEnabled("#start")).toBe(true);
  await page.evaluate(
    `for (const box of document.querySelectorAll("#networks input")) box.checked = box.name === "lenet5"`,
  );
  await page.click("#start");
  await expect.poll(() => page.locator("#rows tr").count(), { timeout: 30_000 }).toBeGreaterThan(0);
  await says(page, "#status").toMatch(/^\d+ rows?\.$/);
  await page.screenshot({ path: screenshot("bench") });
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save")]);
  const file = JSON.parse(readFileSync((await download.path())!, "utf8"));
  expect(file).toMatchObject({ format: "convzoo-bench-1", machine: { isolated: true } });
  const [row] = file.rows;
  expect(row).toMatchObject({
    network: "lenet5",
    engine: "convzoo",
    device: "wasm",
    threads: 1,
    input: [1, 1, 28, 28],
  });
  expect(row.bestMs).toBeGreaterThan(0);
  expect(row.medianMs).toBeGreaterThanOrEqual(row.bestMs);
  expect(said).toEqual([]);
});
