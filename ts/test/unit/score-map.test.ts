/** Score maps: where cells lie, what is between them, how scales are merged, what is painted. */
import { describe, expect, test } from "vitest";
import { palette } from "../../src/dense/colour.js";
import type { Grid, GridAxis } from "../../src/dense/grid.js";
import { merge, sizesOf } from "../../src/dense/scales.js";
import { ScoreMap } from "../../src/dense/score-map.js";

/** A map of an image of 64 pixels a cell row: cells 16 apart, the first centred at 24. */
const axis = (count: number, more: Partial<GridAxis> = {}): GridAxis => ({
  count,
  step: 16,
  centre: 24,
  field: 40,
  window: 32,
  extent: 16 * count + 32,
  ...more,
});
const grid = (h: number, w: number): Grid => ({ rows: axis(h), columns: axis(w) });

/** Of one class, a number a cell. */
function single(numbers: readonly (readonly number[])[], labels?: readonly string[]): ScoreMap {
  const [h, w] = [numbers.length, numbers[0]!.length];
  const scores = { shape: [1, h, w], data: Float32Array.from(numbers.flat()) };
  return new ScoreMap({ scores, grid: grid(h, w), classes: [3], labels });
}

const refusal = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe("classes", () => {
  const labels = ["crane", "dog", "crane", "cat"];

  test("are named by label or index, whatever their place in the map", () => {
    const scores = { shape: [2, 1, 2], data: Float32Array.of(1, 2, 3, 5) };
    const map = new ScoreMap({ scores, grid: grid(1, 2), classes: [3, 1], labels });
    expect(map.at("cat")).toEqual({ shape: [1, 2], data: Float32Array.of(1, 2) });
    expect(map.at(1)).toEqual(map.at("dog"));
    expect(map.label(3)).toBe("cat");
    expect([...map.mean()]).toEqual([1.5, 4]);
    expect([...map.max()]).toEqual([2, 5]);
    expect(map.maps).toEqual([map]);
  });

  test.each([
    ["cta", /no class "cta"; the nearest is "cat"/],
    ["crane", /Classes 0 and 2 are both called "crane"; use an index/],
    [0, /class 0: it was not among the classes asked for/],
    [-1, /class -1/],
  ])("that the map does not have: %j", (label, message) => {
    const map = single([[1]], labels);
    expect(refusal(() => map.at(label))).toMatchObject({
      name: "ConvzooError",
      code: "unknown-class",
      message: expect.stringMatching(message),
    });
  });

  test("without names", () => {
    expect(single([[1]]).label(3)).toBe("class 3");
    expect(refusal(() => single([[1]]).at("cat"))).toMatchObject({
      message: expect.stringMatching(/have no names/),
    });
  });
});

describe("places", () => {
  test("a cell's box is what it sees, cut at the image's edges", () => {
    const map = single([
      [0, 0, 0],
      [0, 0, 0],
    ]);
    expect(map.stride).toBe(16);
    expect(map.box(0, 0)).toEqual({ x: 4, y: 4, width: 40, height: 40 });
    expect(map.box(1, 2)).toEqual({ x: 36, y: 20, width: 40, height: 40 });
    const near = new ScoreMap({
      scores: { shape: [1, 1, 1], data: Float32Array.of(1) },
      grid: { rows: axis(1, { field: 60 }), columns: axis(1, { field: Number.POSITIVE_INFINITY }) },
      classes: [0],
    });
    expect(near.box(0, 0)).toEqual({ x: 0, y: 0, width: 48, height: 48 });
    for (const [i, j] of [
      [2, 0],
      [0, 3],
      [-1, 0],
      [0.5, 0],
    ] as const)
      expect(refusal(() => map.box(i, j))).toMatchObject({ code: "bad-option" });
  });

  test("between centres the map is bilinear, beyond them flat", () => {
    // A plane, which bilinear interpolation gives exactly.
    const plane = (y: number, x: number) => 2 * y - 3 * x + 5;
    const centres = (count: number) => Array.from({ length: count }, (_, k) => 24 + 16 * k);
    const map = single(centres(5).map((y) => centres(4).map((x) => plane(y, x))));
    const [height, width] = [5 * 16 + 32, 4 * 16 + 32];
    const { shape, data } = map.upsample(3, width, height);
    expect(shape).toEqual([height, width]);
    const clamp = (place: number, count: number) => Math.min(24 + 16 * (count - 1), Math.max(24, place));
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        expect(data[y * width + x]).toBeCloseTo(plane(clamp(y + 0.5, 5), clamp(x + 0.5, 4)), 4);
      }
    }
    expect(refusal(() => map.upsample(3, 0, 4))).toMatchObject({ code: "bad-option" });
  });

  test("one row or column is enough", () => {
    expect([...single([[4]]).upsample(3, 3, 2).data]).toEqual([4, 4, 4, 4, 4, 4]);
  });
});

