/** Batching: who runs with whom, when, and what each gets. */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { Batcher, OUTPUT, type Run } from "../../src/serve/batcher.js";
import type { Tensor } from "../../src/tensor.js";

const tensor = (first: number, rows = 1, width = 2): Tensor => {
  const data = new Float32Array(rows * width);
  for (let i = 0; i < rows; i++) data[i * width] = first + i;
  return { shape: [rows, 1, 1, width], data };
};
const never = new AbortController().signal;

/** A network that adds 100 to the first value of each image, when it is let. */
function network() {
  const runs: { rows: number; signal: AbortSignal; outputs: readonly string[] | undefined }[] = [];
  const open: (() => void)[] = [];
  const run: Run = async ({ shape, data }, { outputs, signal }) => {
    runs.push({ rows: shape[0]!, signal, outputs });
    await new Promise<void>((resolve) => open.push(resolve));
    signal.throwIfAborted();
    if (data.some(Number.isNaN)) throw new ConvzooError("not-finite", "NaN");
    const size = data.length / shape[0]!;
    const first = Float32Array.from({ length: shape[0]! }, (_, i) => data[i * size]! + 100);
    return { [outputs?.[0] ?? OUTPUT]: { shape: [shape[0]!, 1], data: first } };
  };
  /** Lets the runs that there are go on, and those that this begins, until there are none. */
  const finish = async () => {
    for (let left = 3; left > 0; left--) {
      if (open.length > 0) left = 3;
      for (const resolve of open.splice(0)) resolve();
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  return { run, runs, finish };
}

const firsts = async (answer: Promise<Readonly<Record<string, Tensor>>>) => [...(await answer)[OUTPUT]!.data];

describe("inputs that wait", () => {
  test("run together, and each gets its own", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 4, maxDelayMs: 0 });
    const answers = [1, 2, 3, 4, 5, 6].map((i) => batcher.submit({ input: tensor(i), signal: never }));
    await finish();
    expect(await Promise.all(answers.map(firsts))).toEqual([[101], [102], [103], [104], [105], [106]]);
    // The first found nobody to run with, the next four did, and were not held up by it.
    expect(runs.map(({ rows }) => rows)).toEqual([1, 4, 1]);
  });

  test("count all their images", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 8, maxDelayMs: 0 });
    const answers = [3, 5, 4, 2, 9].map((rows) =>
      batcher.submit({ input: tensor(10 * rows, rows), signal: never }),
    );
    await finish();
    const all = await Promise.all(answers.map(firsts));
    expect(all[1]).toEqual([150, 151, 152, 153, 154]);
    expect(all[4]).toHaveLength(9);
    expect(runs.map(({ rows }) => rows)).toEqual([3, 7, 4, 9]);
  });

  test("of other sizes, for other outputs, or that want to be alone, run apart", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 8, maxDelayMs: 0 });
    const first = batcher.submit({ input: tensor(0), signal: never });
    const others = [
      batcher.submit({ input: tensor(1), signal: never }),
      batcher.submit({ input: tensor(2, 1, 3), signal: never }),
      batcher.submit({ input: tensor(3), signal: never, together: false }),
      batcher.submit({ input: tensor(4), signal: never, outputs: ["features.0"] }),
      batcher.submit({ input: tensor(5), signal: never }),
    ];
    await finish();
    await Promise.all([first, ...others]);
    expect(runs.map(({ rows }) => rows)).toEqual([1, 2, 1, 1, 1]);
    expect(await firsts(others[4]!)).toEqual([105]);
    expect((await others[3]!)["features.0"]!.data[0]).toBe(104);
  });

  test("wait for others no longer than they are told to", async () => {
    const { run, runs, finish } = network();
    const waits: number[] = [];
    const batcher = new Batcher({ run, maxBatch: 3, maxDelayMs: 40, onWait: (ms) => waits.push(ms) });
    const answers = [1, 2].map((i) => batcher.submit({ input: tensor(i), signal: never }));
    await finish();
    expect(runs).toEqual([]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(runs.map(({ rows }) => rows)).toEqual([2]);
    await finish();
    await Promise.all(answers);
    expect(waits.every((ms) => ms >= 39)).toBe(true);
    // A full batch does not wait.
    const full = [1, 2, 3].map((i) => batcher.submit({ input: tensor(i), signal: never }));
    expect(runs.map(({ rows }) => rows)).toEqual([2, 3]);
    await finish();
    await Promise.all(full);
  });
});

describe("an input that goes wrong", () => {
  test("does not take the others with it", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 3, maxDelayMs: 5 });
    const [good, bad, other] = [1, Number.NaN, 3].map((i) =>
      batcher.submit({ input: tensor(i), signal: never }),
    );
    const refused = expect(bad).rejects.toMatchObject({ code: "not-finite" });
    await finish();
    await refused;
    expect(await firsts(good!)).toEqual([101]);
    expect(await firsts(other!)).toEqual([103]);
    expect(runs.map(({ rows }) => rows)).toEqual([3, 1, 1, 1]);
  });

  test("and with it the core, takes all of its batch", async () => {
    const lost = new ConvzooError("poisoned", "lost");
    let runs = 0;
    const run = async () => {
      runs++;
      throw lost;
    };
    const batcher = new Batcher({ run, maxBatch: 2, maxDelayMs: 5 });
    const both = [1, 2].map((i) => batcher.submit({ input: tensor(i), signal: never }));
    expect(await Promise.allSettled(both)).toEqual([
      { status: "rejected", reason: lost },
      { status: "rejected", reason: lost },
    ]);
    expect(runs).toBe(1);
  });
});

test("where no more are to come, nobody waits for them", async () => {
  const { run, runs, finish } = network();
  const batcher = new Batcher({ run, maxBatch: 8, maxDelayMs: 1e6 });
  const answers = [1, 2].map((i) => batcher.submit({ input: tensor(i), signal: never }));
  await finish();
  expect(runs).toEqual([]);
  batcher.hurry();
  expect(runs.map(({ rows }) => rows)).toEqual([2]);
  const late = batcher.submit({ input: tensor(3), signal: never });
  await finish();
  expect(await Promise.all([...answers, late].map(firsts))).toEqual([[101], [102], [103]]);
});

describe("a client that goes away", () => {
  test("is not waited for, and what it asked for does not run", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 1, maxDelayMs: 0 });
    const gone = new AbortController();
    const running = [1, 2].map((i) => batcher.submit({ input: tensor(i), signal: never }));
    const waiting = batcher.submit({ input: tensor(3), signal: gone.signal });
    expect(batcher.waiting).toBe(1);
    gone.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    expect(batcher.waiting).toBe(0);
    await finish();
    await Promise.all(running);
    expect(runs).toHaveLength(2);
  });

  test("ends a run when all of its batch are gone", async () => {
    const { run, runs, finish } = network();
    const batcher = new Batcher({ run, maxBatch: 2, maxDelayMs: 5 });
    const [one, two] = [new AbortController(), new AbortController()];
    const both = [one, two].map(({ signal }, i) => batcher.submit({ input: tensor(i), signal }));
    const settled = Promise.allSettled(both);
    expect(runs).toHaveLength(1);
    one.abort(new Error("one"));
    expect(runs[0]!.signal.aborted).toBe(false);
    two.abort(new Error("two"));
    expect(runs[0]!.signal.aborted).toBe(true);
    await finish();
    expect((await settled).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const after = batcher.submit({ input: tensor(7), signal: never });
    await new Promise((resolve) => setTimeout(resolve, 10));
    await finish();
    expect(await firsts(after)).toEqual([107]);
  });
});
