/** Cores that are not there, are something else, run out of memory or trap. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { smallCore, trappingCore } from "./core-file.js";
import { convzoo, corePath, noise, root, wasmPath } from "./package.js";
import { refused, webServer } from "./refused.js";

const { capabilities, conv2d, load, net, resize } = convzoo;

const digit = join(root, "examples/digits/7-0.png");

describe("the core's file", () => {
  let web: Awaited<ReturnType<typeof webServer>>;
  beforeAll(async () => {
    web = await webServer();
  });
  afterAll(() => web.close());

  test("a page in its place", async () => {
    const page = new TextEncoder().encode("<!doctype html>");
    await refused(() => load("lenet5", { wasm: page }), "bad-wasm", /HTML/);
    await refused(() => load("lenet5", { wasm: `${web.url}/page` }), "bad-wasm", /HTML/, web.url);
  });

  test("nothing in its place", async () => {
    await refused(() => load("lenet5", { wasm: `${web.url}/gone` }), "bad-wasm", web.url);
    await refused(() => load("lenet5", { wasm: "./no-such.wasm" }), "bad-wasm", "no-such.wasm");
    await refused(() => load("lenet5", { wasm: new Uint8Array() }), "bad-wasm", /nothing/);
  });

  test("a part of it, or another module", async () => {
    await refused(() => load("lenet5", { wasm: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1) }), "bad-wasm");
    const wasm = wasmPath("webp_dec.wasm");
    for (const core of ["simd128", "simd128-threads"] as const) {
      await refused(() => load("lenet5", { wasm, core }), "bad-wasm");
    }
  });

  test("another build than the one asked for", async () => {
    const wasm = corePath("simd128-threads");
    await refused(
      () => load("lenet5", { core: "simd128", wasm }),
      "bad-wasm",
      /build simd128-threads/,
      /simd128 was/,
    );
  });

  test.each(["simd128", "simd128-threads"] as const)("a %s that says itself what it is", async (build) => {
    using model = await load("lenet5", { wasm: corePath(build), threads: 2 });
    expect([model.core, model.threads]).toEqual([build, build === "simd128" ? 1 : 2]);
  });

  test("a build that this Node does not run", async (context) => {
    const { core } = await capabilities();
    if (core.startsWith("relaxed-simd")) return context.skip("this Node runs all builds of the core");
    await refused(() => load("lenet5", { core: "relaxed-simd" }), "unsupported", /relaxed/);
  });
});

describe("memory that is not there", () => {
  /** A network whose one map is 4096 times its input. */
  const wide = net("Wide", { only: conv2d(1, 4096, 1) }, ["only"], { inChannels: 1 });
  const weights = { "only.weight": noise([4096, 1, 1, 1]), "only.bias": noise([4096]) };

  test("a plan larger than a core's memory can ever be", async () => {
    using model = await load(wide, { weights });
    await refused(() => model.run(noise([1, 1, 1024, 1024])), "too-large");
    expect((await model.run(noise([1, 1, 2, 2]))).shape).toEqual([1, 4096, 2, 2]);
  });

  test("a plan larger than the memory that there is", async () => {
    // 64 x 64 x 4096 floats are 64 MiB, and 512 pages 32 MiB.
    using model = await load(wide, { weights, core: "simd128", wasm: smallCore("simd128", 512) });
    await refused(() => model.run(noise([1, 1, 64, 64])), "too-large");
    expect((await model.run(noise([1, 1, 2, 2]))).shape).toEqual([1, 4096, 2, 2]);
  });

  test("weights larger than the memory that there is", async () => {
    const wasm = smallCore("simd128", 64);
    await refused(() => load("squeezenet1_1", { core: "simd128", wasm }), "too-large");
  });
});

describe("a core that traps", () => {
  const input = noise([1, 1, 28, 28]);

  // First, as the core for images serves all of a process and stays for a while.
  test("for images: the next call gets another", async () => {
    const image = { width: 4, height: 4, data: new Uint8Array(48) };
    const wasm = trappingCore("simd128", "resize");
    await refused(() => resize(image, { width: 2, height: 2, wasm }), "poisoned");
    expect((await resize(image, { width: 2, height: 2 })).data).toHaveLength(12);
  });

  test.each([1, 2])(
    "while it runs: that model is poisoned, others are not (threads: %i)",
    async (threads) => {
      using other = await load("lenet5", { threads });
      const wasm = trappingCore("simd128-threads", "core_run");
      const model = await load("lenet5", { core: "simd128-threads", threads, wasm });
      const calls = [model.run(input), model.run(input), model.classify(digit)];
      const results = await Promise.allSettled(calls);
      expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
      for (const call of calls) await refused(() => call, "poisoned", /load the model again/);
      await refused(() => model.run(input), "poisoned");
      model.dispose();
      await refused(() => model.run(input), "poisoned");
      expect((await other.classify(digit))[0]!.label).toBe("7");
    },
  );

  test("in a thread of its pool", async () => {
    const wasm = trappingCore("simd128-threads", "wbg_rayon_start_worker");
    await refused(() => load("lenet5", { core: "simd128-threads", threads: 3, wasm }), "poisoned");
  });

  test("while it loads", async () => {
    const wasm = trappingCore("simd128", "core_load");
    await refused(() => load("lenet5", { core: "simd128", wasm }), "poisoned");
  });
});
