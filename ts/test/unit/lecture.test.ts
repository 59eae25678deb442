/** The lecture "Networks for image classification": the networks as its slides print them, and its arithmetic. */
import { expect, describe as group, test } from "vitest";
import { describe } from "../../src/describe.js";
import { isConvzooError } from "../../src/errors.js";
import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm2d,
  conv2d,
  dropout,
  gelu,
  type Layer,
  linear,
  logSoftmax,
  maxPool2d,
  module,
  type Net,
  prelu,
  relu,
  relu6,
  sequential,
  sigmoid,
  softmax,
  tanh,
  zeroPad2d,
} from "../../src/layers.js";
import { parameterCount, stateShapes } from "../../src/state.js";
import { findEntry, zoo } from "../../src/zoo/index.js";

const lecture = (layer: Layer): string => describe(layer, { style: "lecture" });
/** On one line, as the slides' text has it. */
const flat = (layer: Layer): string => lecture(layer).replace(/\s+/g, " ");

group("the slides' prints", () => {
  test("LeNet-5", () => {
    const [features, classifier] = [
      "(features): Sequential ( (0): Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1)) (1): ReLU (inplace) (2): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1)) (3): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1)) (4): ReLU (inplace) (5): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1)) )",
      "(classifier): Sequential ( (0): Linear (256 -> 120) (1): ReLU (inplace) (2): Linear (120 -> 84) (3): ReLU (inplace) (4): Linear (84 -> 10) )",
    ];
    expect(flat(zoo.lenet5.build())).toBe(`LeNet5 ( ${features} ${classifier} )`);
  });

  const alexnetFeatures =
    "(0): Conv2d(3, 64, kernel_size=(11, 11), stride=(4, 4), padding=(2, 2)) (1): ReLU (inplace) (2): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1)) (3): Conv2d(64, 192, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2)) (4): ReLU (inplace) (5): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1)) (6): Conv2d(192, 384, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) (7): ReLU (inplace) (8): Conv2d(384, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) (9): ReLU (inplace) (10): Conv2d(256, 256, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) (11): ReLU (inplace) (12): MaxPool2d (size=(3, 3), stride=(2, 2), dilation=(1, 1))";

  test("AlexNet", () => {
    const classifier =
      "(0): Dropout (p = 0.5) (1): Linear (9216 -> 4096) (2): ReLU (inplace) (3): Dropout (p = 0.5) (4): Linear (4096 -> 4096) (5): ReLU (inplace) (6): Linear (4096 -> 1000)";
    expect(flat(zoo.alexnet.build())).toBe(
      `AlexNet ( (features): Sequential ( ${alexnetFeatures} ) (classifier): Sequential ( ${classifier} ) )`,
    );
  });

  test("AlexNet made convolutional, layer by layer", () => {
    const { features } = zoo.alexnet.build().children;
    const layers = features?.op === "module" ? Object.values(features.children) : [];
    const [hidden, act] = [4096, relu({ inplace: true })];
    const end = [dropout(), conv2d(256, hidden, 6), act, dropout(), conv2d(hidden, hidden, 1), act];
    expect(flat(sequential(...layers, ...end, conv2d(hidden, 1000, 1)))).toBe(
      `Sequential ( ${alexnetFeatures} (13): Dropout (p = 0.5) (14): Conv2d(256, 4096, kernel_size=(6, 6), stride=(1, 1)) (15): ReLU (inplace) (16): Dropout (p = 0.5) (17): Conv2d(4096, 4096, kernel_size=(1, 1), stride=(1, 1)) (18): ReLU (inplace) (19): Conv2d(4096, 1000, kernel_size=(1, 1), stride=(1, 1)) )`,
    );
  });

  test("VGG 19, as far as a slide goes", () => {
    const print = flat(zoo.vgg19.build());
    const features =
      "(features): Sequential ( (0): Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) (1): ReLU (inplace) (2): Conv2d(64, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1)) (3): ReLU (inplace) (4): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1)) (5): Conv2d(64, 128, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))";
    const classifier =
      "(classifier): Sequential ( (0): Linear (25088 -> 4096) (1): ReLU (inplace) (2): Dropout (p = 0.5) (3): Linear (4096 -> 4096) (4): ReLU (inplace) (5): Dropout (p = 0.5) (6): Linear (4096 -> 1000) )";
    expect(print.startsWith(`VGG ( ${features}`)).toBe(true);
    expect(print).toContain("(27): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1)) (28): Conv2d(512");
    expect(
      print.endsWith(`(36): MaxPool2d (size=(2, 2), stride=(2, 2), dilation=(1, 1)) ) ${classifier} )`),
    ).toBe(true);
  });
});

