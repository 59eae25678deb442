/** When a run lets messages in, between its parts. */
import { expect, test } from "vitest";
import type { Channel } from "../../src/backend/channel.js";
import { serve } from "../../src/backend/serve.js";

const TURNS = 5;

/** An engine whose runs have turns, behind a channel of which messages arrive only in pauses. */
function conversation({ shared }: { readonly shared: boolean }) {
  const aborts = shared ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
  const [waiting, replies]: [unknown[], unknown[]] = [[], []];
  let receive: (message: unknown) => void = () => {};
  let pauses = 0;
  let onTurn: (turn: number) => void = () => {};
  const deliver = () => waiting.splice(0).forEach((message) => void receive(message));
  const channel: Channel = {
    post: (message) => void replies.push(message),
    listen: (onMessage) => (receive = onMessage),
    hold: () => {},
    end: () => {},
  };
  const perform = async ({ call }: { readonly call: string }, turn: () => Promise<void>) => {
    for (let i = 0; call === "run" && i < TURNS; i++) {
      onTurn(i);
      await turn();
    }
    return call;
  };
  const pause = async () => {
    pauses++;
    deliver();
  };
  serve(channel, { perform, free: () => {} }, pause);
  const call = async (id: number, call: string) => {
    receive({ id, call, args: { aborts } });
    for (let i = 0; i < 100; i++) await Promise.resolve();
  };
  return {
    call,
    replies,
    pauses: () => pauses,
    /** Counts an abort of a call now, and sends it `late` turns afterwards. */
    abortAt(turn: number, id: number, late: number) {
      onTurn = (i) => {
        if (i === turn && aborts) Atomics.add(aborts, 0, 1);
        if (i === turn + late) waiting.push({ abort: id });
      };
    },
  };
}

test("with shared memory a run pauses only for an abort that is on its way", async () => {
  const { call, replies, pauses, abortAt } = conversation({ shared: true });
  await call(1, "start");
  await call(2, "run");
  expect(pauses()).toBe(0);
  abortAt(1, 3, 2);
  await call(3, "run");
  expect(pauses()).toBe(3);
  abortAt(-1, 0, 0);
  await call(4, "run");
  expect(pauses()).toBe(3);
  expect(replies).toEqual([1, 2, 4].map((id) => ({ id, result: id === 1 ? "start" : "run" })));
});

test("an abort of a call that waits does not end the one that runs", async () => {
  const { call, replies, abortAt } = conversation({ shared: true });
  await call(1, "start");
  abortAt(1, 3, 0);
  await call(2, "run");
  await call(3, "run");
  await call(4, "run");
  expect(replies.map((reply) => (reply as { id: number }).id)).toEqual([1, 2, 4]);
});

test("without it a run pauses at every turn", async () => {
  const { call, replies, pauses, abortAt } = conversation({ shared: false });
  await call(1, "start");
  await call(2, "run");
  expect(pauses()).toBe(TURNS);
  abortAt(2, 3, 0);
  await call(3, "run");
  expect(pauses()).toBe(TURNS + 3);
  expect(replies).toHaveLength(2);
});
