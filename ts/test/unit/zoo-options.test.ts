/** Options of the CIFAR networks, those with squeeze and excitation, those of searched cells, and EfficientNets. */
import { describe, expect, test } from "vitest";
import { lower } from "../../src/graph.js";
import type { Net } from "../../src/layers.js";
import { stateShapes } from "../../src/state.js";
import {
  amoebanet_a,
  amoebanet_b_gpipe,
  densenet_40_12,
  densenet_bc_100_12,
  efficientnet_b0,
  efficientnet_b2,
  legacy_senet154,
  legacy_seresnet50,
  legacy_seresnext50_32x4d,
  mobilenetv2_100,
  nasnetalarge,
  nasnetamobile,
  pnasnet5large,
  preact_resnet164_cifar,
  preact_resnet1001_cifar,
  resnet20_cifar,
  resnet110_cifar,
  resnext29_8x64d,
  resnext29_16x64d,
  squeezenet1_0,
  squeezenet1_1,
  tf_efficientnet_b0,
  tf_efficientnet_b1,
  wrn_16_8,
  wrn_28_10,
} from "../../src/zoo/builders.js";

/** The keys and shapes that a checkpoint of this net has. */
const state = (net: Net): unknown => [...stateShapes(net)];

describe("the variants of a family differ in their options only", () => {
  test.each<[string, Net, Net]>([
    ["depth of a ResNet", resnet20_cifar({ depth: 110 }), resnet110_cifar()],
    ["depth with pre-activation", preact_resnet164_cifar({ depth: 1001 }), preact_resnet1001_cifar()],
    ["depth and widenFactor", wrn_16_8({ depth: 28, widenFactor: 10 }), wrn_28_10()],
    ["groups of a ResNeXt", resnext29_8x64d({ groups: 16 }), resnext29_16x64d()],
    ["depthMult of timm's", tf_efficientnet_b0({ depthMult: 1.1 }), tf_efficientnet_b1()],
    ["widthMult and depthMult", efficientnet_b0({ widthMult: 1.1, depthMult: 1.2 }), efficientnet_b2()],
  ])("%s", (_, built, other) => {
    expect(state(built)).toEqual(state(other));
  });
});

describe("options show in the print", () => {
  test.each<[string, Net, string]>([
    [
      "widthPerGroup of a CIFAR ResNeXt",
      resnext29_8x64d({ widthPerGroup: 16 }),
      "(conv_conv): Conv2d(512, 512, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=8, bias=False)",
    ],
    ["squeezeRatio", squeezenet1_1({ squeezeRatio: 0.75 }), "(squeeze): Conv2d(64, 96, kernel_size=(1, 1)"],
    ["share3x3", squeezenet1_1({ share3x3: 0.25 }), "(expand1x1): Conv2d(16, 96, kernel_size=(1, 1)"],
    [
      "expand and increment",
      squeezenet1_0({ expand: 64, increment: 32 }),
      "(1): Conv2d(160, 1000, kernel_size",
    ],
    ["every", squeezenet1_0({ every: 8 }), "(1): Conv2d(128, 1000, kernel_size"],
    ["growthRate", densenet_40_12({ growthRate: 24 }), "(norm_final): BatchNorm2d(880, "],
    ["depth of a DenseNet", densenet_bc_100_12({ depth: 40 }), "(denselayer6): DenseLayer("],
    ["compression", densenet_40_12({ compression: 0.5 }), "(conv): Conv2d(160, 80, kernel_size=(1, 1)"],
    [
      "groups and widthPerGroup of an SE-ResNeXt",
      legacy_seresnext50_32x4d({ groups: 16, widthPerGroup: 8 }),
      "Conv2d(128, 128, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), groups=16, bias=False)",
    ],
    ["reduction", legacy_senet154({ reduction: 8 }), "(fc1): Conv2d(2048, 256, kernel_size=(1, 1)"],
    ["layers", legacy_seresnet50({ layers: [1, 1] }), "(last_linear): Linear(in_features=512, "],
    ["filters and numCells", amoebanet_a({ filters: 448, numCells: 2 }), "Linear(in_features=7168, "],
    ["stemSize", nasnetamobile({ stemSize: 24 }), "(conv): Conv2d(3, 24, kernel_size=(3, 3)"],
    ["dropout", nasnetalarge({ dropout: 0.25 }), "(head_drop): Dropout(p=0.25, inplace=False)"],
    [
      "padding",
      mobilenetv2_100({ padding: "same" }),
      "(conv_stem): Conv2dSame(3, 32, kernel_size=(3, 3), stride=(2, 2), bias=False)",
    ],
    ["eps", mobilenetv2_100({ eps: 1e-3 }), "(bn1): BatchNorm2d(32, eps=0.001, "],
    ["widthMult", mobilenetv2_100({ widthMult: 1.4 }), "(classifier): Linear(in_features=1792, "],
  ])("%s", (_, built, shown) => {
    expect(String(built)).toContain(shown);
    expect(lower(built).nodes.length).toBeGreaterThan(5);
  });

  test("cells go by the names of their definitions, however many there are", () => {
    const cells = (net: Net) => Object.keys(net.children).filter((name) => name.includes("cell"));
    const stem = ["cell_stem_0", "cell_stem_1"];
    const [first, second] = ["reduction_cell_0", "reduction_cell_1"];
    expect(cells(nasnetamobile({ numCells: 1 }))).toEqual([
      ...stem,
      "cell_0",
      first,
      "cell_6",
      second,
      "cell_12",
    ]);
    expect(cells(nasnetalarge({ numCells: 1 }))).toEqual([
      ...stem,
      "cell_0",
      first,
      "cell_1",
      second,
      "cell_2",
    ]);
    expect(cells(pnasnet5large({ numCells: 1 }))).toEqual([...stem, "cell_0", "cell_1", "cell_2"]);
  });
});

