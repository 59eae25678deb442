/** Memory that does not grow, and networks for which there is none. */
import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Net } from "../../src/layers.js";
import { inRuntimes } from "../runtime/packed.js";
import { liveBytes } from "./live.js";
import { convzoo, noise, root } from "./package.js";

const {
  alexnet,
  densenet121,
  flatten,
  linear,
  load,
  mobilenet_v3_large,
  net,
  resnet18,
  stateShapes,
  vgg16,
  zoo,
} = convzoo;

/** Weights whose values do not matter here; those of the same size are one array. */
function zeros(network: Net) {
  const arrays = new Map<number, Float32Array>();
  const tensors = [...stateShapes(network)].map(([key, { shape }]) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const data = arrays.get(length) ?? new Float32Array(length);
    arrays.set(length, data);
    return [key, { shape, data }] as const;
  });
  return new Map(tensors);
}

/** By how many bytes the process grows while `work` is done `times` times. */
async function growth(times: number, work: (i: number) => Promise<unknown>): Promise<number> {
  // The heaps of all threads first grow to what they need.
  for (let i = 0; i < times; i++) await work(i);
  const before = process.memoryUsage.rss();
  for (let i = 0; i < times; i++) await work(i);
  return process.memoryUsage.rss() - before;
}

describe("many runs of one model", () => {
  test.each([
    { name: "squeezenet1_1", times: 1000, side: 64 },
    { name: "resnet18", times: 100, side: 224 },
  ] as const)("$times of $name", async ({ name, times, side }) => {
    const weights = name === "resnet18" ? zeros(resnet18()) : undefined;
    using model = await load(name, { weights, threads: 2 });
    const input = noise([1, 3, side, side]);
    await model.run(input);
    const held = await model.memory();
    const grown = await growth(times, () => model.run(input));
    expect(await model.memory()).toEqual(held);
    // Had each run left its input behind on one of the two sides, this were all of them.
    expect(grown).toBeLessThan((times * input.data.byteLength) / 2);
  });

  test("of changing sizes, with plans made anew each time", async () => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const inputs = Array.from({ length: 20 }, (_, i) => noise([1, 3, 40 + 8 * i, 64]));
    for (const input of inputs) await model.run(input);
    const held = await model.memory();
    const grown = await growth(400, (i) => model.run(inputs[i % inputs.length]!));
    expect(await model.memory()).toEqual(held);
    const bytes = inputs.reduce((sum, { data }) => sum + data.byteLength, 0) / inputs.length;
    expect(grown).toBeLessThan((400 * bytes) / 2);
  });
});

test("200 models, one after another", async () => {
  const grown = await growth(200, async () => {
    using model = await load("lenet5", { threads: 2 });
    await model.run(noise([1, 1, 28, 28]));
  });
  // Two threads of JavaScript each, of which one that stayed would hold some megabytes. bench/cycles.ts makes more of them.
  expect(grown).toBeLessThan(64 * 2 ** 20);
});

describe("maps take at most 1.25 times what is alive at a time, and scratch", () => {
  const names = [
    ...(["alexnet", "vgg19", "googlenet", "resnet18", "resnet50", "densenet121", "efficientnet_b0"] as const),
    ...(["squeezenet1_1", "mobilenet_v2", "inception_v3", "shufflenet_v2_x1_0", "regnet_y_400mf"] as const),
  ];
  test.each(names)("%s", async (name) => {
    const { build, input } = zoo[name];
    const network = build();
    const live = liveBytes(network, input);
    for (const threads of [1, 4]) {
      using model = await load(network, { weights: zeros(network), threads });
      await model.run(noise([1, ...input]));
      const { maps } = await model.memory();
      expect(maps).toBeGreaterThan(0.9 * live);
      // As the guide says: half a MiB a thread, and 2 MiB that they share.
      expect(maps).toBeLessThan(1.25 * live + (2 + threads / 2) * 2 ** 20);
    }
  });
});

describe("the core's memory is its weights, its maps and little else", () => {
  const built = { alexnet, densenet121, mobilenet_v3_large, resnet18 };
  const cases = Object.entries(built).flatMap(([name, build]) =>
    ([undefined, "float16", "int8"] as const).map((precision) => [name, precision, build()] as const),
  );
  test.each(cases)("%s, precision: %s", async (_, precision, network) => {
    using model = await load(network, { weights: zeros(network), precision, threads: 2 });
    await model.run(noise([1, 3, 224, 224]));
    const { weights, maps, total } = await model.memory();
    expect(total - weights - maps).toBeGreaterThan(0);
    expect(total - weights - maps).toBeLessThan(24 * 2 ** 20);
  });
});

