/** model.dense and model.occlusion on the built package: real photographs, tiles, shared weights. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Net } from "../../src/layers.js";
import type { Tensor } from "../../src/tensor.js";
import { convzoo, noise, root } from "./package.js";

const { convolutionize, decode, load, preprocess, stateShapes, zoo } = convzoo;
const { avgPool2d, concat, conv2d, maxPool2d, net, relu } = convzoo;

const CELL = { pooling: "cell" } as const;

/** Weights that keep numbers in range. */
function weightsOf(net: Net) {
  let seed = 1;
  const tensor = (shape: readonly number[]): Tensor => {
    const { data } = noise(shape, seed++);
    const fan = shape.slice(1).reduce((a, b) => a * b, 1);
    const [gain, offset] = shape.length > 1 ? [2 / Math.sqrt(fan), 0] : [0.1, 1];
    return { shape, data: data.map((x) => gain * x + offset) };
  };
  return new Map([...stateShapes(net)].map(([key, { shape }]) => [key, tensor(shape)] as const));
}

/** The largest difference of two maps, as a share of their scale. */
function difference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual(b.shape);
  const scale = a.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  expect(scale).toBeGreaterThan(0);
  return a.data.reduce((most, x, i) => Math.max(most, Math.abs(x - b.data[i]!)), 0) / scale;
}

const images = join(root, "../shared/real/images");

describe("SqueezeNet's real weights on photographs", () => {
  beforeEach(({ skip }) => skip(!existsSync(images), "../shared/real is absent"));

  // Written down by looking at the pictures: the animal, [left, top, right, bottom].
  const ANIMALS = [
    ["dog.jpg", "Samoyed", [165, 40, 1430, 1135]],
    ["cat.jpg", "Egyptian cat", [168, 12, 352, 354]],
    ["owl.jpg", "ruffed grouse", [158, 13, 334, 372]],
  ] as const;

  test.each(ANIMALS)("the map of %s peaks on the %s", async (file, label, [left, top, right, bottom]) => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const image = await decode(join(images, file));
    const ways = [{}, CELL, { scales: [1, 1.25] }, { scales: "overfeat" }] as const;
    for (const options of ways) {
      const map = await model.dense(image, { ...options, classes: [label] });
      const [peak] = map.peaks(label);
      const { x, y, i, j } = peak!;
      const where = `${JSON.stringify(options)}: ${x}, ${y}`;
      expect(x > left && x < right && y > top && y < bottom, where).toBe(true);
      const box = map.box(i, j);
      expect(box.x <= x && x <= box.x + box.width && box.y <= y && y <= box.y + box.height, where).toBe(true);
    }
  });

  test("covering the dog's head costs the dog most", async () => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const steps: number[] = [];
    const image = await decode(join(images, "dog.jpg"));
    const options = {
      size: 56,
      stride: 28,
      onProgress: ({ done }: { done: number }) => void steps.push(done),
    };
    const map = await model.occlusion(image, "Samoyed", options);
    expect(map.scores.shape).toEqual([1, 7, 7]);
    expect(steps).toEqual([8, 16, 24, 32, 40, 48, 49]);
    const { x, y } = map.peaks("Samoyed")[0]!;
    expect(x > 250 && x < 620 && y > 40 && y < 480, `${x}, ${y}`).toBe(true);

    // One patch by hand: the same numbers through run.
    const { resize, crop, interpolation, mean, std } = zoo.squeezenet1_1.weights.imagenet1k_v1!.preprocess;
    const input = await preprocess(image, { resize, crop, interpolation, mean, std });
    const before = (await model.run(input)).data[258]!;
    for (let c = 0; c < 3; c++)
      for (let row = 28; row < 84; row++)
        input.data.fill(0, (c * 224 + row) * 224 + 56, (c * 224 + row) * 224 + 112);
    const after = (await model.run(input)).data[258]!;
    expect(map.at("Samoyed").data[1 * 7 + 2]).toBeCloseTo(before - after, 4);
  });
});