describe("options out of range", () => {
  test.each<[() => Net, RegExp]>([
    [
      () => resnet20_cifar({ depth: 21 }),
      /^resnet20_cifar: depth must be 2 more than a multiple of 6, but is 21/,
    ],
    [() => resnet20_cifar({ depth: 2 }), /^resnet20_cifar: depth must be a whole number of at least 8/],
    [
      () => wrn_16_8({ depth: 6010 }),
      /^wrn_16_8: the number of blocks that follows from depth must .* to 1000/,
    ],
    [() => wrn_16_8({ widenFactor: 0 }), /^wrn_16_8: widenFactor must be a whole number/],
    [() => densenet_bc_100_12({ depth: 43 }), /depth must be 4 more than a multiple of 6, but is 43/],
    [
      () => densenet_40_12({ compression: 1.5 }),
      /^densenet_40_12: compression must be at most 1, but is 1.5/,
    ],
    [() => densenet_40_12({ compression: 0 }), /^densenet_40_12: compression must be a number above 0/],
    [
      () => legacy_seresnet50({ widthPerGroup: 8 }),
      /^legacy_seresnet50: widthPerGroup is for the SE-ResNeXts/,
    ],
    [() => legacy_seresnet50({ layers: [] }), /^legacy_seresnet50: layers must be a list/],
    [() => nasnetamobile({ filters: 15 }), /^nasnetamobile: filters must be a whole number of at least 16/],
    [
      () => nasnetamobile({ numCells: 1e9 }),
      /^nasnetamobile: numCells must be a whole number from 1 to 1000/,
    ],
    [
      () => tf_efficientnet_b0({ depthMult: 1e9 }),
      /^tf_efficientnet_b0: the number of blocks from depthMult must/,
    ],
    [() => tf_efficientnet_b0({ eps: 0 }), /^tf_efficientnet_b0: eps must be a number above 0/],
    [
      () => mobilenetv2_100({ padding: "valid" as "same" }),
      /^mobilenetv2_100: padding must be "symmetric" or "same"/,
    ],
  ])("%s is refused", (build, message) => {
    expect(build).toThrow(
      expect.objectContaining({ code: "bad-option", message: expect.stringMatching(message) }),
    );
  });
});

test.each(Object.entries({ amoebanet_b_gpipe, preact_resnet1001_cifar, nasnetalarge }))(
  "%s is built within 50 ms",
  (_, build) => {
    const times = Array.from({ length: 5 }, () => {
      const start = performance.now();
      build();
      return performance.now() - start;
    });
    expect(Math.min(...times)).toBeLessThan(50);
  },
);
