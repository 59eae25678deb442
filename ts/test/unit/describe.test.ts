import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describe as print } from "../../src/describe.js";
import {
  adaptiveAvgPool2d,
  adaptiveMaxPool2d,
  avgPool2d,
  batchNorm2d,
  channelShuffle,
  conv2d,
  dropout,
  flatten,
  gelu,
  hardsigmoid,
  hardswish,
  identity,
  layerNorm,
  layerNorm2d,
  layerScale,
  linear,
  localResponseNorm,
  logSoftmax,
  maxPool2d,
  module,
  permute,
  prelu,
  relu,
  relu6,
  sequential,
  sigmoid,
  silu,
  softmax,
  stochasticDepth,
  tanh,
  zeroPad2d,
} from "../../src/layers.js";
import { findEntry } from "../../src/zoo/index.js";

const prints = new URL("../goldens/prints/", import.meta.url);

test.each(readdirSync(prints))("%s is what PyTorch prints", (file) => {
  const [name = "", ...settings] = file.replace(/\.txt$/, "").split("__");
  const options = settings.map((setting) => setting.replace("num_classes", "classes").split("-"));
  const built = findEntry(name).build(
    Object.fromEntries(options.map(([key, value]) => [key, Number(value)])),
  );
  expect(`${String(built)}\n`).toBe(readFileSync(new URL(file, prints), "utf8"));
});

// As printed by PyTorch 2.15.
test.each([
  [
    conv2d(4, 6, [3, 1], { stride: [2, 1], padding: [1, 0], dilation: 2, groups: 2, bias: false }),
    "Conv2d(4, 6, kernel_size=(3, 1), stride=(2, 1), padding=(1, 0), dilation=(2, 2), groups=2, bias=False)",
  ],
  [linear(2, 3, { bias: false }), "Linear(in_features=2, out_features=3, bias=False)"],
  [conv2d(3, 4, 3, { padding: "same" }), "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=same)"],
  // F.pad before a convolution shows in no print.
  [conv2d(3, 4, 3, { padding: [0, 0, 1, 1] }), "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))"],
  [linear(2, 3, { perPixel: true }), "Linear(in_features=2, out_features=3, bias=True)"],
  [relu(), "ReLU()"],
  [relu6({ inplace: true }), "ReLU6(inplace=True)"],
  [silu({ inplace: true }), "SiLU(inplace=True)"],
  [hardswish({ inplace: true }), "Hardswish()"],
  [hardsigmoid(), "Hardsigmoid()"],
  [sigmoid(), "Sigmoid()"],
  [gelu(), "GELU(approximate='none')"],
  [tanh(), "Tanh()"],
  [prelu(), "PReLU(num_parameters=1)"],
  [prelu(8), "PReLU(num_parameters=8)"],
  [
    batchNorm2d(8, { momentum: 1 - 0.9997 }),
    "BatchNorm2d(8, eps=1e-05, momentum=0.00029999999999996696, affine=True, bias=True, track_running_stats=True)",
  ],
  [
    batchNorm2d(8, { eps: 0.001, affine: false }),
    "BatchNorm2d(8, eps=0.001, momentum=0.1, affine=False, bias=False, track_running_stats=True)",
  ],
  [layerNorm(8), "LayerNorm((8,), eps=1e-05, elementwise_affine=True, bias=True)"],
  [layerNorm2d(8, { eps: 1e-6 }), "LayerNorm2d((8,), eps=1e-06, elementwise_affine=True, bias=True)"],
  [localResponseNorm(5, { k: 2 }), "LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=2.0)"],
  [
    maxPool2d([3, 2], { stride: 2, padding: [1, 0], ceilMode: true }),
    "MaxPool2d(kernel_size=(3, 2), stride=2, padding=(1, 0), dilation=1, ceil_mode=True)",
  ],
  [avgPool2d(3, { stride: 1, padding: 1 }), "AvgPool2d(kernel_size=3, stride=1, padding=1)"],
  [
    maxPool2d(2, { stride: 1, padding: [0, 0, 1, 1] }),
    "MaxPool2d(kernel_size=2, stride=1, padding=0, dilation=1, ceil_mode=False)",
  ],
  // PyTorch has no such layer.
  [avgPool2d(7, { stride: 1, dilation: 2 }), "AvgPool2d(kernel_size=7, stride=1, padding=0, dilation=2)"],
  [adaptiveMaxPool2d([3, 2]), "AdaptiveMaxPool2d(output_size=(3, 2))"],
  [adaptiveAvgPool2d(1), "AdaptiveAvgPool2d(output_size=1)"],
  [dropout(0), "Dropout(p=0.0, inplace=False)"],
  [dropout(0.00001, { inplace: true }), "Dropout(p=1e-05, inplace=True)"],
  [stochasticDepth(3 * 0.0125), "StochasticDepth(p=0.037500000000000006, mode=row)"],
  [identity(), "Identity()"],
  [permute(), "Permute()"],
  [zeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"],
  [zeroPad2d([-1, 1, 2, 0]), "ZeroPad2d((1, 0, -1, 2))"],
  [channelShuffle(2), "ChannelShuffle(groups=2)"],
  [softmax(), "Softmax(dim=1)"],
  [logSoftmax(), "LogSoftmax(dim=1)"],
  [flatten(), "Flatten(start_dim=1, end_dim=-1)"],
  [sequential(), "Sequential()"],
])("%o", (layer, wanted) => {
  expect(print(layer)).toBe(wanted);
});

// As printed by timm 1.0.
test.each([
  [
    conv2d(3, 4, 3, { stride: 2, padding: "same", bias: false }),
    "Conv2dSame(3, 4, kernel_size=(3, 3), stride=(2, 2), bias=False)",
  ],
  [
    maxPool2d(3, { stride: 2, padding: "same" }),
    "MaxPool2dSame(kernel_size=(3, 3), stride=(2, 2), padding=(0, 0), dilation=(1, 1), ceil_mode=False)",
  ],
  [
    avgPool2d(3, { stride: 2, padding: "same" }),
    "AvgPool2dSame(kernel_size=(3, 3), stride=(2, 2), padding=(0, 0))",
  ],
])("%o", (layer, wanted) => {
  expect(print(layer)).toBe(wanted);
});

test("a ModuleList shows equal neighbours once, with their numbers", () => {
  const block = sequential(relu(), tanh());
  const children = { 0: block, 1: block, 2: relu(), 3: block };
  const wanted = [
    "ModuleList(",
    "  (0-1): 2 x Sequential(",
    "    (0): ReLU()",
    "    (1): Tanh()",
    "  )",
    "  (2): ReLU()",
    "  (3): Sequential(",
    "    (0): ReLU()",
    "    (1): Tanh()",
    "  )",
    ")",
  ];
  expect(`${module("ModuleList", children, [])}`).toBe(wanted.join("\n"));
});

test("a parameter of the module itself is not shown", () => {
  expect(`${module("Scaled", { layer_scale: layerScale(2) }, ["layer_scale"])}`).toBe("Scaled()");
});

test("children are indented by two, at every depth", () => {
  const nested = module("Outer", { block: sequential(sequential(relu())), idle: relu() }, ["block"]);
  const wanted = [
    "Outer(",
    "  (block): Sequential(",
    "    (0): Sequential(",
    "      (0): ReLU()",
    "    )",
    "  )",
    "  (idle): ReLU()",
    ")",
  ];
  expect(`${nested}`).toBe(wanted.join("\n"));
});
