/**
 * Damaged image files: each is decoded or refused with a ConvzooError, in time and within memory. `CONVZOO_FUZZ` says how many
 * (npm test: some), `CONVZOO_SEED` repeats a run.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { decodeBytes } from "../../src/image/decode.js";
import { CHANNELS } from "../../src/image/pixels.js";

const require = createRequire(import.meta.url);
const moduleOf = (path: string) => new WebAssembly.Module(readFileSync(require.resolve(path)));
const compiled = {
  mozjpeg_dec: moduleOf("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"),
  squoosh_png: moduleOf("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"),
  webp_dec: moduleOf("@jsquash/webp/codec/dec/webp_dec.wasm"),
};

const { cases } = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/decode_cases.json", import.meta.url), "utf8"),
) as { cases: readonly { name: string; base64: string }[] };
const files = cases.map(({ name, base64 }) => ({ name, bytes: Buffer.from(base64, "base64") }));

const count = Number(process.env.CONVZOO_FUZZ ?? 1500);
const seed = Number(process.env.CONVZOO_SEED ?? Math.floor(Math.random() * 2 ** 32));
const MAX_PIXELS = 2 ** 22;
/** What a decoder may hold beside what the process held before: its own memory, what it gave, and what awaits collection. */
const MAX_MIB = 256;

let state = seed;
function random(below: number): number {
  state = (state + 0x9e3779b9) | 0;
  let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return Math.floor((((z ^ (z >>> 16)) >>> 0) / 2 ** 32) * below);
}
const among = <T>(items: readonly T[]): T => items[random(items.length)]!;

/** Each changes a file in a way of its own. */
const mutations: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => {
    for (let i = 0; i <= random(8); i++) bytes[random(bytes.length)] = random(256);
    return bytes;
  },
  (bytes) => {
    const at = random(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random(8));
    return bytes;
  },
  (bytes) => bytes.subarray(0, random(bytes.length)),
  // A number at the edge of what fits, where a size or a length may be.
  (bytes) => {
    const value = among([0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 4096, 60_000]);
    const at = random(Math.min(bytes.length, 200) - 4);
    if (random(2)) bytes.writeUInt32BE(value, at);
    else bytes.writeUInt32LE(value, at);
    return bytes;
  },
  (bytes) => {
    const [a, b] = [random(bytes.length), random(bytes.length)].sort((x, y) => x - y) as [number, number];
    return among([
      () => Buffer.concat([bytes.subarray(0, a), bytes.subarray(b)]),
      () => Buffer.concat([bytes.subarray(0, b), bytes.subarray(a)]),
    ])();
  },
  (bytes) => {
    const { bytes: other } = among(files);
    return Buffer.concat([bytes.subarray(0, random(bytes.length)), other.subarray(random(other.length))]);
  },
];

/** A PNG's checksums made right again, without which hardly any damage would get past them. */
function withChecksums(bytes: Buffer): Buffer {
  if (bytes.length < 8 || bytes[0] !== 0x89) return bytes;
  for (let at = 8; at + 12 <= bytes.length; ) {
    const end = at + 8 + bytes.readUInt32BE(at);
    if (end + 4 > bytes.length) break;
    bytes.writeUInt32BE(crc32(bytes.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return bytes;
}

test(`${count} damaged files, from seed ${seed}`, { timeout: 30_000 + 50 * count }, async () => {
  const outcomes = { decoded: 0, refused: 0 };
  let slowest = 0;
  let largest = 0;
  const before = process.memoryUsage.rss();
  for (let i = 0; i < count; i++) {
    const { name, bytes } = among(files);
    let wrong: Buffer = Buffer.from(bytes);
    for (let times = random(3); times >= 0 && wrong.length > 8; times--) wrong = among(mutations)(wrong);
    if (random(4) > 0) wrong = withChecksums(Buffer.from(wrong));
    const mode = among(["L", "RGB", "RGBA"] as const);
    const about = `input ${i} of seed ${seed}, from ${name}`;
    const start = performance.now();
    const call = decodeBytes(
      wrong,
      { wasm: async (codec) => compiled[codec] },
      { mode, maxPixels: MAX_PIXELS, orientation: random(2) === 1 },
    );
    await call.then(
      ({ width, height, data }) => {
        expect(data.length, about).toBe(width * height * CHANNELS[mode]);
        expect(width * height, about).toBeLessThanOrEqual(MAX_PIXELS);
        outcomes.decoded++;
      },
      (error: unknown) => {
        expect(error, `${about}: ${error instanceof Error ? error.stack : error}`).toBeInstanceOf(
          ConvzooError,
        );
        expect(["bad-image", "too-large"], about).toContain((error as ConvzooError).code);
        outcomes.refused++;
      },
    );
    const ms = performance.now() - start;
    expect(ms, about).toBeLessThan(1000);
    slowest = Math.max(slowest, ms);
    largest = Math.max(largest, (process.memoryUsage.rss() - before) / 2 ** 20);
    expect(largest, about).toBeLessThan(MAX_MIB);
  }
  if (process.env.CONVZOO_FUZZ) {
    const extremes = `slowest ${slowest.toFixed()} ms, ${largest.toFixed()} MiB at most`;
    console.log(`seed ${seed}: ${outcomes.decoded} decoded, ${outcomes.refused} refused; ${extremes}`);
  }
  expect(Math.min(outcomes.decoded, outcomes.refused)).toBeGreaterThan(count / 20);
});
