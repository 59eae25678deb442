/** Receptive fields and tiles, held to what the plain interpreter computes on networks of every awkward kind. */
import { describe, expect, test } from "vitest";
import { type FieldAxis, fieldsOf } from "../../src/dense/field.js";
import { cut, type Span, tile } from "../../src/dense/tiles.js";
import { lower } from "../../src/graph.js";
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  concat,
  conv2d,
  type Layer,
  maxPool2d,
  mul,
  net,
  relu,
  type Step,
  zeroPad2d,
} from "../../src/layers.js";
import { shapesOf } from "../../src/shape.js";
import type { Tensor } from "../../src/tensor.js";
import { interpret } from "../interpret.js";

function numbers(seed: number) {
  let state = (seed * 0x9e3779b9 + 1) >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return { next, within: (least: number, most: number) => least + Math.floor(next() * (most - least + 1)) };
}
type Numbers = ReturnType<typeof numbers>;

const noise = (shape: readonly number[], { next }: Numbers): Tensor => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * next() - 1),
});

const CHANNELS = 2;

/** A layer that changes a map's size, of any kind. */
function randomLayer({ within }: Numbers): Layer {
  const kernel = [within(1, 4), within(1, 4)] as const;
  const stride = [within(1, 2), within(1, 3)] as const;
  const padding = [Math.floor(kernel[0] / 2), Math.floor(kernel[1] / 2)] as const;
  const few = [within(0, padding[0]), within(0, padding[1])] as const;
  switch (within(0, 6)) {
    case 0:
      return conv2d(CHANNELS, CHANNELS, kernel, { stride, padding: "same" });
    case 1:
      return conv2d(CHANNELS, CHANNELS, kernel, {
        stride,
        padding: few,
        dilation: [within(1, 2), within(1, 3)],
      });
    case 2:
      return maxPool2d(kernel, { stride, padding: few, ceilMode: true });
    case 3:
      return maxPool2d(kernel, { stride, padding: "same" });
    case 4:
      return avgPool2d(kernel, {
        stride,
        padding: few,
        ceilMode: within(0, 1) === 1,
        countIncludePad: within(0, 1) === 1,
      });
    case 5:
      return zeroPad2d([within(-1, 2), within(0, 2), within(0, 2), within(-1, 1)]);
    default:
      return conv2d(CHANNELS, CHANNELS, kernel, { padding: [1, 0, within(0, 2), within(0, 2)] });
  }
}

/** A few such layers one behind the other, some of them with a branch beside them. */
function randomNet(random: Numbers) {
  const children: Record<string, Layer> = {};
  const steps: Step[] = [];
  const child = (layer: Layer): string => {
    const name = `l${Object.keys(children).length}`;
    children[name] = layer;
    return name;
  };
  for (let depth = random.within(2, 4); depth > 0; depth--) {
    steps.push(child(randomLayer(random)));
    if (random.within(0, 2) > 0) continue;
    const wide = child(conv2d(CHANNELS, CHANNELS, 3, { padding: 1 }));
    const shrunk = child(conv2d(2 * CHANNELS, CHANNELS, 1));
    if (random.within(0, 1) === 1) steps.push(add([wide], []), relu());
    else steps.push(concat([wide], []), shrunk);
  }
  return net("Random", children, steps, { inChannels: CHANNELS });
}

function partOf({ shape, data }: Tensor, rows: Span, columns: Span): Tensor {
  const [, channels, , width] = shape as [number, number, number, number];
  const height = shape[2]!;
  const part: number[] = [];
  for (let c = 0; c < channels; c++)
    for (let y = rows.start; y < rows.end; y++)
      for (let x = columns.start; x < columns.end; x++) part.push(data[(c * height + y) * width + x]!);
  const size = [rows.end - rows.start, columns.end - columns.start];
  return { shape: [1, channels, ...size], data: Float32Array.from(part) };
}

/** A random net with weights on a random input, its map and the fields of its cells; undefined where it does not fit. */
function randomCase(seed: number) {
  const random = numbers(seed);
  const graph = lower(randomNet(random));
  const input = noise([1, CHANNELS, random.within(20, 60), random.within(20, 60)], random);
  let shapes: ReturnType<typeof shapesOf>;
  try {
    shapes = shapesOf(graph, input.shape.slice(1));
  } catch {
    return undefined;
  }
  const weights = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    if (node.op !== "conv2d") continue;
    const shape = [node.out_channels, node.in_channels, ...node.kernel];
    weights.set(`${node.path}.weight`, noise(shape, random));
    weights.set(`${node.path}.bias`, noise([node.out_channels], random));
  }
  const run = (x: Tensor) => interpret(graph, x, weights)[graph.output]!;
  return { graph, input, random, run, whole: run(input), fields: fieldsOf(graph, shapes) };
}

const SEEDS = Array.from({ length: 400 }, (_, seed) => seed);