describe("scales", () => {
  test("OverFeat's six, the longer side along the image's", () => {
    const wide = sizesOf({ width: 40, height: 30 }, "overfeat");
    expect(wide.map(({ width, height }) => `${height}x${width}`)).toEqual([
      ...["245x245", "281x317", "317x389", "389x461", "425x497", "461x569"],
    ]);
    const high = sizesOf({ width: 30, height: 40 }, "overfeat");
    expect(high).toEqual(wide.map(({ width, height }) => ({ width: height, height: width })));
  });

  test("factors are of both sides, rounded", () => {
    expect(sizesOf({ width: 101, height: 7 }, [1, 0.5, 0.01])).toEqual([
      { width: 101, height: 7 },
      { width: 51, height: 4 },
      { width: 1, height: 1 },
    ]);
    for (const scales of [[], [0], [-1], [Number.NaN], "six", 2, null])
      expect(refusal(() => sizesOf({ width: 9, height: 9 }, scales as never))).toMatchObject({
        code: "bad-option",
      });
    expect(refusal(() => sizesOf({ width: 9000, height: 9 }, [8]))).toMatchObject({ code: "too-large" });
  });

  test("maps are averaged on the finest grid, where each cell sees what it sees at every scale", () => {
    const coarse: Grid = {
      rows: axis(2, { step: 32, centre: 24, field: 80 }),
      columns: axis(1, { extent: 48 }),
    };
    const fine: Grid = { rows: axis(3), columns: axis(1) };
    const placed = [
      { scores: { shape: [1, 2, 1], data: Float32Array.of(0, 8) }, grid: coarse },
      { scores: { shape: [1, 3, 1], data: Float32Array.of(1, 2, 6) }, grid: fine },
    ];
    const merged = merge(placed);
    expect(merged.grid).toBe(fine);
    expect([...merged.scores.data]).toEqual([(0 + 1) / 2, (4 + 2) / 2, (8 + 6) / 2]);
    const maps = placed.map((one) => new ScoreMap({ ...one, classes: [0] }));
    const map = new ScoreMap({ ...merged, classes: [0], maps });
    // OverFeat's rule: the greatest of each scale, averaged.
    expect([...map.max()]).toEqual([(8 + 6) / 2]);
    expect([...map.mean()]).toEqual([Math.fround((0.5 + 3 + 7) / 3)]);
    // The middle cell lies between two of the coarse map: from 24 - 40 (the edge: 0) to 56 + 40, cut at the coarse axis's 64.
    expect(map.box(1, 0)).toMatchObject({ y: 0, height: 64 });
    expect(map.maps[1]!.box(1, 0)).toMatchObject({ y: 20, height: 40 });
  });
});

