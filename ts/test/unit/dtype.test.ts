import { describe, expect, test } from "vitest";
import {
  elementCount,
  firstNotFinite,
  toFloat32,
  viewAs,
  type WeightTensor,
} from "../../src/weights/dtype.js";

/** Every 16-bit pattern. */
const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** What a binary float with these field widths means, by IEEE 754's definition. */
function meaning(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fractionBits;
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe("toFloat32", () => {
  test.each([
    ["f16", 5, 10],
    ["bf16", 8, 7],
  ] as const)("%s: all 65,536 patterns", (dtype, exponentBits, fractionBits) => {
    const floats = toFloat32({ dtype, shape: [65536], data: all });
    const wrong = [...all].filter(
      (bits) => !Object.is(floats[bits], meaning(bits, exponentBits, fractionBits)),
    );
    expect(wrong).toEqual([]);
  });

  test("f32 is not copied", () => {
    const data = new Float32Array([1, NaN, -0]);
    expect(toFloat32({ dtype: "f32", shape: [3], data })).toBe(data);
  });

  test("f64 is rounded to nearest, ties to even", () => {
    const data = new Float64Array([
      1 + 2 ** -24,
      1 + 3 * 2 ** -24,
      1 + 2 ** -24 + 2 ** -50,
      2 ** -150,
      1e39,
      -0,
    ]);
    const want = new Float32Array([1, 1 + 2 ** -22, 1 + 2 ** -23, 0, Infinity, -0]);
    expect(toFloat32({ dtype: "f64", shape: [6], data })).toEqual(want);
  });

  test("integers of every width", () => {
    const tensors: WeightTensor[] = [
      { dtype: "i8", shape: [2], data: new Int8Array([-128, 127]) },
      { dtype: "u8", shape: [2], data: new Uint8Array([0, 255]) },
      { dtype: "bool", shape: [2], data: new Uint8Array([0, 1]) },
      { dtype: "i16", shape: [2], data: new Int16Array([-32768, 32767]) },
      { dtype: "u16", shape: [2], data: new Uint16Array([0, 65535]) },
      { dtype: "i32", shape: [2], data: new Int32Array([-(2 ** 31), 2 ** 24 + 1]) },
      { dtype: "u32", shape: [2], data: new Uint32Array([0, 2 ** 32 - 1]) },
      { dtype: "i64", shape: [2], data: new BigInt64Array([-5n, 2n ** 24n + 1n]) },
    ];
    expect(tensors.map((tensor) => [...toFloat32(tensor)])).toEqual([
      [-128, 127],
      [0, 255],
      [0, 1],
      [-32768, 32767],
      [0, 65535],
      [-(2 ** 31), 2 ** 24],
      [0, 2 ** 32],
      [-5, 2 ** 24],
    ]);
  });

  test("64-bit integers are rounded once, not by way of float64", () => {
    // Just over, on and just under the middle of two float32; float64 cannot tell the three apart.
    const middle = 2n ** 60n + 2n ** 36n;
    const data = new BigInt64Array([middle + 1n, middle, middle - 1n, -middle - 1n, -middle, -middle + 1n]);
    const [low, high] = [2 ** 60, 2 ** 60 + 2 ** 37];
    expect([...toFloat32({ dtype: "i64", shape: [6], data })]).toEqual([high, low, low, -high, -low, -low]);
    const top = new BigUint64Array([2n ** 64n - 1n]);
    expect([...toFloat32({ dtype: "u64", shape: [1], data: top })]).toEqual([2 ** 64]);
  });
});

test("firstNotFinite finds what float32 cannot hold", () => {
  const f32 = (...values: number[]) =>
    firstNotFinite({ dtype: "f32", shape: [], data: new Float32Array(values) });
  const f64 = (...values: number[]) =>
    firstNotFinite({ dtype: "f64", shape: [], data: new Float64Array(values) });
  const half = (dtype: "f16" | "bf16", ...values: number[]) =>
    firstNotFinite({ dtype, shape: [], data: new Uint16Array(values) });
  expect([f32(1, 2), f32(1, NaN), f32(-Infinity, NaN), f32(0, 3.4e38), f32()]).toEqual([-1, 1, 0, -1, -1]);
  expect([f64(1, 2), f64(0, 0, Infinity), f64(1e39), f64(3.4028235e38)]).toEqual([-1, 2, 0, -1]);
  expect([half("f16", 0x7bff, 0xfbff), half("f16", 0, 0x7c00), half("f16", 0xfe01)]).toEqual([-1, 1, 0]);
  expect([half("bf16", 0x7f7f, 0x7c00), half("bf16", 0, 0x7f80), half("bf16", 0xffff)]).toEqual([-1, 1, 0]);
  expect(firstNotFinite({ dtype: "u8", shape: [1], data: new Uint8Array([255]) })).toBe(-1);
});

test("elementCount", () => {
  expect([[], [2, 3], [0, 5]].map(elementCount)).toEqual([1, 6, 0]);
  expect([[-1], [1.5], [2 ** 30, 2 ** 30], [2 ** 40, 2 ** 40, 0]].map(elementCount)).toEqual([
    NaN,
    NaN,
    NaN,
    NaN,
  ]);
});

test("viewAs copies what lies off an element boundary, of Node's Buffer too", () => {
  const bytes = new Uint8Array([0, 0, 0, 0x80, 0x3f, 0, 0, 0]);
  for (const given of [bytes, Buffer.from(bytes)])
    expect(viewAs("f32", [1], given.subarray(1, 5)).data).toEqual(new Float32Array([1]));
});
