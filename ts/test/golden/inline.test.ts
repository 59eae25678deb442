/** convzoo/inline: one file of JavaScript that needs nothing beside it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { convzoo, root, wasmPath } from "./package.js";

const lenet5 = readFileSync(join(root, "weights/lenet5.safetensors"));
const digit = join(root, "examples/digits/7-0.png");

let folder: string;
let inline: typeof import("../../src/inline.js");
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-inline-"));
  const outfile = join(folder, "application.mjs");
  await build({
    stdin: { contents: `export * from "convzoo/inline";`, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    outfile,
    logLevel: "error",
  });
  vi.stubGlobal("fetch", () => expect.fail("something was fetched"));
  inline = await import(pathToFileURL(outfile).href);
});
afterAll(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true, force: true });
});

test("classifies a digit, to the bit as the build simd128 beside the package does", async () => {
  expect(readdirSync(folder)).toEqual(["application.mjs"]);
  const pixels = await convzoo.decode(digit);
  using model = await inline.load("lenet5", { weights: lenet5 });
  using other = await convzoo.load("lenet5", { core: "simd128" });
  expect([model.core, model.threads]).toEqual(["simd128", 1]);
  const top = await model.classify(pixels);
  expect(top[0]!.index).toBe(7);
  const scores = (all: typeof top) => all.map(({ index, score }) => [index, score]);
  expect(scores(top)).toEqual(scores(await other.classify(pixels)));
});

test("says what it can do, and what it cannot", async () => {
  const can = await inline.capabilities();
  expect(can).toMatchObject({ core: "simd128", threads: 1, worker: false });
  expect([can.simdReason, can.threadsReason].join()).toMatch(/^convzoo\/inline.*,convzoo\/inline/);
  const weights = lenet5;
  await expect(inline.load("lenet5", { weights, core: "relaxed-simd" })).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("convzoo/inline"),
  });
});

test("an image's file wants its decoder, which can be passed", async () => {
  const bytes = readFileSync(digit);
  await expect(inline.decode(bytes)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("decoders: { squoosh_png: module }"),
  });
  const decoders = { squoosh_png: readFileSync(wasmPath("squoosh_png.wasm")) };
  expect(await inline.decode(bytes, { decoders })).toEqual(await convzoo.decode(digit));
  await expect(inline.decode(bytes, { decoder: "native" })).rejects.toMatchObject({ code: "unsupported" });
});
