/** What a visitor does on the page (examples/browser), done for real in Chromium: pictures, maps, layers, networks. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CDPSession } from "playwright-core";
import { describe, expect, test } from "vitest";
import { picture, screenshot } from "./built-page.js";
import { root } from "./packed.js";
import { says, textOf, top, visits } from "./page-in-chromium.js";

const real = join(root, "../shared/real");
const { open } = visits();

/** Drops a file as the window's system does, by the browser's own protocol. */
async function drop(cdp: CDPSession, file: string): Promise<void> {
  const data = { items: [], files: [file], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await cdp.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data });
}

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
});

describe("networks", () => {
  test("layers and their maps, and the table of all networks, by keyboard alone", async () => {
    const { page, said } = await open();
    await top(page).toBe("hotdog");
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
    await page.focus("#strip");
    await page.keyboard.press("Home");
    // What is asked of the maps before they are there is asked of the last layer's.
    await says(page, "#maps-figures").toMatch(/^64 × 111 × 111, from -\d/);
    await page.focus("#maps-all");
    await page.keyboard.press("Enter");
    await says(page, "#maps-figures").toMatch(/64 of 64 channels/);
    await page.screenshot({ path: screenshot("layers"), fullPage: true });
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
