/** The packed package on the GPU of a page: Chromium's WebGPU, which SwiftShader computes where there is no other. */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { saveWeights } from "../../src/save.js";
import { fillInput, type Golden, readGolden, weightsOf } from "../recipe.js";
import { chromium, launchOnGpu } from "./browser.js";
import { type Installed, install } from "./packed.js";
import { type Pages, serve } from "./pages.js";

/** Networks that are held to PyTorch's numbers. */
const NETWORKS = ["resnet18", "mobilenet_v2"] as const;

let installed: Installed;
let browser: Browser;
let pages: Pages;

beforeAll(async () => {
  if (!chromium) return;
  installed = install();
  writeFileSync(
    join(installed.folder, "blank.html"),
    '<!doctype html><title>blank</title><link rel="icon" href="data:," />',
  );
  cpSync(new URL("in-page-webgpu.mjs", import.meta.url), join(installed.folder, "in-page-webgpu.mjs"));
  for (const name of NETWORKS) {
    const golden = readGolden(name);
    writeFileSync(join(installed.folder, `${name}.safetensors`), await saveWeights(weightsOf(golden)));
    const input = fillInput(golden.input_shape, golden.input_seed);
    writeFileSync(join(installed.folder, `${name}.input`), input.data);
  }
  pages = await serve(installed.folder);
  browser = await launchOnGpu();
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

async function open(kind: string): Promise<{ page: Page; said: string[] }> {
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => message.type() === "error" && said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`${pages.origin}/${kind}/blank.html`);
  return { page, said };
}

/** Calls a function of in-page-webgpu.mjs. */
const call = <T>(page: Page, name: string, ...args: unknown[]): Promise<T> =>
  page.evaluate(
    `import("./in-page-webgpu.mjs").then((page) => page.${name}(...${JSON.stringify(args)}))`,
  ) as Promise<T>;

/** What `classifies` saw. */
interface Seen {
  readonly capabilities: { readonly device: string; readonly deviceReason?: string };
  readonly digit: string;
  readonly device: string;
  readonly top: readonly { readonly label: string; readonly probability: number }[];
  readonly frame: readonly { readonly label: string; readonly probability: number }[];
  readonly texture: readonly { readonly label: string; readonly probability: number }[];
  readonly difference: number;
  readonly recovered: number;
  readonly events: readonly string[];
}

describe.each(["strict", "plain"])("a page (%s)", (kind) => {
  test("classifies pictures, frames of videos and textures, and survives the loss of its device", async () => {
    const { page, said } = await open(kind);
    const seen = await call<Seen>(page, "classifies");
    expect(seen.capabilities.device).toBe("wasm");
    expect(seen.capabilities.deviceReason).toMatch(/program on the CPU/);
    expect(seen).toMatchObject({ digit: "7", device: "webgpu" });
    for (const top of [seen.top, seen.frame, seen.texture]) {
      expect(top[0]!.label).toBe("chickadee");
      expect(top[0]!.probability).toBeCloseTo(0.9878, 2);
    }
    expect(seen.difference).toBeLessThan(1e-5);
    expect(seen.recovered).toBeLessThan(1e-5);
    expect(seen.events).toEqual(["destroyed webgpu"]);
    expect(said).toEqual([]);
    await page.close();
  });
});

describe("an isolated page", () => {
  test.each(NETWORKS)("%s gives PyTorch's numbers", async (name) => {
    const golden: Golden = readGolden(name);
    const { page, said } = await open("isolated");
    const output = await call<number[]>(page, "runs", name, golden.input_shape);
    const error = Math.max(...golden.output.map((value, i) => Math.abs(value - output[i]!)));
    expect(error).toBeLessThanOrEqual(1e-5 * golden.scale);
    expect(said).toEqual([]);
    await page.close();
  });

  test("tune finds a way for each layer, which can be given again", async () => {
    const { page, said } = await open("isolated");
    type Tuned = { readonly digit: string; readonly tuning: Readonly<Record<string, string>> };
    const [timed, untimed, again] = await call<readonly Tuned[]>(page, "tunes");
    expect([timed, untimed, again].map((one) => one!.digit)).toEqual(["7", "7", "7"]);
    expect(Object.keys(timed!.tuning).length).toBeGreaterThan(2);
    for (const key of Object.keys(timed!.tuning)) expect(key).toMatch(/^webgpu: /);
    expect(Object.keys(untimed!.tuning)).toEqual(Object.keys(timed!.tuning));
    expect(again!.tuning).toEqual(timed!.tuning);
    expect(said).toEqual([]);
    await page.close();
  });

  test("a score map is WebAssembly's", async () => {
    const { page, said } = await open("isolated");
    const { shape, difference } = await call<{ shape: number[]; difference: number }>(page, "scans");
    expect(shape).toEqual([2, 4, 5]);
    expect(difference).toBeLessThan(1e-5);
    expect(said).toEqual([]);
    await page.close();
  });
});
