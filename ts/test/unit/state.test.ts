import { expect, test } from "vitest";
import { lower } from "../../src/graph.js";
import {
  add,
  batchNorm2d,
  conv2d,
  layerNorm,
  layerScale,
  linear,
  module,
  net,
  prelu,
} from "../../src/layers.js";
import { parameterCount, stateShapes, weightKeys } from "../../src/state.js";
import { zoo } from "../../src/zoo/index.js";

const block = module(
  "Block",
  {
    layer_scale: layerScale(4),
    conv: conv2d(4, 4, 3, { padding: 1, groups: 2, bias: false }),
    norm: batchNorm2d(4),
    plain: batchNorm2d(4, { affine: false }),
    layer: layerNorm(4),
    act: prelu(4),
    fc: linear(4, 4, { perPixel: true }),
    idle: linear(2, 3),
  },
  [add(["conv", "norm", "plain", "layer", "act", "fc", "layer_scale"], [])],
);
const made = net("N", { block }, ["block"], { inChannels: 4 });

test("keys and shapes of every layer that has weights, in PyTorch's order", () => {
  expect([...stateShapes(made)].map(([key, { shape }]) => [key.replace("block.", ""), shape])).toEqual([
    ["layer_scale", [4, 1, 1]],
    ["conv.weight", [4, 2, 3, 3]],
    ["norm.weight", [4]],
    ["norm.bias", [4]],
    ["norm.running_mean", [4]],
    ["norm.running_var", [4]],
    ["plain.running_mean", [4]],
    ["plain.running_var", [4]],
    ["layer.weight", [4]],
    ["layer.bias", [4]],
    ["act.weight", [4]],
    ["fc.weight", [4, 4]],
    ["fc.bias", [4]],
    ["idle.weight", [3, 2]],
    ["idle.bias", [3]],
  ]);
});

test("running statistics are no parameters, layers that never run have theirs", () => {
  expect(parameterCount(made)).toBe(4 + 72 + 8 + 8 + 4 + 16 + 4 + 6 + 3);
});

test("a node's keys are the core's, in its order", () => {
  const { nodes } = lower(made);
  expect(nodes.map((node) => weightKeys(node).map((key) => key.replace("block.", "")))).toEqual([
    [],
    ["conv.weight"],
    ["norm.weight", "norm.bias", "norm.running_mean", "norm.running_var"],
    ["plain.running_mean", "plain.running_var"],
    ["layer.weight", "layer.bias"],
    ["act.weight"],
    ["fc.weight", "fc.bias"],
    ["layer_scale"],
    [],
  ]);
});

test.each(["googlenet", "convnext_tiny", "densenet121"] as const)(
  "%s: the nodes' keys are the checkpoint's",
  (name) => {
    const built = zoo[name].build();
    const keys = lower(built).nodes.flatMap(weightKeys);
    expect(keys.sort()).toEqual([...stateShapes(built).keys()].sort());
  },
);