describe("a checkpoint of 528 MB", () => {
  /** Writes a network's weights, random ones, as safetensors; gives the file's size. */
  function writeCheckpoint(file: string, network: Net): number {
    let end = 0;
    const header: Record<string, unknown> = {};
    for (const [key, { shape }] of stateShapes(network)) {
      const start = end;
      end += 4 * shape.reduce((a, b) => a * b, 1);
      header[key] = { dtype: "F32", shape, data_offsets: [start, end] };
    }
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const block = Buffer.from(noise([2 ** 20]).data.buffer);
    const output = openSync(file, "w");
    try {
      for (const bytes of [length, json]) writeSync(output, bytes);
      for (let at = 0; at < end; at += block.length)
        writeSync(output, block, 0, Math.min(block.length, end - at));
    } finally {
      closeSync(output);
    }
    return 8 + json.length + end;
  }

  test("is loaded in less than 1.25 times its size of resident memory", ({ skip }) => {
    const gib = freemem() / 2 ** 30;
    skip(process.env.CONVZOO_QUICK !== undefined || gib < 1.5, "vgg16's weights take 1.5 GiB of free memory");
    // Node 20 lacks `ArrayBuffer.transfer`, and frees what was packed when its collector likes to.
    const node = "transfer" in ArrayBuffer.prototype ? process.execPath : inRuntimes("node-24/bin/node");
    skip(!node, "the package node-24 is not installed for this platform");
    const folder = mkdtempSync(join(tmpdir(), "convzoo-checkpoint-"));
    try {
      const file = join(folder, "vgg16.safetensors");
      const size = writeCheckpoint(file, vgg16());
      expect(size).toBeGreaterThan(527 * 2 ** 20);
      const program = `
        import { load } from "convzoo";
        const before = process.memoryUsage.rss();
        const model = await load("vgg16", { weights: ${JSON.stringify(file)}, threads: 2 });
        console.log(process.resourceUsage().maxRSS * 1024 - before);
        model.dispose();`;
      const args = ["--input-type=module", "--eval", program];
      const grown = Number(execFileSync(node!, args, { cwd: root, encoding: "utf8" }));
      // What was packed is all there.
      expect(grown).toBeGreaterThan(size);
      expect(grown).toBeLessThan(1.25 * size);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("a photograph of 12,000 x 9,000 pixels", () => {
  /** All gray, its codes all zeros: 8 bits for each block's mean, 8 for that there is no more of it. */
  function grayJpeg(width: number, height: number): Buffer {
    const table = (of: number) => [
      0xff,
      0xc4,
      0,
      20,
      of,
      ...Array.from({ length: 16 }, (_, i) => +(i === 7)),
      0,
    ];
    const sides = [height >> 8, height & 255, width >> 8, width & 255];
    const quantisation = [0xff, 0xdb, 0, 67, 0, ...Array<number>(64).fill(1)];
    const frame = [0xff, 0xc0, 0, 11, 8, ...sides, 1, 1, 0x11, 0];
    const scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0];
    const blocks = Buffer.alloc(2 * Math.ceil(width / 8) * Math.ceil(height / 8));
    const head = [0xff, 0xd8, ...quantisation, ...frame, ...table(0), ...table(0x10), ...scan];
    return Buffer.concat([Buffer.from(head), blocks, Buffer.from([0xff, 0xd9])]);
  }

  test("is scanned in less than 1 GB of resident memory", () => {
    const folder = mkdtempSync(join(tmpdir(), "convzoo-photograph-"));
    try {
      const file = join(folder, "photograph.jpg");
      writeFileSync(file, grayJpeg(12_000, 9000));
      // The peak of a process is of all that it ever did, so this is one of its own.
      const program = `
        import { load } from "convzoo";
        const model = await load("squeezenet1_1", { threads: 1 });
        let tiles = 0;
        const stopped = new AbortController();
        // The first tile makes the arena as large as it gets; the other tiles would only take their time.
        const onProgress = () => ++tiles === 2 && stopped.abort("enough");
        const options = { classes: [24], onProgress, signal: stopped.signal };
        const end = await model.dense(${JSON.stringify(file)}, options).catch((reason) => reason);
        model.dispose();
        console.log(JSON.stringify({ end, bytes: process.resourceUsage().maxRSS * 1024 }));`;
      const args = ["--input-type=module", "--eval", program];
      const said = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" }));
      expect(said.end).toBe("enough");
      expect(said.bytes).toBeLessThan(1e9);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("networks larger than a memory", () => {
  const sides = 8192;

  test("are refused before anything is allocated, in words that say how much they need", async () => {
    // 20 x 256 MiB, though their weights are one array here.
    const layers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`fc${i}`, linear(sides, sides)]));
    const huge = net("Huge", layers, [flatten(), ...Object.keys(layers)], { inChannels: sides });
    const weights = zeros(huge);
    const before = process.memoryUsage.rss();
    const error = await load(huge, { weights }).catch((error) => error);
    expect(error).toMatchObject({ name: "ConvzooError", code: "too-large" });
    expect(error.message).toMatch(/needs? 512\d MiB/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(600 * 2 ** 20);
  });
});
