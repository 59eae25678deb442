import { type CellPlan, cellNet, genotype } from "./cells.js";
import { imagenet, imagenetRows } from "./row.js";

const amoebanet = (
  name: string,
  normal: string,
  reduction: string,
  numCells: number,
  filters: number,
): ReturnType<typeof cellNet> => {
  const plan: CellPlan = {
    type: "CellNet",
    first: "conv0",
    normal: genotype(normal),
    reduction: genotype(reduction),
    numCells,
    filters,
    stemSize: 32,
    dropout: 0.5,
  };
  return cellNet(name, plan);
};

/** The cells as in the authors' code for TPUs, the normal one and the reduction. */
const A = [
  "avg30 max30 sep31 none1 none0 avg31 sep30 sep52 avg35 sep30 1346",
  "sep31 avg30 max30 sep72 max31 max30 sep34 conv70 avg31 sep70 23456",
] as const;
const B = [
  "conv11 max31 none1 sep30 conv11 sep30 conv12 none2 avg31 conv15 0346",
  "max20 max30 none2 conv31 sep52 max32 none3 sep31 avg34 conv13 56",
] as const;
const C = [
  "avg30 sep30 none0 sep30 avg32 sep31 none0 sep31 avg33 sep30 12456",
  "max30 max30 sep72 sep30 sep70 max31 sep54 sep54 max31 sep31 023456",
] as const;

/**
 * AmoebaNet-A of 6 cells a stack and 190 filters, arXiv 1802.01548, under the keys of Cadene's NASNet with the cells
 * numbered on: [3, H, W] of any size from 3 x 3 on, at best 331 x 331, to [1000] logits. `filters: 448` is the paper's
 * largest. Throws `bad-option`.
 */
export const amoebanet_a = amoebanet("amoebanet_a", ...A, 6, 190);
/** {@link amoebanet_a} of 4 cells a stack and 50 filters, at best for 224 x 224. */
export const amoebanet_a_mobile = amoebanet("amoebanet_a_mobile", ...A, 4, 50);
/** AmoebaNet-B of 6 cells a stack and 512 filters, arXiv 1811.06965, at best for 480 x 480. */
export const amoebanet_b_gpipe = amoebanet("amoebanet_b_gpipe", ...B, 6, 512);
/** AmoebaNet-C of 6 cells a stack and 228 filters, at best for 331 x 331. */
export const amoebanet_c = amoebanet("amoebanet_c", ...C, 6, 228);

const paper = "arXiv 1802.01548, Regularized evolution for image classifier architecture search";
const gpipePaper =
  "arXiv 1811.06965, GPipe: efficient training of giant neural networks using pipeline parallelism";
const images = (resize: number, crop: number) => {
  const halves = [0.5, 0.5, 0.5];
  return { ...imagenet(resize, crop), mean: halves, std: halves };
};

/**
 * @family amoebanet
 * Cells evolve: of a few random ones the best is copied with one change, and the oldest dies. Letting age, not
 * accuracy, decide who goes keeps lucky accidents from taking over. GPipe's AmoebaNet-B is the same cell made so
 * wide that it was spread over several accelerators.
 *
 *     cell[k-2] -+-> op --+
 *                +-> op --+-> + -+
 *     cell[k-1] -+-> op --+      +-> concat      (five such pairs; which ops and inputs was searched)
 *                +-> op --+-> + -+
 */

/** The table's rows of this family; accuracy as in the papers. */
export const amoebanetRows = {
  ...imagenetRows(
    { family: "amoebanet", paper, year: 2018, source: "paper" },
    {
      amoebanet_a: {
        build: amoebanet_a,
        minSize: 3,
        params: 86_718_797,
        macs: 23_133_663_507,
        top: [82.8, 96.1],
        preprocess: images(378, 331),
      },
      amoebanet_a_mobile: {
        build: amoebanet_a_mobile,
        minSize: 3,
        params: 5_086_930,
        macs: 554_687_204,
        top: [74.5, 92],
        preprocess: images(256, 224),
      },
      amoebanet_c: {
        build: amoebanet_c,
        minSize: 3,
        params: 155_272_667,
        macs: 41_129_488_875,
        top: [83.1, 96.3],
        preprocess: images(378, 331),
      },
    },
  ),
  ...imagenetRows(
    { family: "amoebanet", paper: gpipePaper, year: 2018, source: "paper" },
    {
      amoebanet_b_gpipe: {
        build: amoebanet_b_gpipe,
        minSize: 3,
        params: 557_277_864,
        macs: 298_794_036_064,
        top: [84.4, 97],
        preprocess: images(548, 480),
      },
    },
  ),
};
