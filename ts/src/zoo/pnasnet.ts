import { cellNet, genotype } from "./cells.js";
import { imagenet, imagenetRows } from "./row.js";

/**
 * PNASNet-5 large, arXiv 1712.00559, under timm's keys: [3, H, W] of any size from 3 x 3 on, at best 331 x 331, to
 * [1000] logits. Throws `bad-option`.
 */
export const pnasnet5large = cellNet("pnasnet5large", {
  type: "PNASNet5Large",
  first: "conv_0",
  normal: genotype("sep51 max31 sep70 max30 sep50 sep30 sep34 max30 sep31 none0 23456"),
  numCells: 4,
  filters: 216,
  stemSize: 96,
  dropout: 0,
  timm: true,
});

const paper = "arXiv 1712.00559, Progressive neural architecture search";

/**
 * @family pnasnet
 * Cells are searched from simple to complicated, a pair of operations at a time. A model that predicts accuracy
 * picks which of the many larger cells are worth training. That takes a fifth of NASNet's trials for a cell as
 * good.
 *
 *     cell[k-2] -+-> op --+
 *                +-> op --+-> + -+
 *     cell[k-1] -+-> op --+      +-> concat      (five such pairs; which ops and inputs was searched)
 *                +-> op --+-> + -+
 */

/** The table's rows of this family; accuracy as timm published it. */
export const pnasnetRows = imagenetRows(
  { family: "pnasnet", paper, year: 2017, source: "timm" },
  {
    pnasnet5large: {
      build: pnasnet5large,
      minSize: 3,
      params: 86_057_668,
      macs: 24_937_395_792,
      top: [82.814, 96.032],
      preprocess: { ...imagenet(363, 331, "bicubic"), mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    },
  },
);
