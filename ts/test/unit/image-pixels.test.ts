import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { type RawPixels, toPixels } from "../../src/image/pixels.js";

const image = (data: unknown, width: unknown = 2, height: unknown = 1) =>
  ({ width, height, data }) as RawPixels;

describe("toPixels", () => {
  test("takes RGB as it is, without a copy", () => {
    const data = Uint8Array.of(1, 2, 3, 4, 5, 6);
    const pixels = toPixels(image(data));
    expect(pixels).toEqual({ width: 2, height: 1, data });
    expect(pixels.data.buffer).toBe(data.buffer);
  });

  test("drops alpha, whatever it is", () => {
    const rgba = Uint8ClampedArray.of(1, 2, 3, 0, 4, 5, 6, 255);
    expect(toPixels(image(rgba))).toEqual({ width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  });

  test("repeats gray, and makes gray and RGBA as Pillow does", () => {
    const gray = image(Uint8Array.of(7, 9));
    expect(toPixels(gray).data).toEqual(Uint8Array.of(7, 7, 7, 9, 9, 9));
    expect(toPixels(gray, "RGBA").data).toEqual(Uint8Array.of(7, 7, 7, 255, 9, 9, 9, 255));
    expect(toPixels(gray, "L").data.buffer).toBe(gray.data.buffer);
    const rgb = image(Uint8Array.of(255, 0, 0, 1, 200, 3));
    expect(toPixels(rgb, "L").data).toEqual(Uint8Array.of(76, 118));
    expect(toPixels(rgb, "RGBA").data).toEqual(Uint8Array.of(255, 0, 0, 255, 1, 200, 3, 255));
    expect(toPixels(image(Uint8Array.of(255, 0, 0, 9, 1, 200, 3, 9)), "L").data).toEqual(
      Uint8Array.of(76, 118),
    );
  });

  test("drops alpha four pixels at a time, wherever they lie", () => {
    for (const count of [1, 3, 4, 7, 8, 13]) {
      for (const start of [0, 1, 4]) {
        const rgba = Uint8Array.from({ length: start + 4 * count }, (_, i) => i * 37).subarray(start);
        const want = rgba.filter((_, i) => i % 4 < 3);
        expect(toPixels(image(rgba, count, 1)).data, `${count} from ${start}`).toEqual(want);
      }
    }
  });

  test("takes part of a buffer, a Buffer, and an array of another realm", () => {
    const want = Uint8Array.of(1, 2, 3, 4, 5, 6);
    expect(toPixels(image(Uint8Array.of(9, 1, 2, 3, 4, 5, 6, 9).subarray(1, 7))).data).toEqual(want);
    expect(toPixels(image(Buffer.from([1, 2, 3, 4, 5, 6]))).data).toEqual(want);
    expect(toPixels(image(runInNewContext("new Uint8ClampedArray([1, 2, 3, 4, 5, 6])"))).data).toEqual(want);
  });

  test.each<[unknown, RegExp]>([
    [null, /an object \{ width, height, data \}/],
    ["image.jpg", /an object \{ width, height, data \}/],
    [image(new Uint8Array(5)), /2 x 1 pixels has 6 bytes as RGB, 8 as RGBA or 2 as gray, but data has 5/],
    [image(new Uint8Array(0), 0, 0), /0 x 0 pixels; both must be whole and at least 1/],
    [image(new Uint8Array(6), 2, 1.5), /2 x 1.5 pixels/],
    [image(new Uint8Array(6), -2, -1), /-2 x -1 pixels/],
    [image(new Uint8Array(6), Number.NaN, 1), /NaN x 1 pixels/],
    [image(new Uint8Array(6), "2", 1), /both must be whole/],
    [image(new Uint8Array(6), 65_536, 1), /at most 65535 a side/],
    [image(new Uint8Array(6), 60_000, 60_000), /at most 65535 a side and 178956970 in all/],
    [image(new Float32Array(6)), /not Float32Array.*by 255/],
    [image(new Float64Array(6)), /not Float64Array.*by 255/],
    [image(new Uint16Array(6)), /not Uint16Array/],
    [image([1, 2, 3, 4, 5, 6]), /not Array.*Uint8ClampedArray\.from/],
    [image(undefined), /not Undefined/],
  ])("refuses %j", (wrong, reason) => {
    expect(() => toPixels(wrong as RawPixels)).toThrow(expect.objectContaining({ code: "bad-image" }));
    expect(() => toPixels(wrong as RawPixels)).toThrow(reason);
  });
});
