import { describe, expect, test } from "vitest";
import { lower, neededBy } from "../../src/graph.js";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  add,
  affine,
  avgPool2d,
  batchNorm2d,
  call,
  channelShuffle,
  concat,
  conv2d,
  dropout,
  flatten,
  hardswish,
  identity,
  keep,
  type Layer,
  layerNorm,
  layerScale,
  linear,
  localResponseNorm,
  logSoftmax,
  maxPool2d,
  module,
  mul,
  type Net,
  net,
  padChannels,
  permute,
  prelu,
  relu,
  sequential,
  sigmoid,
  slice,
  softmax,
  stochasticDepth,
  take,
  tanh,
  zeroPad2d,
} from "../../src/layers.js";
import { alexnet } from "../../src/zoo/alexnet.js";
import { findEntry } from "../../src/zoo/index.js";
import { interpret } from "../interpret.js";
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
        same: false,
        dilation: [1, 1],
        groups: 2,
        bias: false,
      },
      { op: "activation", inputs: [1], path: "body.1", kind: "relu" },
      {
        op: "max_pool2d",
        inputs: [2],
        path: "body.2",
        kernel: [3, 3],
        stride: [2, 2],
        padding: [0, 0, 0, 0],
        same: false,
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
        same: false,
        dilation: [1, 1],
        ceil_mode: false,
        count_include_pad: false,
      },
      { op: "flatten", inputs: [4], path: "body.4" },
      { op: "linear", inputs: [5], path: "body.5", in_features: 8, out_features: 3, bias: true },
      { op: "softmax", inputs: [6], path: "body.6" },
    ]);
    expect(output).toBe(7);
  });

  test("writes the operators that came later in the form that the core reads", () => {
    const layers: Layer[] = [
      batchNorm2d(4, { eps: 0.001 }),
      prelu(4),
      hardswish(),
      localResponseNorm(5, { k: 2 }),
      layerNorm(4, { eps: 1e-6 }),
      linear(4, 8, { perPixel: true }),
      conv2d(8, 8, 3, { stride: 2, padding: "same", groups: 8 }),
      conv2d(8, 8, 3, { padding: [0, 1, 2, 3], bias: false }),
      avgPool2d(3, { stride: 2, padding: "same", countIncludePad: false }),
      zeroPad2d([-1, -1, 1, 1]),
      channelShuffle(2),
      adaptiveMaxPool2d([3, 2]),
      logSoftmax(),
    ];
    const steps = [
      "body",
      slice(2, 6),
      padChannels(1, 2),
      affine(2, [0, 1, 2, 3, 4, 5, 6]),
      mul([], ["gate"]),
    ];
    const children = { body: sequential(...layers), gate: sequential(adaptiveAvgPool2d(1), sigmoid()) };
    const { nodes, output } = lower(net("N", children, steps, { inChannels: 4 }));
    const window = { stride: [1, 1], same: false, dilation: [1, 1], groups: 1, bias: true };
    const strided = { stride: [2, 2], padding: [0, 0, 0, 0], same: true };
    expect(nodes.slice(1).map((node) => ({ ...node, inputs: undefined }))).toEqual([
      { op: "batch_norm2d", path: "body.0", channels: 4, eps: 0.001, affine: true },
      { op: "prelu", path: "body.1", channels: 4 },
      { op: "activation", path: "body.2", kind: "hardswish" },
      { op: "local_response_norm", path: "body.3", size: 5, alpha: 1e-4, beta: 0.75, k: 2 },
      { op: "layer_norm2d", path: "body.4", channels: 4, eps: 1e-6 },
      {
        ...window,
        op: "conv2d",
        path: "body.5",
        in_channels: 4,
        out_channels: 8,
        kernel: [1, 1],
        padding: [0, 0, 0, 0],
      },
      {
        ...window,
        ...strided,
        op: "conv2d",
        path: "body.6",
        in_channels: 8,
        out_channels: 8,
        kernel: [3, 3],
        groups: 8,
      },
      {
        ...window,
        op: "conv2d",
        path: "body.7",
        in_channels: 8,
        out_channels: 8,
        kernel: [3, 3],
        padding: [0, 1, 2, 3],
        bias: false,
      },
      {
        ...strided,
        op: "avg_pool2d",
        path: "body.8",
        kernel: [3, 3],
        dilation: [1, 1],
        ceil_mode: false,
        count_include_pad: false,
      },
      { op: "pad2d", path: "body.9", padding: [-1, -1, 1, 1] },
      { op: "channel_shuffle", path: "body.10", groups: 2 },
      { op: "adaptive_max_pool2d", path: "body.11", output: [3, 2] },
      { op: "log_softmax", path: "body.12" },
      { op: "slice", path: "", start: 2, end: 6 },
      { op: "pad_channels", path: "", before: 1, after: 2 },
      { op: "affine", path: "", scale: [2], shift: [0, 1, 2, 3, 4, 5, 6] },
      { op: "adaptive_avg_pool2d", path: "gate.0", output: [1, 1] },
      { op: "activation", path: "gate.1", kind: "sigmoid" },
      { op: "mul", path: "" },
    ]);
    expect(nodes[output]).toMatchObject({ op: "mul", inputs: [16, 18] });
  });

  test("what does nothing here has its input's node, a module's own parameter the node of its path", () => {
    const children = {
      layer_scale: layerScale(2),
      block: sequential(permute(), identity(), stochasticDepth(0.5)),
    };
    const block = module("Block", children, [add(["block", "layer_scale"], [])]);
    const { nodes, paths } = lower(net("N", { block }, ["block"], { inChannels: 2 }));
    expect(nodes.slice(1)).toEqual([
      { op: "layer_scale", inputs: [0], path: "block.layer_scale", channels: 2 },
      { op: "add", inputs: [1, 0], path: "block" },
    ]);
    expect(paths).toEqual({
      "block.block.0": 0,
      "block.block.1": 0,
      "block.block.2": 0,
      "block.block": 0,
      "block.layer_scale": 1,
      block: 2,
    });
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
      { op: "activation", inputs: [0], path: "a", kind: "relu" },
      { op: "activation", inputs: [1], path: "b.0", kind: "relu" },
      { op: "activation", inputs: [2], path: "c", kind: "relu" },
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

  test("a value kept is taken up again, also within branches", () => {
    const steps = [
      keep("x"),
      "a",
      keep("a"),
      concat(["b", keep("b")], [take("x")]),
      add([], [take("b"), take("a")]),
    ];
    const made = net("N", { a: relu(), b: sigmoid() }, steps, { inChannels: 1 });
    expect(lower(made).nodes.slice(1)).toMatchObject([
      { kind: "relu", inputs: [0] },
      { kind: "sigmoid", inputs: [1] },
      { op: "concat", inputs: [2, 0] },
      { op: "add", inputs: [3, 1] },
    ]);
  });

  test("a cell reads two values, the present one and another by the name it takes it by", () => {
    const cell = module("Cell", { act: relu() }, ["act", add([], [take("previous")])]);
    const steps = [
      keep("input"),
      "first",
      keep("first"),
      call("a", { previous: "input" }),
      call("b", { previous: "first" }),
    ];
    const { nodes, paths } = lower(net("N", { first: relu(), a: cell, b: cell }, steps, { inChannels: 1 }));
    expect(nodes.slice(1).map((node) => ("inputs" in node ? node.inputs : []))).toEqual([
      [0],
      [1],
      [2, 0],
      [3],
      [4, 1],
    ]);
    expect(paths).toEqual({ first: 1, "a.act": 2, a: 3, "b.act": 4, b: 5 });
  });

  test("an auxiliary head is in the graph and has a path, but the output does not need it", () => {
    const steps = ["a", keep("a"), "aux", take("a"), "b"];
    const graph = lower(net("N", { a: relu(), aux: tanh(), b: sigmoid() }, steps, { inChannels: 1 }));
    expect(graph.paths).toEqual({ a: 1, aux: 2, b: 3 });
    expect([...neededBy(graph, [graph.output])].sort()).toEqual([0, 1, 3]);
    expect([...neededBy(graph, [2])].sort()).toEqual([0, 1, 2]);
  });

  test("plain data from JSON lowers alike", () => {
    expect(lower(JSON.parse(JSON.stringify(alexnet())))).toEqual(lower(alexnet()));
  });

  test.each([
    [undefined, /not a net/],
    [relu(), /not a net/],
    [sequential(relu()), /not a net/],
    [{ op: "module", type: "X", children: {}, forward: ["a"], inChannels: 1 }, /X: forward names "a"/],
    [net("X", {}, [take("a")], { inChannels: 1 }), /X: forward takes "a", but no earlier step keeps/],
    [
      net("X", { cell: module("Cell", {}, [take("a")]) }, [keep("a"), "cell"], { inChannels: 1 }),
      /Cell: forward takes "a"/,
    ],
    [
      net("X", { cell: module("Cell", {}, []) }, [call("cell", { a: "b" })], { inChannels: 1 }),
      /X: forward takes "b"/,
    ],
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

// The meaning of a graph: what PyTorch computes, as far as the goldens' rounding shows it.
describe("a step that names a layer inside of a child", () => {
  const features = sequential(conv2d(3, 4, 1), relu());
  const of = (...steps: string[]) => net("Net", { features }, steps, { inChannels: 3 });

  test("runs that layer, under its path", () => {
    const { nodes, paths } = lower(of("features.1", "features.0"));
    expect(nodes.map(({ op }) => op)).toEqual(["input", "activation", "conv2d"]);
    expect(paths).toEqual({ "features.1": 1, "features.0": 2 });
  });

  test.each(["features.2", "features.0.weight", "features.", ".features"])("%s is none", (step) => {
    expect(() => of(step)).toThrow(`forward names "${step}"`);
  });
});

describe("a graph computes what PyTorch does", () => {
  const names = ["ref_lenet5", "squeezenet1_1", "mobilenet_v3_small", "shufflenet_v2_x1_0"];
  test.each(names)("%s", { timeout: 120_000 }, (name) => {
    const golden = readGolden(name);
    const graph = lower(findEntry(zooName(golden)).build());
    const values = interpret(graph, fillInput(golden.input_shape, golden.input_seed), weightsOf(golden));
    const expectClose = (what: string, got: number | undefined, wanted: number): void => {
      const allowed = 2 ** -23 * Math.abs(wanted) + 1e-8 * golden.scale;
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
