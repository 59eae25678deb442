/** Clients of the Open Inference Protocol that others made, against a live server. */
import { execFile } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Live, live } from "../live.js";
import { convzoo, noise, root } from "./package.js";

/** Where scripts/setup.mjs installs them. */
const python = join(root, "build/clients/bin/python");
const isThere = existsSync(python);

let server: Live | undefined;
beforeAll(async () => {
  if (isThere) server = await live("models: [{ model: squeezenet1_1, threads: 2 }]");
}, 60_000);
afterAll(() => server?.close());
beforeEach(({ skip }) => {
  if (process.env.CI === "true") return;
  skip(!isThere, "KServe's and Triton's clients are not installed: node scripts/setup.mjs --clients");
});

const run = promisify(execFile);
const example = (name: string) => join(root, "examples/serve", name);

test("the example's Dockerfile has nothing that hadolint would change", async () => {
  const { stdout } = await run(join(root, "build/clients/bin/hadolint"), [
    "--no-color",
    example("Dockerfile"),
  ]);
  expect(stdout).toBe("");
});

test("the example's manifest has nothing that KServe does not know", async () => {
  const { stdout } = await run(python, [join(root, "ts/test/clients/manifest.py"), example("kserve.yaml")]);
  expect(JSON.parse(stdout)).toEqual([]);
});

test("tritonclient and KServe's client get what the model gives", { timeout: 120_000 }, async () => {
  const images = noise([2, 3, 224, 224]);
  const file = join(server!.folder, "images.f32");
  writeFileSync(file, new Uint8Array(images.data.buffer));
  const model = await convzoo.load("squeezenet1_1", { threads: 2 });
  const scores = await model.run(images);
  const [first] = await model.rank(scores, { topk: 3 });
  model.dispose();
  const wanted = [0, 1].map((row) => [...scores.data.subarray(row * 1000, (row + 1) * 1000)]);

  const args = [join(root, "ts/test/clients/clients.py"), server!.url, "squeezenet1_1", file];
  const { stdout } = await run(python, args, { maxBuffer: 1 << 28 });
  rmSync(file);
  const { triton, kserve } = JSON.parse(stdout);
  const { outputs, classes, ...rest } = triton;
  expect(rest).toEqual({
    live: true,
    ready: true,
    model_ready: true,
    version_ready: true,
    other_ready: false,
    server: "convzoo",
    metadata: {
      name: "squeezenet1_1",
      versions: ["1"],
      platform: "convzoo",
      inputs: [{ name: "input", datatype: "FP32", shape: [-1, 3, 224, 224] }],
      outputs: [{ name: "output", datatype: "FP32", shape: [-1, 1000] }],
    },
    index: ["squeezenet1_1"],
    layer: [2, 64, 55, 55],
    refused: expect.stringContaining("[N, C, H, W]"),
  });
  expect(classes[0]).toEqual(
    first!.map(({ score, index, label }) => `${score.toFixed(6)}:${index}:${label}`),
  );
  const { outputs: others, ...told } = kserve;
  expect(told).toEqual({ live: true, ready: true, model_ready: true, other_ready: false });
  for (const [name, got] of [...Object.entries(outputs), ...Object.entries(others)])
    expect(got, name as string).toEqual(wanted);
  expect(server!.said()).toBe("");
});
