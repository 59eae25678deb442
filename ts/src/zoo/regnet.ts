import { integer, number } from "../check.js";
import {
  adaptiveAvgPool2d,
  add,
  flatten,
  type Layer,
  linear,
  type Module,
  module,
  type Net,
  net,
  relu,
  sequential,
} from "../layers.js";
import { convNormAct, roundChannels, squeezeExcitation } from "./blocks.js";
import { optionsOf, positive, repeats } from "./options.js";
import { imagenet, imagenetRows, type ModelOptions } from "./row.js";

/** Options of the RegNets: the numbers from which the widths and depths of the stages follow. */
export interface RegNetOptions extends ModelOptions {
  /** Blocks in all. */
  readonly depth?: number;
  /** The first block's width, before it is rounded. */
  readonly w0?: number;
  /** By how much each block is wider than the one before, before stages are made. */
  readonly wa?: number;
  /** By which factor a stage is wider than the one before, about. */
  readonly wm?: number;
  /** Channels a group of the 3 x 3 convolutions. */
  readonly groupWidth?: number;
}

const act = relu({ inplace: true });

/** The nearest whole number, halves to the even one, as torch.round and Python's round do. */
const roundEven = (x: number) => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

/** The width and depth of each stage: widths grow linearly, are rounded to powers of `wm`, then to multiples of 8. */
function stagesOf(o: Required<RegNetOptions>): { width: number; depth: number }[] {
  const stages: { width: number; depth: number }[] = [];
  for (let i = 0; i < o.depth; i++) {
    const power = roundEven(Math.log((o.w0 + o.wa * i) / o.w0) / Math.log(o.wm));
    const width = roundEven((o.w0 * o.wm ** power) / 8) * 8;
    const last = stages.at(-1);
    if (last?.width === width) last.depth++;
    else stages.push({ width, depth: 1 });
  }
  return stages;
}

function resBottleneck(from: number, to: number, stride: number, groupWidth: number, se: boolean): Module {
  const transform: Record<string, Layer> = {
    a: convNormAct(from, to, 1, { act }),
    b: convNormAct(to, to, 3, { stride, groups: to / groupWidth, act }),
    ...(se ? { se: squeezeExcitation(to, roundEven(from / 4)) } : {}),
    c: convNormAct(to, to, 1, { act: null }),
  };
  const projects = stride !== 1 || from !== to;
  const children = {
    ...(projects ? { proj: convNormAct(from, to, 1, { stride, act: null }) } : {}),
    f: module("BottleneckTransform", transform, Object.keys(transform)),
    activation: act,
  };
  return module("ResBottleneckBlock", children, [add(projects ? ["proj"] : [], ["f"]), "activation"]);
}

/**
 * RegNet, arXiv 2003.13678, X or with squeeze and excitation Y, under torchvision's keys: [3, H, W] of any size, at
 * best of the row's `input`, to [1000] logits. The nets throw `bad-option`.
 */
const regnet =
  (name: string, depth: number, w0: number, wa: number, wm: number, groupWidth: number) =>
  (options: RegNetOptions = {}): Net => {
    const o = optionsOf(name, options, {
      depth: [depth, repeats],
      w0: [w0, (where, key, value) => integer(where, key, value, 8)],
      wa: [wa, (where, key, value) => number(where, key, value, 0)],
      wm: [wm, (where, key, value) => number(where, key, value, 1)],
      groupWidth: [groupWidth, positive],
    });
    const stages: Record<string, Module> = {};
    let channels = 32;
    for (const [i, { width, depth: count }] of stagesOf(o).entries()) {
      const group = Math.min(o.groupWidth, width);
      const to = roundChannels(width, group);
      const blocks: Record<string, Module> = {};
      for (let k = 0; k < count; k++, channels = to) {
        const se = name.startsWith("regnet_y");
        blocks[`block${i + 1}-${k}`] = resBottleneck(channels, to, k === 0 ? 2 : 1, group, se);
      }
      stages[`block${i + 1}`] = module("AnyStage", blocks, Object.keys(blocks));
    }
    const children = {
      stem: convNormAct(o.inChannels, 32, 3, { stride: 2, act, type: "SimpleStemIN" }),
      trunk_output: sequential(stages),
      avgpool: adaptiveAvgPool2d([1, 1]),
      fc: linear(channels, o.classes),
    };
    return net("RegNet", children, ["stem", "trunk_output", "avgpool", flatten(), "fc"], o);
  };

