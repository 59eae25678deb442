import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describe as print } from "../../src/describe.js";
import {
  adaptiveAvgPool2d,
  avgPool2d,
  conv2d,
  dropout,
  flatten,
  linear,
  maxPool2d,
  module,
  relu,
  sequential,
  softmax,
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
  [relu(), "ReLU()"],
  [
    maxPool2d([3, 2], { stride: 2, padding: [1, 0], ceilMode: true }),
    "MaxPool2d(kernel_size=(3, 2), stride=2, padding=(1, 0), dilation=1, ceil_mode=True)",
  ],
  [avgPool2d(3, { stride: 1, padding: 1 }), "AvgPool2d(kernel_size=3, stride=1, padding=1)"],
  [adaptiveAvgPool2d(1), "AdaptiveAvgPool2d(output_size=1)"],
  [dropout(0), "Dropout(p=0.0, inplace=False)"],
  [dropout(0.00001, { inplace: true }), "Dropout(p=1e-05, inplace=True)"],
  [softmax(), "Softmax(dim=1)"],
  [flatten(), "Flatten(start_dim=1, end_dim=-1)"],
  [sequential(), "Sequential()"],
])("%o", (layer, wanted) => {
  expect(print(layer)).toBe(wanted);
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
