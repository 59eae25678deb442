/** Calls that end early, many at once, memory that comes back, and an event loop that goes on. */
import { beforeAll, describe, expect, test } from "vitest";
import { fillInput, readGolden, weightsOf } from "../recipe.js";
import { convzoo, noise } from "./package.js";
import { refused } from "./refused.js";

const { alexnet, load, stateShapes } = convzoo;

/** Random weights of alexnet, scaled so that the maps neither vanish nor overflow. */
const weights = new Map<string, ReturnType<typeof noise>>();
beforeAll(() => {
  for (const [key, { shape }] of stateShapes(alexnet())) {
    const tensor = noise(shape, weights.size + 1);
    const reads = shape.slice(1).reduce((a, b) => a * b, 1);
    weights.set(key, { shape, data: tensor.data.map((value) => value * Math.sqrt(6 / reads)) });
  }
});

const photo = noise([1, 3, 224, 224]);
const batch = (n: number) => noise([n, 3, 224, 224]);

describe("abort", () => {
  const reason = new Error("changed my mind");

  test("before load, and before run", async () => {
    const signal = AbortSignal.abort(reason);
    await expect(load("lenet5", { signal })).rejects.toBe(reason);
    using model = await load("lenet5");
    await expect(model.run(noise([1, 1, 28, 28]), { signal })).rejects.toBe(reason);
    await expect(model.classify({ width: 1, height: 1, data: new Uint8Array(3) }, { signal })).rejects.toBe(
      reason,
    );
    expect((await model.run(noise([1, 1, 28, 28]))).shape).toEqual([1, 10]);
  });

  test("while weights are packed", async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ phase, loaded }: { phase: string; loaded: number }) => {
      if (phase === "pack") seen.push(loaded);
      if (seen.length === 2) controller.abort(reason);
    };
    await expect(load("squeezenet1_1", { signal: controller.signal, onProgress })).rejects.toBe(reason);
    expect(seen).toEqual([1, 2]);
  });

  test("during a long run: rejects at once, and the next run gives the right numbers", async () => {
    using model = await load(alexnet(), { weights, threads: 2 });
    const want = await model.run(photo);
    const input = batch(64);
    const start = performance.now();
    await model.run(input);
    const whole = performance.now() - start;

    const controller = new AbortController();
    const running = model.run(input, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), whole / 10);
    const before = performance.now();
    await expect(running).rejects.toBe(reason);
    expect(performance.now() - before).toBeLessThan(whole / 2);
    // The core gives up too, instead of finishing the batch first.
    const after = performance.now();
    expect((await model.run(photo)).data).toEqual(want.data);
    expect(performance.now() - after).toBeLessThan(whole / 2);
  });
});

test.each([1, 2])(
  "a run of resnet50 that is aborted rejects at once, and the core stops within 20 ms (%i threads)",
  async (threads) => {
    const golden = readGolden("resnet50");
    using model = await load("resnet50", { weights: weightsOf(golden), threads });
    const input = fillInput(golden.input_shape, golden.input_seed);
    const want = await model.run(input);
    expect(Math.max(...want.data.map(Math.abs))).toBeCloseTo(golden.scale, 3);
    const time = async (work: () => Promise<unknown>) => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

    const whole = Math.min(await time(() => model.run(input)), await time(() => model.run(input)));
    const [rejects, stops]: [number[], number[]] = [[], []];
    for (let i = 1; i <= 12; i++) {
      const controller = new AbortController();
      const reason = new Error("enough");
      const running = model.run(input, { signal: controller.signal });
      const settled = running.catch((error) => error);
      // At other places of the run each time.
      await new Promise((resolve) => setTimeout(resolve, (whole * i) / 24));
      controller.abort(reason);
      const [took, got] = [await time(() => settled), await settled];
      // The next call is answered when the core has left the run.
      const left = await time(() => model.memory());
      // On a busy machine the timer may come when the run has ended.
      if (got !== reason) continue;
      rejects.push(took);
      stops.push(left);
    }
    expect(stops.length).toBeGreaterThan(6);
    expect(median(rejects)).toBeLessThan(20);
    expect(median(stops)).toBeLessThan(20);
    expect((await model.run(input)).data).toEqual(want.data);
  },
);