/** RegNet Y of 400 million multiply-adds, as the name says; so are the others. */
export const regnet_y_400mf = regnet("regnet_y_400mf", 16, 48, 27.89, 2.09, 8);
export const regnet_y_800mf = regnet("regnet_y_800mf", 14, 56, 38.84, 2.4, 16);
export const regnet_y_1_6gf = regnet("regnet_y_1_6gf", 27, 48, 20.71, 2.65, 24);
export const regnet_y_3_2gf = regnet("regnet_y_3_2gf", 21, 80, 42.63, 2.66, 24);
export const regnet_y_8gf = regnet("regnet_y_8gf", 17, 192, 76.82, 2.19, 56);
export const regnet_y_16gf = regnet("regnet_y_16gf", 18, 200, 106.23, 2.48, 112);
export const regnet_y_32gf = regnet("regnet_y_32gf", 20, 232, 115.89, 2.53, 232);
export const regnet_y_128gf = regnet("regnet_y_128gf", 27, 456, 160.83, 2.52, 264);
/** RegNet X of 400 million multiply-adds; the others likewise. */
export const regnet_x_400mf = regnet("regnet_x_400mf", 22, 24, 24.48, 2.54, 16);
export const regnet_x_800mf = regnet("regnet_x_800mf", 16, 56, 35.73, 2.28, 16);
export const regnet_x_1_6gf = regnet("regnet_x_1_6gf", 18, 80, 34.01, 2.25, 24);
export const regnet_x_3_2gf = regnet("regnet_x_3_2gf", 25, 88, 26.31, 2.25, 48);
export const regnet_x_8gf = regnet("regnet_x_8gf", 23, 80, 49.56, 2.88, 120);
export const regnet_x_16gf = regnet("regnet_x_16gf", 22, 216, 55.59, 2.1, 128);
export const regnet_x_32gf = regnet("regnet_x_32gf", 23, 320, 69.86, 2, 168);

const paper = "arXiv 2003.13678, Designing network design spaces";

/**
 * @family regnet
 * Not one net is sought but a space of good ones. In it the widths of the blocks grow along a straight line,
 * rounded to a few stages, and four numbers give a whole net. X has plain grouped bottlenecks, Y adds squeeze-and-
 * excitation.
 *
 *     x -+-> 1x1 -> relu -> 3x3 in groups -> relu [-> squeeze-excite] -> 1x1 -+-> + -> relu
 *        +--------------------------------------------------------------------+
 */

/** The table's rows of this family; accuracy as torchvision published it (of 128gf: trained on more images first). */
export const regnetRows = imagenetRows(
  { family: "regnet", paper, year: 2020, source: "torchvision" },
  {
    regnet_y_400mf: { build: regnet_y_400mf, params: 4_344_144, macs: 401_842_848, top: [74.046, 91.716] },
    regnet_y_800mf: { build: regnet_y_800mf, params: 6_432_512, macs: 833_856_256, top: [76.42, 93.136] },
    regnet_y_1_6gf: { build: regnet_y_1_6gf, params: 11_202_430, macs: 1_612_076_160, top: [77.95, 93.966] },
    regnet_y_3_2gf: { build: regnet_y_3_2gf, params: 19_436_338, macs: 3_176_482_752, top: [78.948, 94.576] },
    regnet_y_8gf: { build: regnet_y_8gf, params: 39_381_472, macs: 8_473_070_592, top: [80.032, 95.048] },
    regnet_y_16gf: { build: regnet_y_16gf, params: 83_590_140, macs: 15_911_510_272, top: [80.424, 95.24] },
    regnet_y_32gf: { build: regnet_y_32gf, params: 145_046_770, macs: 32_279_552_832, top: [80.878, 95.34] },
    regnet_y_128gf: {
      build: regnet_y_128gf,
      params: 644_812_894,
      macs: 374_570_006_400,
      top: [88.228, 98.682],
      preprocess: imagenet(384, 384, "bicubic"),
    },
    regnet_x_400mf: { build: regnet_x_400mf, params: 5_495_976, macs: 413_812_608, top: [72.834, 90.95] },
    regnet_x_800mf: { build: regnet_x_800mf, params: 7_259_656, macs: 799_699_712, top: [75.212, 92.348] },
    regnet_x_1_6gf: { build: regnet_x_1_6gf, params: 9_190_136, macs: 1_602_849_792, top: [77.04, 93.44] },
    regnet_x_3_2gf: { build: regnet_x_3_2gf, params: 15_296_552, macs: 3_176_621_952, top: [78.364, 93.992] },
    regnet_x_8gf: { build: regnet_x_8gf, params: 39_572_648, macs: 7_995_132_416, top: [79.344, 94.686] },
    regnet_x_16gf: { build: regnet_x_16gf, params: 54_278_536, macs: 15_940_755_456, top: [80.058, 94.944] },
    regnet_x_32gf: { build: regnet_x_32gf, params: 107_811_560, macs: 31_735_929_792, top: [80.622, 95.248] },
  },
);
