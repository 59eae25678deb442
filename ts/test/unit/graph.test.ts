import { describe, expect, test } from "vitest";
import { type Graph, type GraphNode, lower } from "../../src/graph.js";
import {
  avgPool2d,
  concat,
  conv2d,
  dropout,
  flatten,
  linear,
  maxPool2d,
  module,
  type Net,
  net,
  relu,
  sequential,
  softmax,
} from "../../src/layers.js";
import { type Shape, shapesOf } from "../../src/shape.js";
import type { Tensor } from "../../src/tensor.js";
import { alexnet } from "../../src/zoo/alexnet.js";
import { findEntry } from "../../src/zoo/index.js";
import { fillInput, readGolden, weightsOf, zooName } from "../recipe.js";

describe("lower", () => {
  test("writes each operator in the form that the core reads", () => {
    const layers = [
      conv2d(2, 4, [3, 1], { stride: 2, padding: [1, 0], groups: 2, bias: false }),
      relu({ inplace: true }),
      maxPool2d(3, { stride: 2, ceilMode: true }),
      avgPool2d([2, 1], { padding: [1, 0], countIncludePad: false }),
      flatten(),
      linear(8, 3),
      softmax(),
    ];
    const { nodes, output } = lower(net("N", { body: sequential(...layers) }, ["body"], { inChannels: 2 }));
    expect(JSON.parse(JSON.stringify(nodes))).toEqual([
      { op: "input", channels: 2 },
      {
        op: "conv2d",
        inputs: [0],
        path: "body.0",
        in_channels: 2,
        out_channels: 4,
        kernel: [3, 1],
        stride: [2, 2],
        padding: [1, 0, 1, 0],
        dilation: [1, 1],
        groups: 2,
        bias: false,
      },
      { op: "relu", inputs: [1], path: "body.1" },
      {
        op: "max_pool2d",
        inputs: [2],
        path: "body.2",
        kernel: [3, 3],
        stride: [2, 2],
        padding: [0, 0, 0, 0],
        dilation: [1, 1],
        ceil_mode: true,
      },
      {
        op: "avg_pool2d",
        inputs: [3],
        path: "body.3",
        kernel: [2, 1],
        stride: [2, 1],
        padding: [1, 0, 1, 0],
        ceil_mode: false,
        count_include_pad: false,
      },
      { op: "flatten", inputs: [4], path: "body.4" },
      { op: "linear", inputs: [5], path: "body.5", in_features: 8, out_features: 3, bias: true },
      { op: "softmax", inputs: [6], path: "body.6" },
    ]);
    expect(output).toBe(7);
  });

  test("alexnet: steps between children, dropout without a node, every printed path", () => {
    const { nodes, output, paths } = lower(alexnet());
    expect(nodes[14]).toEqual({ op: "adaptive_avg_pool2d", inputs: [13], path: "avgpool", output: [6, 6] });
    expect(nodes[15]).toEqual({ op: "flatten", inputs: [14], path: "" });
    expect(paths).toMatchObject({
      features: 13,
      "features.12": 13,
      avgpool: 14,
      "classifier.0": 15,
      "classifier.3": 17,
    });
    expect(paths.classifier).toBe(output);
    expect(Object.keys(paths)).toHaveLength(13 + 7 + 3);
  });

  test("the same layer on the same input is one node, on another input another", () => {
    const children = { a: relu(), b: sequential(relu()), c: relu() };
    const made = net(
      "N",
      children,
      [concat(["a", "b"], ["a", "b", "c"], ["a", flatten()], ["a", flatten()])],
      { inChannels: 1 },
    );
    const { nodes, paths } = lower(made);
    expect(nodes.slice(1)).toEqual([
      { op: "relu", inputs: [0], path: "a" },
      { op: "relu", inputs: [1], path: "b.0" },
      { op: "relu", inputs: [2], path: "c" },
      { op: "flatten", inputs: [1], path: "" },
      { op: "concat", inputs: [2, 3, 4, 4], path: "" },
    ]);
    const again = lower(net("N", children, ["a", "c", "a"], { inChannels: 1 }));
    expect(again.nodes).toHaveLength(4);
    expect(again.paths).toEqual({ a: 3, c: 2 });
    expect(paths).toEqual({ a: 1, "b.0": 2, b: 2, c: 3 });
  });

  test("an empty branch is the value itself, a layer that never runs has no path", () => {
    const dense = module("Dense", { conv: conv2d(1, 2, 1), idle: relu(), drop: dropout() }, [
      "drop",
      concat([], ["conv"]),
    ]);
    const { nodes, paths, output } = lower(net("N", { dense }, ["dense"], { inChannels: 1 }));
    expect(nodes[output]).toEqual({ op: "concat", inputs: [0, 1], path: "dense" });
    expect(paths).toEqual({ "dense.drop": 0, "dense.conv": 1, dense: 2 });
  });

  test("plain data from JSON lowers alike", () => {
    expect(lower(JSON.parse(JSON.stringify(alexnet())))).toEqual(lower(alexnet()));
  });

  test.each([
    [undefined, /not a net/],
    [relu(), /not a net/],
    [sequential(relu()), /not a net/],
    [{ op: "module", type: "X", children: {}, forward: ["a"], inChannels: 1 }, /X: forward names "a"/],
    [
      { op: "module", type: "X", children: { a: { op: "conv3d" } }, forward: ["a"], inChannels: 1 },
      /a: no operator is called "conv3d"/,
    ],
  ])("%j is a bad net", (made, message) => {
    expect(() => lower(made as Net)).toThrow(
      expect.objectContaining({ code: "bad-net", message: expect.stringMatching(message) }),
    );
  });
});