// As PyTorch 0.2 printed them.
test.each<[Layer, string]>([
  [relu(), "ReLU ()"],
  [relu6({ inplace: true }), "ReLU6 (inplace)"],
  [sigmoid(), "Sigmoid ()"],
  [tanh(), "Tanh ()"],
  [prelu(8), "PReLU (8)"],
  [softmax(), "Softmax ()"],
  [logSoftmax(), "LogSoftmax ()"],
  [dropout(0.5, { inplace: true }), "Dropout (p = 0.5, inplace)"],
  [batchNorm2d(8), "BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True)"],
  [
    maxPool2d(3, { stride: 2, padding: 1 }),
    "MaxPool2d (size=(3, 3), stride=(2, 2), padding=(1, 1), dilation=(1, 1))",
  ],
  [
    avgPool2d(7, { stride: 1 }),
    "AvgPool2d (size=7, stride=1, padding=0, ceil_mode=False, count_include_pad=True)",
  ],
  [adaptiveAvgPool2d(1), "AdaptiveAvgPool2d (output_size=1)"],
  [zeroPad2d([1, 2, 3, 4]), "ZeroPad2d (2, 4, 1, 3)"],
  [
    conv2d(4, 8, 3, { groups: 2, bias: false }),
    "Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1), groups=2, bias=False)",
  ],
  // There was none; PyTorch 2's form.
  [gelu(), "GELU(approximate='none')"],
])("%o then", (layer, wanted) => {
  expect(lecture(layer)).toBe(wanted);
});

test("modules are indented, and lists were not merged then", () => {
  const twice = module("ModuleList", { 0: sequential(linear(2, 3)), 1: sequential(linear(2, 3)) }, []);
  const child = (name: number) => [`  (${name}): Sequential (`, "    (0): Linear (2 -> 3)", "  )"];
  expect(lecture(twice)).toBe(["ModuleList (", ...child(0), ...child(1), ")"].join("\n"));
});

test("every network of the zoo prints in both styles, and another style is refused", () => {
  for (const name of Object.keys(zoo)) {
    const net = findEntry(name).build();
    expect(lecture(net)).toMatch(/^\w+ \(\n/);
    expect(describe(net, { style: "pytorch" })).toBe(String(net));
  }
  const refused = (() => {
    try {
      return describe(relu(), { style: "short" as "lecture" });
    } catch (error) {
      return error;
    }
  })();
  expect(isConvzooError(refused) && refused.code).toBe("bad-option");
});

group("the slides' arithmetic", () => {
  /** Parameters below `path` as the lecture counts: no batch norm, a bias for each channel of a 3 x 3 convolution. */
  function counted(net: Net, path: string): number {
    const shapes = [...stateShapes(net)].flatMap(([key, { shape }]) => (key.startsWith(path) ? [shape] : []));
    const convs = shapes.filter((shape) => shape.length === 4);
    return convs.reduce((sum, shape) => sum + product(shape) + (shape[2] === 3 ? shape[0]! : 0), 0);
  }

  test.each<[string, Net, string, number]>([
    ["two 3 x 3 convolutions of 64 channels", zoo.resnet18.build(), "layer1.1.", 73_856],
    ["of 256 channels", zoo.resnet18.build(), "layer3.1.", 1_180_160],
    ["a bottleneck of 64 within 256", zoo.resnet50.build(), "layer1.1.", 69_696],
  ])("a residual block: %s", (_, net, path, wanted) => {
    expect(counted(net, path)).toBe(wanted);
  });

  /**
   * The "12 times" of the paper are round numbers, 60 million and 5 million. By the widths in its table 1, and so here,
   * the ratio is 8.7, and 10.2 without GoogLeNet's classifier, which is as near as a count comes.
   */
  test("GoogLeNet has a fraction of AlexNet's parameters", () => {
    const net = zoo.googlenet_lrn.build({ auxLogits: false });
    const counts = [parameterCount(net), parameterCount(net) - 1024 * 1000];
    const ratios = counts.map((count) => (zoo.alexnet.params / count).toFixed(1));
    expect(ratios).toEqual(["8.7", "10.2"]);
  });

  test("EfficientNet-B7 is 8.4 times smaller than GPipe's AmoebaNet-B", () => {
    expect(zoo.amoebanet_b_gpipe.params / zoo.efficientnet_b7.params).toBeCloseTo(8.4, 1);
  });
});

const product = (values: readonly number[]): number => values.reduce((a, b) => a * b, 1);
