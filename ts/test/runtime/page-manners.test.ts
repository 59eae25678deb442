/** How the page (examples/browser) behaves in Chromium: its first visit, for everybody, without a network, and its bench. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { screenshot } from "./built-page.js";
import { root } from "./packed.js";
import { says, top, visits } from "./page-in-chromium.js";
import { serve } from "./pages.js";

const visitor = visits();
const { open } = visitor;

describe("a first visit", () => {
  test("gives a result within 3 s over 20 Mbit/s, and nothing moves about", async () => {
    const times: number[] = [];
    const shifts: number[] = [];
    // A machine that does something else besides takes longer: the best of three visits counts.
    while (times.length < 3 && !times.some((time) => time < 3000)) {
      const page = await (await visitor.context()).newPage();
      const cdp = await page.context().newCDPSession(page);
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
      await page.goto(`${visitor.origin}/isolated/page/index.html`, { waitUntil: "commit" });
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

  test("has threads where the host sends the headers, as many as are wanted, and says why not where it does not", async () => {
    const isolated = await open();
    await says(isolated.page, "#timing").toMatch(
      /^\d.* ms for the network.*wasm, relaxed-simd-threads, [2-9]/,
    );
    await isolated.page.check("input[name=threads][value='1']", { force: true });
    await says(isolated.page, "#timing").toMatch(/^\d.* ms for the network.*relaxed-simd-threads, 1 thread$/);
    expect(isolated.said).toEqual([]);
    const plain = await open({}, "plain");
    await says(plain.page, "#timing").toMatch(/wasm, relaxed-simd, 1 thread$/);
    await says(plain.page, "#threads-note").toMatch(/^One thread: .*Cross-Origin-Opener-Policy/);
    expect(plain.said).toEqual([]);
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

  /** The same in both colour schemes. */
  const inBoth = async (page: Page): Promise<string[]> => {
    const found: string[] = [];
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      found.push(...(await findings(page)).map((finding) => `${colorScheme}: ${finding}`));
    }
    return found;
  };

  test("no serious finding of axe, in the light and in the dark", async () => {
    const { page } = await open({}, "isolated");
    await top(page).toBe("hotdog");
    await page.click("#convolutionize");
    await says(page, "#windows-same").not.toBe("");
    expect(await inBoth(page)).toEqual([]);
    await page.setInputFiles("#file", join(root, "README.md"));
    await says(page, "#problem-code").not.toBe("");
    await page.click("#network");
    await page.click("#picker-rows button >> text=resnet18");
    expect(await inBoth(page)).toEqual([]);
    await page.goto(`${visitor.origin}/isolated/page/bench.html`);
    await expect.poll(() => page.isEnabled("#start")).toBe(true);
    expect(await inBoth(page)).toEqual([]);
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
    await page.goto(`${visitor.origin}/strict/page/bench.html`);
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
    const rates = (await page.evaluate(`(async () => {
      const slider = document.querySelector("#scale");
      let [longest, scans, isOn] = [0, 0, false];
      const next = () => {
        if (!isOn) return;
        slider.value = 2 + (++scans % 3) / 4;
        slider.dispatchEvent(new Event("input"));
      };
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
      }).observe({ type: "longtask" });
      // A map that is done asks for the next one: the network never rests.
      new MutationObserver(next).observe(document.querySelector("#heat-figures"), { childList: true });
      const frame = () => new Promise(requestAnimationFrame);
      const rate = async (ms) => {
        const start = await frame();
        let [count, now] = [0, start];
        while (now - start < ms) {
          now = await frame();
          count++;
        }
        return (1000 * count) / (now - start);
      };
      const rounds = [];
      // What else the machine does takes frames from both: the two go side by side, and the best of three rounds counts.
      while (rounds.length < 3 && !rounds.some(({ resting, running }) => running > 0.9 * resting)) {
        isOn = false;
        const resting = await rate(700);
        isOn = true;
        next();
        rounds.push({ resting, running: await rate(2000) });
      }
      return { rounds, longest, scans };
    })()`)) as { rounds: { resting: number; running: number }[]; longest: number; scans: number };
    const said = rates.rounds.map(({ resting, running }) => `${running.toFixed(1)} of ${resting.toFixed(1)}`);
    console.log(`${said.join(", ")} frames a second, longest task ${rates.longest} ms, ${rates.scans} maps`);
    expect(rates.scans).toBeGreaterThan(2);
    expect(Math.max(...rates.rounds.map(({ resting, running }) => running / resting))).toBeGreaterThan(0.9);
  });
});

describe("without a network", () => {
  test.each([
    ["strict", /^Works offline/],
    // A host that sends no headers leaves them to the service worker, which has its say from the second visit on.
    ["plain", /can use all cores/],
  ])("the page opens again, with threads (%s)", async (kind, said) => {
    const there = await serve(visitor.folder);
    const page = await (await visitor.context()).newPage();
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
  expect(row.layers.map(({ op }: { op: string }) => op)).toEqual(
    expect.arrayContaining(["conv2d", "linear"]),
  );
  const steps = page.locator("#layers details").first();
  await steps.locator("summary").click();
  expect(await steps.locator("tbody tr").count()).toBe(row.layers.length);
  expect(await steps.locator("tbody tr").first().isVisible()).toBe(true);
  expect(said).toEqual([]);
});