// The meaning of a graph: runs it naively in float64, so what differs from PyTorch's float64 is only the
// goldens' rounding.
describe("a graph computes what PyTorch does", () => {
  test.each(["ref_lenet5", "squeezenet1_1"])("%s", { timeout: 30_000 }, (name) => {
    const golden = readGolden(name);
    const graph = lower(findEntry(zooName(golden)).build());
    const input = fillInput(golden.input_shape, golden.input_seed);
    const values = interpret(graph, golden.input_shape.slice(1), input.data, weightsOf(golden));
    const expectClose = (what: string, got: number | undefined, wanted: number): void => {
      const allowed = 2 ** -23 * Math.abs(wanted) + 1e-9 * golden.scale;
      expect(Math.abs((got ?? Number.NaN) - wanted), what).toBeLessThanOrEqual(allowed);
    };
    for (const [path, { at, values: wanted }] of Object.entries(golden.taps)) {
      const node = graph.paths[path] ?? -1;
      for (const [k, index] of at.entries()) {
        expectClose(`${path}[${index}]`, values[node]?.[index], wanted[k] ?? Number.NaN);
      }
    }
    for (const [i, wanted] of golden.output.entries()) {
      expectClose(`output[${i}]`, values[graph.output]?.[i], wanted);
    }
  });
});

type Values = Float32Array | Float64Array;
type Weight = (name: "weight" | "bias") => Float32Array;
type Op<T extends GraphNode["op"]> = Extract<GraphNode, { op: T }>;

const sized = (shape: Shape): Float64Array => new Float64Array(shape.reduce((a, b) => a * b, 1));

function interpret(
  graph: Graph,
  input: Shape,
  data: Float32Array,
  weights: ReadonlyMap<string, Tensor>,
): Values[] {
  const shapes = shapesOf(graph, input);
  const values: Values[] = [];
  graph.nodes.forEach((node, id) => {
    if (node.op === "input") values.push(data);
    else {
      const weight: Weight = (name) => weights.get(`${node.path}.${name}`)?.data ?? new Float32Array();
      const read = node.inputs.map((from) => ({ x: values[from] ?? data, shape: shapes[from] ?? [] }));
      values.push(compute(node, read, shapes[id] ?? [], weight));
    }
  });
  return values;
}

