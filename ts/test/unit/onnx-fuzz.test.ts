/** Damaged ONNX files: always a ConvzooError or a sound net, soon. CONVZOO_FUZZ=50000 tries as many; CONVZOO_SEED repeats. */
import { expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { readOnnx } from "../../src/onnx/index.js";
import { readOnnxWeights } from "../../src/onnx/weights.js";
import { stateShapes } from "../../src/state.js";
import { inMemory } from "../../src/weights/bytes.js";
import { onnxBytes, onnxCases } from "../onnx-cases.js";

const wanted = Number(process.env.CONVZOO_FUZZ ?? 0);
const seed = Number(process.env.CONVZOO_SEED ?? Date.now() % 2 ** 31);

/** Numbers from 0 up to `below`: xorshift. */
function random(start: number): (below: number) => number {
  let state = start | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const files = onnxCases.map(({ name }) => onnxBytes(name));

/** Bits turned, bytes replaced by telling ones, pieces cut out, doubled, or taken from another file. */
function damaged(next: (below: number) => number): Uint8Array {
  let bytes = new Uint8Array(files[next(files.length)]!);
  for (let times = 1 + next(4); times > 0 && bytes.length > 0; times--) {
    const at = next(bytes.length);
    const length = 1 + next(Math.min(64, bytes.length - at));
    switch (next(6)) {
      case 0:
        bytes[at]! ^= 1 << next(8);
        break;
      case 1:
        bytes[at] = [0, 1, 0x7f, 0x80, 0xff][next(5)]!;
        break;
      case 2:
        bytes = bytes.slice(0, at);
        break;
      case 3:
        bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
        break;
      case 4:
        bytes = new Uint8Array([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
        break;
      default: {
        const other = files[next(files.length)]!;
        const from = next(other.length);
        bytes.set(other.subarray(from, from + length).subarray(0, bytes.length - at), at);
      }
    }
  }
  return bytes;
}

async function check(bytes: Uint8Array): Promise<"read" | "refused"> {
  const source = inMemory(bytes, "damaged.onnx");
  try {
    for (const stored of (await readOnnxWeights(source)).values()) await stored.read();
    const { net, weights } = await readOnnx(source);
    for (const [key, { shape }] of stateShapes(net)) {
      const weight = weights.get(key);
      expect(weight?.shape, key).toEqual(shape);
      expect(weight?.data.length, key).toBe(shape.reduce((a, b) => a * b, 1));
    }
    return "read";
  } catch (error) {
    if (error instanceof ConvzooError && error.message.length > 20) return "refused";
    throw error;
  }
}

test("files that were damaged at random", { timeout: 3_600_000 }, async () => {
  const next = random(seed);
  const counts = { read: 0, refused: 0 };
  const end = performance.now() + 8_000;
  const heap = process.memoryUsage().rss;
  for (let i = 0; wanted > 0 ? i < wanted : performance.now() < end; i++) {
    const bytes = damaged(next);
    const start = performance.now();
    const where = `CONVZOO_SEED=${seed}, file ${i}`;
    const result = await check(bytes).catch((cause) => {
      throw new Error(where, { cause });
    });
    counts[result]++;
    expect(performance.now() - start, where).toBeLessThan(1000);
  }
  // Both must occur often, or the damage is too small or too great to tell anything.
  expect(counts.read).toBeGreaterThan(10);
  expect(counts.refused).toBeGreaterThan(10);
  expect(process.memoryUsage().rss - heap).toBeLessThan(512 * 2 ** 20);
});