describe("tiles", () => {
  test("give the whole map's numbers, whatever the network: SAME padding, ceil mode, even kernels, dilation, cuts", () => {
    let tiled = 0;
    for (const seed of SEEDS) {
      const one = randomCase(seed);
      if (!one) continue;
      const { graph, input, random, run, whole, fields } = one;
      const length = ({ extent }: FieldAxis) => random.within(Math.ceil(extent / 3), extent);
      const rows = cut(fields.rows, length(fields.rows));
      const columns: readonly Span[] | undefined = cut(fields.columns, length(fields.columns));
      if (!rows || !columns || rows.length * columns.length === 1) continue;
      tiled++;
      const seen = new Set<number>();
      const tiles = rows.flatMap((down) => columns.map((across): readonly [Span, Span] => [down, across]));
      for (const [down, across] of tiles) {
        const part: Tensor = partOf(input, down, across);
        const map = run(part);
        const [channels = 0, h = 0, w = 0] = shapesOf(graph, part.shape.slice(1))[graph.output]!;
        const offset = [down.start / fields.rows.stride, across.start / fields.columns.stride] as const;
        for (let c = 0; c < channels; c++) {
          for (let i = down.from; i < down.to; i++) {
            for (let j = across.from; j < across.to; j++) {
              const at = (c * fields.rows.count + i) * fields.columns.count + j;
              const got = map[(c * h + i - offset[0]) * w + j - offset[1]];
              if (got !== whole[at])
                expect.fail(`seed ${seed}: cell ${c}, ${i}, ${j} is ${got}, not ${whole[at]}`);
              seen.add(at);
            }
          }
        }
      }
      expect(seen.size, `seed ${seed}`).toBe(whole.length);
    }
    expect(tiled).toBeGreaterThan(80);
  });

  const axis = (extent: number): FieldAxis => ({
    stride: 16,
    first: -40,
    last: 180,
    extent,
    count: extent / 16,
    align: 16,
  });

  test("are as many as memory asks for, and as even as that allows", async () => {
    const fields = { rows: axis(1600), columns: axis(3200) };
    const room = async (rows: number, columns: number) => 10 * rows * columns;
    const one = await tile(fields, room, [10 * 1600 * 3200, 1]);
    expect([one.rows.length, one.columns.length]).toEqual([1, 1]);
    const budget = 10 * 900 * 900;
    const { rows, columns } = await tile(fields, room, [budget, budget]);
    const lengths = [rows, columns].map((spans) => spans.map(({ start, end }) => end - start));
    expect(Math.max(...lengths[0]!) * Math.max(...lengths[1]!) * 10).toBeLessThanOrEqual(budget);
    expect(Math.min(...lengths[1]!)).toBeGreaterThan(0.8 * Math.max(...lengths[1]!));
    expect(lengths.map(({ length }) => length)).toEqual([3, 5]);
  });

  test("are refused where a tile's edges leave nothing of it, and where a layer sees all", async () => {
    const fields = { rows: axis(1600), columns: axis(1600) };
    const room = async (rows: number, columns: number) => 10 * rows * columns;
    await expect(tile(fields, room, [10 * 200 * 200, 10 * 200 * 200])).rejects.toMatchObject({
      code: "too-large",
      message: expect.stringMatching(/1600 x 1600 pixels take 25 MiB.*1 MiB are allowed.*too little/),
    });
    await expect(tile({ ...fields, whole: "blocks.0.se" }, room, [1e6, 1e6])).rejects.toMatchObject({
      code: "too-large",
      node: "blocks.0.se",
    });
    const none = async () => Number.POSITIVE_INFINITY;
    await expect(tile(fields, none, [1e9, 1e9])).rejects.toMatchObject({ code: "too-large" });
  });
});

describe("fields", () => {
  test("hold all pixels that change a cell, and of convolutions their corners do", () => {
    let tried = 0;
    for (const seed of SEEDS.slice(0, 60)) {
      const one = randomCase(seed);
      if (!one) continue;
      const { input, random, run, whole, fields } = one;
      const [, channels, height, width] = input.shape as [number, number, number, number];
      const [y, x] = [random.within(0, height - 1), random.within(0, width - 1)];
      const data = input.data.slice();
      for (let c = 0; c < channels; c++) data[(c * height + y) * width + x]! += 10;
      const changed = run({ ...input, data });
      const { rows, columns } = fields;
      const sees = ({ stride, first, last }: FieldAxis, k: number, pixel: number) =>
        k * stride + first <= pixel && pixel <= k * stride + last;
      for (const [at, value] of changed.entries()) {
        if (value === whole[at]) continue;
        const [i, j] = [Math.floor(at / columns.count) % rows.count, at % columns.count];
        tried++;
        if (!sees(rows, i, y) || !sees(columns, j, x))
          expect.fail(`seed ${seed}: cell ${i}, ${j} saw ${y}, ${x}`);
      }
    }
    expect(tried).toBeGreaterThan(500);

    const two = lower(
      net(
        "Two",
        { a: conv2d(1, 1, 3, { stride: 2, padding: 1 }), b: conv2d(1, 1, [2, 3], { dilation: [2, 1] }) },
        ["a", "b"],
        { inChannels: 1 },
      ),
    );
    const { rows, columns } = fieldsOf(two, shapesOf(two, [1, 20, 30]));
    expect(rows).toEqual({ stride: 2, first: -1, last: 5, extent: 20, count: 8, align: 2 });
    expect(columns).toEqual({ stride: 2, first: -1, last: 5, extent: 30, count: 13, align: 2 });
  });

  test("say which layer sees the whole input, but not through it", () => {
    const children = {
      pool: adaptiveAvgPool2d(1),
      gate: conv2d(2, 2, 1),
      conv: conv2d(2, 2, 3, { stride: 2 }),
    };
    const graph = lower(net("Gated", children, ["conv", mul([], ["pool", "gate"])], { inChannels: 2 }));
    const { rows, whole } = fieldsOf(graph, shapesOf(graph, [2, 21, 21]));
    expect(whole).toBe("pool");
    expect(rows).toMatchObject({ stride: 2, first: 0, last: 2, count: 10 });
  });

  test("refuse branches of different strides", () => {
    const children = { a: conv2d(1, 1, 1, { stride: 2 }), b: maxPool2d(2, { stride: 1 }) };
    const graph = lower(net("Odd", children, [add(["a"], ["b"])], { inChannels: 1 }));
    expect(() => fieldsOf(graph, shapesOf(graph, [1, 3, 3]))).toThrow(/different strides/);
  });
});
