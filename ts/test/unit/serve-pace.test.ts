/** What is refused for want of room, however often it is asked for, takes nothing from what is served. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Source } from "../../src/serve/body.js";
import { Pace } from "../../src/serve/pace.js";
import { fakeServer } from "../serve.js";

// Time passes when a test says so: what is counted is work, not milliseconds.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => void vi.useRealTimers());

/** Until all has happened that can without time. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settled();
}

describe("turns", () => {
  const never = new AbortController().signal;

  test("come in the order of asking, so many in a time", async () => {
    const pace = new Pace(2, 50);
    const had: number[] = [];
    for (let i = 0; i < 7; i++) void pace.turn(never).then(() => had.push(i));
    await settled();
    expect([had, pace.waiting]).toEqual([[0, 1], 5]);
    await pass(49);
    expect(had).toEqual([0, 1]);
    await pass(1);
    expect(had).toEqual([0, 1, 2, 3]);
    await pass(100);
    expect(had).toEqual([0, 1, 2, 3, 4, 5, 6]);
    // Nothing that was not asked for is saved up, nor does a timer go on that nobody needs.
    await pass(1000);
    expect(vi.getTimerCount()).toBe(0);
    for (let i = 7; i < 12; i++) void pace.turn(never).then(() => had.push(i));
    await settled();
    expect(had).toHaveLength(9);
  });

  test("are not for those who are gone, and end with the waiting", async () => {
    const pace = new Pace(1, 50);
    const had: number[] = [];
    const gone = new AbortController();
    for (let i = 0; i < 5; i++) void pace.turn(i === 1 ? gone.signal : never).then(() => had.push(i));
    await settled();
    gone.abort();
    await settled();
    expect([had, pace.waiting]).toEqual([[0, 1], 3]);
    await pace.turn(gone.signal);
    await pass(50);
    expect(had).toEqual([0, 1, 2]);
    pace.end();
    await settled();
    expect([had, pace.waiting]).toEqual([[0, 1, 2, 3, 4], 0]);
    for (let i = 0; i < 100; i++) await pace.turn(never);
  });
});

describe("a server that is full", () => {
  const full = async () => {
    const made = await fakeServer("models: [{ name: digits, model: lenet5, queue: 3 }]");
    let open = () => {};
    made.models[0]!.gate = new Promise((resolve) => (open = resolve));
    const picture = (first: number) => made.post("/classify", Uint8Array.of(1, first));
    const accepted = [1, 2, 3].map(picture);
    await settled();
    expect(made.server.requests.held).toBe(3);
    return { ...made, accepted, open: () => open() };
  };

  test("refuses a hundred a second, reads nothing of them, and serves on", async () => {
    const { fetch, server, accepted, open, lines } = await full();
    const counted = { asked: 0, refused: 0, read: 0 };
    const incoming: Source = {
      async *[Symbol.asyncIterator]() {
        counted.read++;
        yield Uint8Array.of(1, 1);
      },
    };
    let stop = false;
    const client = async () => {
      while (!stop) {
        counted.asked++;
        const response = await fetch("/classify", { method: "POST", body: "" }, { incoming });
        expect(response.status).toBe(503);
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
        counted.refused++;
      }
    };
    const clients = Array.from({ length: 250 }, client);
    await settled();
    // Each asks once, and again where it was answered.
    expect(counted).toEqual({ asked: 255, refused: 5, read: 0 });
    for (let second = 1; second <= 3; second++) {
      for (let i = 0; i < 20; i++) await pass(50);
      const refused = 5 + 100 * second;
      expect(counted).toEqual({ asked: 250 + refused, refused, read: 0 });
      expect(lines.filter(({ status }) => status === 503)).toHaveLength(refused);
    }
    expect(server.refusals.waiting).toBe(250);
    // Who was accepted does not wait for those who were not, nor do questions about the server's health.
    expect((await fetch("/v2/health/ready")).status).toBe(200);
    stop = true;
    open();
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(counted.refused).toBe(305);
    for (let i = 0; i < 50; i++) await pass(50);
    await Promise.all(clients);
    expect(counted).toEqual({ asked: 555, refused: 555, read: 0 });
  });

  test("keeps nobody who is gone, and nobody when it stops", async () => {
    const { post, server, stop, lines } = await full();
    const gone = new AbortController();
    const asked = Array.from({ length: 20 }, (_, i) =>
      post("/classify", "", {}, i < 10 ? { signal: gone.signal } : {}),
    );
    await settled();
    expect(server.refusals.waiting).toBe(15);
    gone.abort();
    await settled();
    expect(server.refusals.waiting).toBe(10);
    stop();
    const answers = await Promise.all(asked);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(answers.slice(10).map(({ headers }) => headers.get("connection"))).toEqual(
      Array(10).fill("close"),
    );
    expect(lines.filter(({ status }) => status === 503)).toHaveLength(20);
  });
});