describe("peaks", () => {
  const map = single([
    [9, 8, 0, 0, 0],
    [7, 0, 0, 0, 0],
    [0, 0, 0, 0, 6],
    [0, 0, 0, 5, 0],
  ]);

  test("the highest of those that overlap, in order", () => {
    const peaks = map.peaks(3, { threshold: 1, nms: 0 });
    expect(peaks.map(({ score, i, j }) => [score, i, j])).toEqual([
      [9, 0, 0],
      [6, 2, 4],
    ]);
    expect(peaks[1]).toMatchObject({ x: 88, y: 56, box: { x: 72, y: 40, width: 32, height: 32 } });
    expect(map.peaks(3, { threshold: 1, nms: 1 })).toHaveLength(5);
    // Windows of 32 that are 16 apart share a third: half of each.
    expect(map.peaks(3, { threshold: 1, nms: 0.32 }).map(({ score }) => score)).toEqual([9, 6, 5]);
    expect(map.peaks(3, { threshold: 1, nms: 0.34 }).map(({ score }) => score)).toEqual([9, 8, 7, 6, 5]);
  });

  test("by default those above the middle of the range", () => {
    expect(map.peaks(3, { nms: 1 }).map(({ score }) => score)).toEqual([9, 8, 7, 6, 5]);
    expect(single([[4, 4]]).peaks(3, { nms: 1 })).toHaveLength(2);
    expect(map.peaks(3, { threshold: 10 })).toEqual([]);
    for (const options of [{ threshold: Number.NaN }, { nms: -0.1 }, { nms: 1.1 }])
      expect(refusal(() => map.peaks(3, options))).toMatchObject({ code: "bad-option" });
  });
});

describe("pictures", () => {
  const map = single([
    [0, 1],
    [2, 4],
  ]);
  const pixel = (data: Uint8ClampedArray, k: number) => [...data.subarray(4 * k, 4 * k + 4)];

  test("the colour maps begin and end as matplotlib's and Google's do", () => {
    const ends = (name: Parameters<typeof palette>[0]) => {
      const colours = palette(name);
      return [colours.length, [...colours.subarray(0, 3)], [...colours.subarray(-3)]];
    };
    expect(ends("viridis")).toEqual([768, [0x44, 0x01, 0x54], [0xfd, 0xe7, 0x25]]);
    expect(ends("magma")).toEqual([768, [0, 0, 4], [0xfc, 0xfd, 0xbf]]);
    expect(ends("turbo")).toEqual([768, [35, 23, 27], [144, 12, 0]]);
    expect(refusal(() => palette("jet" as never))).toMatchObject({ code: "bad-option" });
  });

  test("heat is a pixel a cell, or of a size", () => {
    const heat = map.heat(3);
    expect([heat.width, heat.height]).toEqual([2, 2]);
    expect(pixel(heat.data, 0)).toEqual([0x44, 0x01, 0x54, 255]);
    expect(pixel(heat.data, 3)).toEqual([0xfd, 0xe7, 0x25, 255]);
    const ranged = map.heat(3, { colormap: "magma", range: [2, 3] });
    expect([0, 1, 2].map((k) => pixel(ranged.data, k))).toEqual([0, 1, 2].map(() => [0, 0, 4, 255]));
    expect(map.heat(3, { width: 7, height: 5 }).data).toHaveLength(4 * 35);
    for (const options of [
      { width: 7 },
      { height: 7 },
      { range: [1] as never },
      { colormap: "toString" as never },
    ])
      expect(refusal(() => map.heat(3, options))).toMatchObject({ code: "bad-option" });
    // A map without contrast has one colour.
    expect(pixel(single([[2, 2]]).heat(3).data, 1)).toEqual([0xfd, 0xe7, 0x25, 255]);
  });

  test("an overlay hides what scores high", () => {
    const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64).fill(100) };
    const over = map.overlay(image, 3, { colormap: "viridis", opacity: 1 });
    expect([over.width, over.height]).toEqual([64, 64]);
    expect(pixel(over.data, 0)).toEqual([100, 100, 100, 255]);
    expect(pixel(over.data, 64 * 64 - 1)).toEqual([0xfd, 0xe7, 0x25, 255]);
    const half = map.overlay(image, 3, { colormap: "viridis", opacity: 0.5 });
    // Midway between 100 and each of viridis's last colour; halves go to the even number, as Uint8ClampedArray has it.
    expect(pixel(half.data, 64 * 64 - 1)).toEqual([176, 166, 68, 255]);
    expect(refusal(() => map.overlay(image, 3, { opacity: 2 }))).toMatchObject({ code: "bad-option" });
    expect(refusal(() => map.overlay({ ...image, width: 3 }, 3))).toMatchObject({ code: "bad-image" });
  });
});
