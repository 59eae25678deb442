/** Weights from every kind of place into the built package's models. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Tensor } from "../../src/tensor.js";
import { serveFile, type TestServer, testServer } from "../server.js";
import { convzoo, noise } from "./package.js";

const { init, lenet5, load, loadWeights, saveWeights, squeezenet1_1 } = convzoo;
const path = fileURLToPath(new URL("../../../weights/squeezenet1_1.safetensors", import.meta.url));
const digits = fileURLToPath(new URL("../../../weights/lenet5.safetensors", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-weights-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Files that this process holds open below a folder, where the system tells. */
const openFiles = () => (process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0);

test("the same bits from a path, memory, a Blob, a Response, a Map and a file saved again", async () => {
  const bytes = new Uint8Array(readFileSync(path));
  const weights = await loadWeights(bytes);
  const again = join(folder, "again.safetensors");
  writeFileSync(again, await saveWeights(weights));
  const input = noise([1, 3, 64, 64]);
  const outputs: Float32Array[] = [];
  const before = openFiles();
  for (const source of [path, bytes, new Blob([bytes]), new Response(bytes), weights, again]) {
    using model = await load("squeezenet1_1", { weights: source, threads: 1 });
    outputs.push((await model.run(input)).data);
  }
  for (const output of outputs) expect(output).toEqual(outputs[0]);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(openFiles()).toBeLessThanOrEqual(before + 2);
});

test("float32 saved as float16 gives what float16 gave", async () => {
  const halves = await loadWeights(path);
  const floats = await loadWeights(await saveWeights(halves, { dtype: "f32" }));
  const back = await loadWeights(await saveWeights(floats, { dtype: "f16" }));
  for (const [key, { data }] of halves) expect(back.get(key)!.data).toEqual(data);
});

describe("a checkpoint of other sizes", () => {
  test("another number of classes: what comes before the classifier is the same, every score is 0", async () => {
    using whole = await load("lenet5", { weights: digits, threads: 1 });
    using headless = await load(lenet5({ classes: 3 }), { weights: digits, adaptHead: true, threads: 1 });
    const input = noise([1, 1, 28, 28]);
    const taps = { outputs: ["features", "classifier.2"] };
    expect(await headless.run(input, taps)).toEqual(await whole.run(input, taps));
    expect([...(await headless.run(input)).data]).toEqual([0, 0, 0]);
    await expect(load(lenet5({ classes: 3 }), { weights: digits })).rejects.toMatchObject({
      code: "weight-shape",
    });
  });

  test("one channel: a grey image gives what it gave in three", async () => {
    using rgb = await load("squeezenet1_1", { threads: 1 });
    const net = squeezenet1_1({ inChannels: 1 });
    using grey = await load(net, { weights: "imagenet1k_v1", adaptStem: true, threads: 1 });
    const { data } = noise([1, 1, 64, 64]);
    const three: Tensor = { shape: [1, 3, 64, 64], data: Float32Array.from([...data, ...data, ...data]) };
    const wanted = (await rgb.run(three)).data;
    const got = (await grey.run({ shape: [1, 1, 64, 64], data })).data;
    const scale = Math.max(...wanted);
    expect(Math.max(...wanted.map((value, i) => Math.abs(value - got[i]!))) / scale).toBeLessThan(1e-5);
  });
});

test("a number that is none is found where the file has it, and the file is closed", async () => {
  const weights = await loadWeights(digits);
  weights.get("classifier.2.weight")!.data[77] = Number.NaN as never;
  const broken = join(folder, "nan.safetensors");
  writeFileSync(broken, await saveWeights(weights));
  const before = openFiles();
  const error = await load("lenet5", { weights: broken }).catch((error) => error);
  expect(error).toMatchObject({ code: "bad-weights", key: "classifier.2.weight" });
  expect(error.message).toContain("Element 77 of classifier.2.weight");
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(openFiles()).toBeLessThanOrEqual(before + 2);
});

describe("registered checkpoints", () => {
  let server: TestServer;
  const asked: (string | undefined)[] = [];
  beforeEach(async () => {
    const answer = serveFile(new Uint8Array(readFileSync(path)));
    asked.length = 0;
    server = await testServer((request, response, nth) => {
      asked.push(request.url);
      answer(request, response, nth);
    });
    process.env.CONVZOO_CACHE = folder;
  });
  afterEach(() => {
    server.close();
    init();
    delete process.env.CONVZOO_CACHE;
    delete process.env.CONVZOO_WEIGHTS_BASE;
  });

  test.each(["init", "CONVZOO_WEIGHTS_BASE"])(
    "come from a mirror (%s), and another file is refused",
    async (how) => {
      if (how === "init") init({ weightsBase: `${server.base}/mirror` });
      else process.env.CONVZOO_WEIGHTS_BASE = `${server.base}/mirror`;
      const error = await load("resnet18", { weights: "imagenet1k_v1" }).catch((error) => error);
      expect(error).toMatchObject({ name: "ConvzooError", code: "wrong-hash" });
      expect(asked).toEqual(["/mirror/resnet18-f37072fd.pth"]);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test("what lies in the cache is used only if its hash is right", async () => {
    init({ weightsBase: `${server.base}/mirror` });
    writeFileSync(join(folder, "resnet18-f37072fd.pth"), readFileSync(path));
    await expect(load("resnet18")).rejects.toMatchObject({ code: "wrong-hash" });
    expect(asked).toHaveLength(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each([["ftp://x"], ["models"], [5]])("weightsBase %s is refused", (weightsBase) => {
    expect(() => init({ weightsBase: weightsBase as string })).toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
  });
});