describe("one map", () => {
  test("of a classifier is what run gives for its convolutionized network, and holds no second copy of the weights", async () => {
    const built = zoo.alexnet.build();
    const weights = weightsOf(built);
    const x = noise([1, 3, 301, 260], 5);
    using model = await load(built, { weights, threads: 2 });
    const held = await model.memory();
    for (const fine of [false, true]) {
      const map = await model.dense(x, { fine });
      using dense = await load(convolutionize(built, [3, 224, 224], { fine }), { weights, threads: 2 });
      const y = await dense.run(x);
      expect(map.scores.shape).toEqual(y.shape.slice(1));
      // The same sums in the same order: linear layers' weights only lie otherwise.
      expect(map.scores.data).toEqual(y.data);
      // Dense on a network that is fully convolutional runs it as it is.
      expect((await dense.dense(x)).scores.data).toEqual(y.data);
      await expect(dense.dense(x, { fine: !fine })).rejects.toMatchObject({ code: "bad-option" });
    }
    expect((await model.memory()).weights).toBe(held.weights);
    // Its own runs go on as before.
    expect((await model.run(noise([1, 3, 224, 224]))).shape).toEqual([1, 1000]);
  });

  test("with weights packed for another window names the layer and says what to load", async () => {
    const built = zoo.resnet18.build({ classes: 10 });
    const weights = weightsOf(built);
    const x = noise([1, 3, 250, 250], 3);
    using model = await load(built, { weights, threads: 2 });
    const error = await model.dense(x, { fine: true }).catch((error) => error);
    expect(error).toMatchObject({ name: "ConvzooError", code: "bad-option", node: "layer1.0.conv1" });
    expect(error.message).toMatch(/load\(convolutionize\(net, shape, .*\), \{ weights \}\)/);
    using fine = await load(convolutionize(built, [3, 224, 224], { fine: true }), { weights, threads: 2 });
    const [, h, w] = (await fine.dense(x)).scores.shape;
    expect(Math.min(h!, w!)).toBeGreaterThan((await model.dense(x)).scores.shape[1]!);
  });

  test("averaging first gives the same where the last layer is linear", async () => {
    const built = zoo.resnet18.build({ classes: 10 });
    using model = await load(built, { weights: weightsOf(built), threads: 2 });
    // ResNet's own global pooling averages the map, whatever its size, and then comes the linear layer.
    const x = noise([1, 3, 300, 420], 9);
    const first = await model.run(x);
    const map = await model.dense(x, { pooling: "cell" });
    expect(map.scores.shape).toEqual([10, 10, 14]);
    const last = { shape: [1, 10], data: map.mean() };
    expect(difference(first, last)).toBeLessThan(1e-5);
  });

  test("keeps the classes and the cells that were asked for", async () => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const x = noise([1, 3, 330, 290], 4);
    const all = await model.dense(x);
    const some = await model.dense(x, { classes: ["Samoyed", 7], stride: 32 });
    expect(all.stride).toBe(16);
    expect(some.stride).toBe(32);
    expect(some.classes).toEqual([258, 7]);
    const [, h, w] = all.scores.shape as [number, number, number];
    expect(some.scores.shape).toEqual([2, Math.ceil(h / 2), Math.ceil(w / 2)]);
    for (const index of [258, 7]) {
      const thinned = [...all.at(index).data].filter(
        (_, k) => Math.floor(k / w) % 2 === 0 && (k % w) % 2 === 0,
      );
      expect([...some.at(index).data]).toEqual(thinned);
    }
    expect(some.box(1, 1)).toEqual(all.box(2, 2));
    expect(() => some.at(3)).toThrow(/not among the classes/);
  });

  test("every cell lies where pixels change it, and nowhere else", async () => {
    using model = await load("squeezenet1_1", { threads: 1, winograd: false });
    const x = noise([1, 3, 420, 430], 6);
    const map = await model.dense(x);
    const [i, j] = [0, 1];
    const box = map.box(i, j);
    const changed = async (keep: (y: number, x: number) => boolean) => {
      const data = x.data.map((value, k) => (keep(Math.floor(k / 430) % 420, k % 430) ? value : -value));
      return (await model.dense({ shape: x.shape, data })).at(3).data;
    };
    const inside = (y: number, x: number) =>
      y >= box.y && y < box.y + box.height && x >= box.x && x < box.x + box.width;
    const w = map.scores.shape[2]!;
    expect((await changed(inside))[i * w + j]).toBe(map.at(3).data[i * w + j]);
    expect((await changed((y, x) => !inside(y, x)))[i * w + j]).not.toBe(map.at(3).data[i * w + j]);
  });
});

/** A network that is fully convolutional as it stands, of everything that makes tiles awkward. */
const awkward = net(
  "Awkward",
  {
    even: conv2d(3, 8, 4, { stride: 2, padding: "same" }),
    ceil: maxPool2d(3, { stride: 2, ceilMode: true }),
    dilated: conv2d(8, 8, 3, { padding: 2, dilation: 2 }),
    one: conv2d(8, 8, 1),
    uneven: conv2d(16, 8, [2, 3], { padding: [1, 0, 0, 2] }),
    average: avgPool2d(2, { stride: 2, padding: "same", countIncludePad: false }),
    strided: conv2d(8, 8, 3, { stride: 2, padding: "same", groups: 8 }),
    last: conv2d(8, 5, [3, 4]),
  },
  ["even", relu(), "ceil", concat(["dilated"], ["one"]), "uneven", "average", "strided", "last"],
  { inChannels: 3 },
);