interface Read {
  readonly x: Values;
  readonly shape: Shape;
}

function compute(node: GraphNode, read: readonly Read[], outShape: Shape, weight: Weight): Values {
  const { x, shape } = read[0] ?? { x: new Float64Array(), shape: [] };
  switch (node.op) {
    case "relu":
      return x.map((v) => Math.max(0, v));
    case "flatten":
      return x;
    case "concat":
      return Float64Array.from(read.flatMap((other) => [...other.x]));
    case "linear":
      return linearOf(x, sized(outShape), weight);
    case "conv2d":
      return convolve(node, x, shape, outShape, weight);
    case "max_pool2d":
      return pool(node, x, shape, outShape);
    case "adaptive_avg_pool2d":
      return averageAll(x, shape, outShape);
    default:
      throw new Error(`these networks have no ${node.op}`);
  }
}

function linearOf(x: Values, out: Float64Array, weight: Weight): Float64Array {
  const matrix = weight("weight");
  const bias = weight("bias");
  return out.map((_, o) => {
    let sum = bias[o] ?? Number.NaN;
    for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (matrix[o * x.length + i] as number);
    return sum;
  });
}

/** Tap by tap, so that the innermost loop runs along a row. */
function convolve(
  node: Op<"conv2d">,
  x: Values,
  shape: Shape,
  outShape: Shape,
  weight: Weight,
): Float64Array {
  const [depth = 0, height = 0, width = 0] = shape;
  const [channels = 0, rows = 0, columns = 0] = outShape;
  const [kernelRows, kernelColumns] = node.kernel;
  const [down, right] = node.stride;
  const [top, left] = node.padding;
  const filters = weight("weight");
  const out = sized(outShape).map((_, i) => weight("bias")[Math.floor(i / (rows * columns))] ?? Number.NaN);
  for (let tap = 0; tap < channels * depth * kernelRows * kernelColumns; tap++) {
    const j = tap % kernelColumns;
    const i = Math.floor(tap / kernelColumns) % kernelRows;
    const from = Math.floor(tap / (kernelColumns * kernelRows)) % depth;
    const channel = Math.floor(tap / (kernelColumns * kernelRows * depth));
    const factor = filters[tap] as number;
    for (let row = 0; row < rows; row++) {
      const y = row * down - top + i;
      if (y < 0 || y >= height) continue;
      const at = (channel * rows + row) * columns;
      const start = (from * height + y) * width;
      for (let column = 0; column < columns; column++) {
        const z = column * right - left + j;
        if (z >= 0 && z < width)
          out[at + column] = (out[at + column] as number) + factor * (x[start + z] as number);
      }
    }
  }
  return out;
}

/** These networks pool without padding; in ceil mode the last window is cut at the end. */
function pool(node: Op<"max_pool2d">, x: Values, shape: Shape, outShape: Shape): Float64Array {
  const [, height = 0, width = 0] = shape;
  const [, rows = 0, columns = 0] = outShape;
  expect(node).toMatchObject({ padding: [0, 0, 0, 0], dilation: [1, 1] });
  return sized(outShape).map((_, at) => {
    const channel = Math.floor(at / (rows * columns));
    const y = (Math.floor(at / columns) % rows) * node.stride[0];
    const z = (at % columns) * node.stride[1];
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = y; i < Math.min(y + node.kernel[0], height); i++)
      for (let j = z; j < Math.min(z + node.kernel[1], width); j++)
        largest = Math.max(largest, x[(channel * height + i) * width + j] as number);
    return largest;
  });
}

/** Adaptive pooling to one value a channel. */
function averageAll(x: Values, [, height = 0, width = 0]: Shape, outShape: Shape): Float64Array {
  const area = height * width;
  return sized(outShape).map((_, c) => {
    let sum = 0;
    for (let i = c * area; i < (c + 1) * area; i++) sum += x[i] as number;
    return sum / area;
  });
}
