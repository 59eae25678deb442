import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { interpolate } from "../../src/image/interpolate.js";

interface Case {
  readonly shape: [number, number, number];
  readonly to: [number, number];
  readonly filter: string;
  readonly antialias: boolean;
  readonly base64: string;
}

/** Written by scripts/make_interpolate_cases.py with torchvision. */
const { cases } = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/interpolate_cases.json", import.meta.url), "utf8"),
) as { cases: readonly Case[] };

/** The cases' input: see scripts/make_interpolate_cases.py. */
function noise(length: number): Float32Array {
  let base = 0x811c9dc5;
  for (const c of "resize") base = Math.imul(base ^ c.charCodeAt(0), 0x01000193);
  base = (base + 0x9e3779b9) | 0;
  return Float32Array.from({ length }, (_, i) => {
    let x = (base + Math.imul(i, 0x85ebca77)) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 24) / 128 - 1;
  });
}

const titled = cases.map((one) => ({ ...one, title: JSON.stringify({ ...one, base64: undefined }) }));

describe("tensors are resized as torchvision does", () => {
  test.each(titled)("$title", ({ shape, to: [height, width], filter, antialias, base64 }) => {
    const data = noise(shape.reduce((a, b) => a * b, 1));
    const { shape: made, data: got } = interpolate({ shape, data }, { width, height, filter, antialias });
    expect(made).toEqual([shape[0], height, width]);
    const want = new Float32Array(Uint8Array.from(Buffer.from(base64, "base64")).buffer);
    expect(got.length).toBe(want.length);
    // PyTorch computes places and weights in single precision: a place up to 64 is known to 2^-18, and between neighbours a
    // number changes by 2 at most, in a cubic by less than twice that.
    const most = got.reduce((most, value, i) => Math.max(most, Math.abs(value - want[i]!)), 0);
    expect(most).toBeLessThanOrEqual(filter === "nearest" ? 0 : 4 * 2 ** -18);
  });

  test("there are cases", () => expect(cases.length).toBe(84));
});

test("tensors of any rank keep their other sides", () => {
  const data = noise(2 * 3 * 4 * 5);
  const to = { width: 3, height: 2, filter: "bilinear", antialias: true };
  const { shape, data: got } = interpolate({ shape: [2, 3, 4, 5], data }, to);
  expect(shape).toEqual([2, 3, 2, 3]);
  expect(got).toEqual(interpolate({ shape: [6, 4, 5], data }, to).data);
  expect(interpolate({ shape: [4, 5], data: data.slice(0, 20) }, to).data).toEqual(got.slice(0, 6));
});

test.each([
  [{ shape: [4], data: new Float32Array(4) }, {}, "bad-shape"],
  [{ shape: [2, 3], data: new Float32Array(5) }, {}, "bad-shape"],
  [{ shape: [2, 2], data: [1, 2, 3, 4] }, {}, "bad-shape"],
  [{ shape: [0, 2], data: new Float32Array(0) }, {}, "bad-shape"],
  [{ shape: [2, 2], data: new Float32Array(4) }, { filter: "lanczos" }, "bad-option"],
  [{ shape: [2, 2], data: new Float32Array(4) }, { width: 0 }, "bad-option"],
  [{ shape: [2, 2], data: new Float32Array(4) }, { height: 1.5 }, "bad-option"],
  [{ shape: [2, 2], data: new Float32Array(4) }, { width: 65_000, height: 65_000 }, "too-large"],
])("refuses %j", (tensor, options, code) => {
  const all = { width: 2, height: 2, filter: "bilinear", antialias: true, ...options };
  const call = () => interpolate(tensor as never, all);
  expect(call).toThrow(ConvzooError);
  expect(call).toThrow(expect.objectContaining({ code }));
});
