/** Memory that bodies take turns in: nobody gets what is still another's, and none is taken that is not counted. */
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readBody } from "../../src/serve/body.js";
import { Gate } from "../../src/serve/gate.js";
import { Refusal } from "../../src/serve/refusal.js";
import { Rooms } from "../../src/serve/rooms.js";

const gate = (all = 1e9) => new Gate(all, () => new Refusal(503, "busy", "full"));
const said = (length: number) => new Headers({ "content-length": String(length) });

function limits(rooms: Rooms, all = gate(), signal = new AbortController().signal) {
  return { most: 2 ** 20, all, signal, rooms };
}

async function* pieces(...sizes: readonly number[]) {
  let next = 0;
  for (const size of sizes) yield Uint8Array.from({ length: size }, () => next++);
}

const counted = (length: number) => Array.from({ length }, (_, i) => i % 256);

describe("a body of a known length", () => {
  test("comes whole, whatever its pieces, and takes no more than it is", async () => {
    for (const sizes of [[1000], [1, 999], [300, 300, 400], [64, 0, 64, 872]]) {
      const all = gate();
      const body = await readBody(pieces(...sizes), said(1000), limits(new Rooms(), all));
      expect([...body.bytes]).toEqual(counted(1000));
      expect(all.held).toBe(1000);
      body.release();
      body.release();
      expect(all.held).toBe(0);
    }
  });

  test("lies where numbers may, behind whatever JSON", async () => {
    for (let aligned = 0; aligned < 9; aligned++) {
      const { bytes } = await readBody(pieces(50, 50), said(100), { ...limits(new Rooms()), aligned });
      expect((bytes.byteOffset + aligned) % 4).toBe(0);
      expect([...bytes]).toEqual(counted(100));
    }
  });

  test("that sends more than it said comes whole too, and one that sends less", async () => {
    expect([...(await readBody(pieces(10, 90), said(20), limits(new Rooms()))).bytes]).toEqual(counted(100));
    expect([...(await readBody(pieces(10), said(500), limits(new Rooms()))).bytes]).toEqual(counted(10));
  });

  test("has memory for what came, not for what it promised", async () => {
    const all = gate();
    let go = () => {};
    async function* slow() {
      yield new Uint8Array(10);
      await new Promise<void>((resolve) => (go = resolve));
    }
    const reading = readBody(slow(), said(2 ** 20), limits(new Rooms(), all));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(all.held).toBe(40);
    go();
    (await reading).release();
    expect(all.held).toBe(0);
  });

  test("is refused where all bodies together are too many", async () => {
    const all = gate(1500);
    const one = await readBody(pieces(1000), said(1000), limits(new Rooms(), all));
    const other = readBody(pieces(1000), said(1000), limits(new Rooms(), all));
    await expect(other).rejects.toMatchObject({ status: 503 });
    expect(all.held).toBe(1000);
    one.release();
    expect(all.held).toBe(0);
  });

  test("leaves its memory to the next, once it is released", async () => {
    const rooms = new Rooms();
    const read = () => readBody(pieces(1000), said(1000), limits(rooms));
    const [a, b] = [await read(), await read()];
    expect(b.bytes.buffer).not.toBe(a.bytes.buffer);
    const { buffer } = a.bytes;
    a.release();
    a.release();
    const [c, d] = [await read(), await read()];
    expect(c.bytes.buffer).toBe(buffer);
    expect(d.bytes.buffer).not.toBe(buffer);
    expect([...b.bytes]).toEqual(counted(1000));
  });

  test("writes nothing more once its reading is given up", async () => {
    const rooms = new Rooms();
    const given = new AbortController();
    let go = () => {};
    async function* slow() {
      yield Uint8Array.of(1, 1);
      await new Promise<void>((resolve) => (go = resolve));
      yield Uint8Array.of(2, 2);
    }
    const all = gate();
    const reading = readBody(slow(), said(4), limits(rooms, all, given.signal));
    await new Promise((resolve) => setTimeout(resolve, 5));
    given.abort(new Refusal(504, "timed-out", "late"));
    await expect(reading).rejects.toMatchObject({ status: 504 });
    expect(all.held).toBe(0);
    const next = await readBody(pieces(4), said(4), limits(rooms));
    go();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([...next.bytes]).toEqual([0, 1, 2, 3]);
  });
});

test("a body of unknown length, or a compressed one, is nobody's turn", async () => {
  const rooms = new Rooms();
  const packed = new Uint8Array(gzipSync(Uint8Array.from(counted(100))));
  const one = async function* () {
    yield packed;
  };
  const gzip = new Headers({ "content-encoding": "gzip", "content-length": String(packed.length) });
  for (const body of [
    await readBody(pieces(60, 40), new Headers(), limits(rooms)),
    await readBody(one(), gzip, limits(rooms)),
  ]) {
    body.release();
    await readBody(pieces(100), said(100), limits(rooms));
    expect([...body.bytes]).toEqual(counted(100));
  }
});

test("so much is kept and no more", () => {
  const rooms = new Rooms();
  const given = Array.from({ length: 5 }, () => rooms.take(2 ** 24));
  for (const room of given) rooms.give(room);
  const again = Array.from({ length: 5 }, () => rooms.take(2 ** 24));
  expect(again.slice(0, 4)).toEqual(given.slice(1));
  expect(again.filter((room) => given.includes(room))).toHaveLength(4);
  rooms.give(rooms.take(1000));
  expect(rooms.take(799).byteLength).toBe(799);
  expect(rooms.take(801).byteLength).toBe(1000);
});
