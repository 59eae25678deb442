import { type CellPlan, cellNet, genotype } from "./cells.js";
import { imagenet, imagenetRows } from "./row.js";

/** NASNet-A, figure 4 of the paper. */
const CELLS = {
  type: "NASNetALarge",
  first: "conv0",
  normal: genotype("sep50 sep31 sep51 sep31 avg30 none1 avg31 avg31 sep30 none0 123456"),
  reduction: genotype("sep50 sep71 max30 sep71 avg30 sep51 none3 avg32 sep32 max30 3456"),
} as const;

const LARGE: CellPlan = {
  ...CELLS,
  numCells: 6,
  filters: 168,
  stemSize: 96,
  dropout: 0,
  timm: true,
  skips: true,
};

const MOBILE: CellPlan = {
  ...CELLS,
  type: "CellNet",
  numCells: 4,
  filters: 44,
  stemSize: 32,
  dropout: 0.5,
  spacing: 6,
};

/**
 * NASNet-A large (6 @ 4032), arXiv 1707.07012, under timm's keys: [3, H, W] of any size from 3 x 3 on, at best
 * 331 x 331, to [1000] logits. Throws `bad-option`.
 */
export const nasnetalarge = cellNet("nasnetalarge", LARGE);

/**
 * NASNet-A mobile (4 @ 1056), arXiv 1707.07012, under the keys of Cadene's pretrained-models.pytorch: [3, H, W] of any
 * size from 3 x 3 on, at best 224 x 224, to [1000] logits. Throws `bad-option`.
 */
export const nasnetamobile = cellNet("nasnetamobile", MOBILE);

const paper = "arXiv 1707.07012, Learning transferable architectures for scalable image recognition";
const HALVES = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

/**
 * @family nasnet
 * A cell is searched for on CIFAR-10 by a controller that is trained by reinforcement. Only two cells are sought,
 * one that keeps the size and one that halves it. They are then stacked, as often and as wide as one likes, for
 * ImageNet.
 *
 *     cell[k-2] -+-> op --+
 *                +-> op --+-> + -+
 *     cell[k-1] -+-> op --+      +-> concat      (five such pairs; which ops and inputs was searched)
 *                +-> op --+-> + -+
 */

/** The table's rows of this family; accuracy as timm, of the mobile one as Cadene published it. */
export const nasnetRows = imagenetRows(
  { family: "nasnet", paper, year: 2017, source: "timm and Cadene" },
  {
    nasnetalarge: {
      build: nasnetalarge,
      minSize: 3,
      params: 88_753_150,
      macs: 23_783_414_658,
      top: [82.638, 96.066],
      preprocess: { ...imagenet(363, 331, "bicubic"), ...HALVES },
    },
    nasnetamobile: {
      build: nasnetamobile,
      minSize: 3,
      params: 5_289_978,
      macs: 563_638_816,
      top: [74.08, 91.74],
      preprocess: { ...imagenet(256, 224, "bicubic"), ...HALVES },
    },
  },
);