describe("dispose", () => {
  test("calls reject afterwards, and disposing again is no error", async () => {
    const model = await load("lenet5");
    model.dispose();
    model.dispose();
    const image = { width: 1, height: 1, data: new Uint8Array(3) };
    await refused(() => model.run(noise([1, 1, 28, 28])), "disposed");
    await refused(() => model.classify(image), "disposed");
    await refused(() => model.memory(), "disposed");
  });

  test("runs that are under way or queued reject", async () => {
    const model = await load(alexnet(), { weights, threads: 2 });
    const runs = [model.run(batch(16)), model.run(photo), model.run(photo)];
    setTimeout(() => model.dispose(), 20);
    const results = await Promise.allSettled(runs);
    for (const result of results)
      expect(result).toMatchObject({ status: "rejected", reason: { code: "disposed" } });
  });

  test("`using` disposes", async () => {
    const kept = await (async () => {
      using model = await load("lenet5");
      return model;
    })();
    await refused(() => kept.run(noise([1, 1, 28, 28])), "disposed");
  });

  test("the memory of twenty models comes back", async () => {
    let size = 0;
    const once = async () => {
      using model = await load("squeezenet1_1", { threads: 2 });
      await model.run(photo);
      const { weights, maps } = await model.memory();
      size = weights + maps;
    };
    for (let i = 0; i < 10; i++) await once();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 20; i++) await once();
    const grown = process.memoryUsage.rss() - before;
    // Twenty that were kept would hold at least this much; a heap's own ups and downs are well below half of it.
    expect(grown).toBeLessThan((20 * size) / 2);
  });
});

describe("many calls", () => {
  test("twenty at once give what each gives alone", async () => {
    using model = await load("squeezenet1_1", { threads: 2 });
    const inputs = Array.from({ length: 20 }, (_, i) => noise([1 + (i % 3), 3, 64 + 16 * (i % 4), 64], i));
    const alone = [];
    for (const input of inputs) alone.push(await model.run(input));
    const together = await Promise.all(inputs.map((input) => model.run(input)));
    expect(together).toEqual(alone);
  });

  test("the caller's input is left as it was", async () => {
    using model = await load("lenet5");
    const input = noise([2, 1, 28, 28]);
    const copy = input.data.slice();
    await Promise.all([model.run(input), model.run(input)]);
    expect(input.data).toEqual(copy);
  });

  test("models side by side do not meet", async () => {
    const models = await Promise.all([1, 2, 3].map((threads) => load("squeezenet1_1", { threads })));
    const outputs = await Promise.all(models.map((model) => model.run(photo)));
    for (const model of models) model.dispose();
    expect(outputs[1]).toEqual(outputs[0]);
    expect(outputs[2]).toEqual(outputs[0]);
  });
});

test("the event loop goes on while a model runs", async () => {
  using model = await load(alexnet(), { weights, threads: 2 });
  const input = batch(32);
  await model.run(input);
  /** The longest time in a run in which no timer was served, and the run's own time. */
  const watch = async () => {
    const start = performance.now();
    let last = start;
    let gap = 0;
    const timer = setInterval(() => {
      gap = Math.max(gap, performance.now() - last);
      last = performance.now();
    }, 5);
    await model.run(input);
    clearInterval(timer);
    return { gap: Math.max(gap, performance.now() - last), whole: performance.now() - start };
  };
  const rounds = [];
  for (let i = 0; i < 5; i++) rounds.push(await watch());
  // Other processes can keep this one waiting in any round; a blocked loop would be blocked in all.
  rounds.sort((a, b) => a.gap - b.gap);
  const { gap, whole } = rounds[0]!;
  expect(whole).toBeGreaterThan(100);
  expect(gap).toBeLessThan(50);
});