describe("tiles", () => {
  test.each([
    ["SAME padding, ceil mode, even kernels, dilation", () => awkward, {}, [331, 286]],
    [
      "a classifier that ends in an average",
      () => zoo.squeezenet1_1.build({ classes: 20 }),
      CELL,
      [410, 437],
    ],
    ["a classifier with linear layers", () => zoo.lenet5.build({ inChannels: 3 }), {}, [150, 161]],
    [
      "a finer classifier with linear layers",
      () => zoo.lenet5.build({ inChannels: 3 }),
      { fine: true },
      [150, 161],
    ],
  ] as const)("%s: the whole map's bits where the algorithm allows", async (_, build, options, size) => {
    const built: Net = build();
    const weights = weightsOf(built);
    const x = noise([1, 3, ...size], 8);
    for (const winograd of [false, true]) {
      using model = await load(built, { weights, threads: 2, winograd });
      const whole = await model.dense(x, options);
      const { maps } = await model.memory();
      let tiles = 0;
      const onProgress = ({ total }: { total: number }) => {
        tiles = total;
      };
      const cut = await model.dense(x, { ...options, memory: Math.floor(0.6 * maps), onProgress });
      expect(tiles).toBeGreaterThan(1);
      if (winograd) expect(difference(whole.scores, cut.scores)).toBeLessThan(1e-5);
      else expect(cut.scores).toEqual(whole.scores);
    }
  });

  test("cannot be cut where a layer sees all of the image", async () => {
    const built = zoo.mobilenet_v3_small.build({ classes: 20 });
    using model = await load(built, { weights: weightsOf(built), threads: 2 });
    const x = noise([1, 3, 400, 400]);
    await expect(model.dense(x, { memory: 2 ** 20 })).rejects.toMatchObject({
      code: "too-large",
      message: expect.stringMatching(/sees the whole image at once, so it cannot be cut/),
    });
    expect((await model.dense(x)).box(0, 0)).toEqual({ x: 0, y: 0, width: 400, height: 400 });
  });
});

describe("what dense refuses", () => {
  test.each([
    [{ scales: [] }, "bad-option", /tensor is not resized/],
    [{ scales: [1, 2] }, "bad-option", /tensor is not resized/],
    [{ stride: 24 }, "bad-option", /multiple of the network's, 16 pixels, not 24/],
    [{ stride: 0.5 }, "bad-option", /stride is a whole number/],
    [{ memory: -1 }, "bad-option", /memory is a whole number/],
    [{ pooling: "none" }, "bad-option", /pooling is "window" or "cell"/],
    [{ fine: 1 }, "bad-option", /fine is true or false/],
    [{ classes: [] }, "bad-option", /classes is a list/],
    [{ classes: ["samoyed"] }, "unknown-class", /nearest is "Samoyed"/],
    [{ classes: [1000] }, "unknown-class", /0 to 999, but no 1000/],
    [{ memory: 1 }, "too-large", /smallest tile/],
  ])("%j", async (options, code, message) => {
    using model = await load("squeezenet1_1", { threads: 1 });
    const refused = model.dense(noise([1, 3, 240, 240]), options as never);
    await expect(refused).rejects.toMatchObject({
      name: "ConvzooError",
      code,
      message: expect.stringMatching(message),
    });
    expect((await model.dense(noise([1, 3, 240, 240]))).scores.shape).toEqual([1000, 2, 2]);
  });

  test("what is too small, and what is no image", async () => {
    using model = await load("squeezenet1_1", { threads: 1 });
    const pixels = { width: 100, height: 300, data: new Uint8Array(3 * 100 * 300) };
    const error = await model.dense(pixels).catch((error) => error);
    expect(error).toMatchObject({ code: "bad-shape" });
    expect(error.message).toMatch(/100 x 300: pass scales above 1/);
    expect((await model.dense(pixels, { scales: [2.5] })).scores.shape[0]).toBe(1000);
    await expect(model.dense({ shape: [1, 3, 224, 224], data: new Float32Array(7) })).rejects.toMatchObject({
      code: "bad-shape",
    });
    const gray = await model.dense(noise([1, 1, 300, 300])).catch((error) => error);
    expect(gray).toMatchObject({ code: "bad-shape", message: expect.stringMatching(/reads 3 channels/) });
    expect(gray.message).not.toMatch(/scales/);
    await expect(model.dense(7 as never)).rejects.toMatchObject({ code: "bad-image" });
    await expect(model.occlusion(pixels, "dog")).rejects.toMatchObject({ code: "unknown-class" });
    await expect(model.occlusion(pixels, 3, { size: 225 })).rejects.toMatchObject({ code: "bad-option" });
  });

  test("a signal that aborts", async () => {
    using model = await load("squeezenet1_1", { threads: 1 });
    const controller = new AbortController();
    const options = { signal: controller.signal, memory: 16 * 2 ** 20, onProgress: () => controller.abort() };
    const aborted = model.dense(noise([1, 3, 600, 600]), options);
    await expect(aborted).rejects.toMatchObject({ name: "AbortError" });
  });
});
