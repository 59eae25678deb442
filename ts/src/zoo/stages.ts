/** The plans that torchvision's and timm's forms of a network share. */

/** A stage of equal blocks: how much a block widens inside, kernel, stride of the first, channels, blocks. */
export type Stage = readonly [
  widening: number,
  kernel: number,
  stride: number,
  width: number,
  blocks: number,
];

/** MobileNet v2's, arXiv 1801.04381, table 2. */
export const MOBILENET_V2: readonly Stage[] = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 3, 2, 32, 3],
  [6, 3, 2, 64, 4],
  [6, 3, 1, 96, 3],
  [6, 3, 2, 160, 3],
  [6, 3, 1, 320, 1],
];

/** EfficientNet B0's, arXiv 1905.11946, table 1. */
export const EFFICIENTNET_B0: readonly Stage[] = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
];

/** What the channels and the blocks of B0 are multiplied by in B0 to B7. */
export const EFFICIENTNET_SCALES = {
  b0: [1, 1],
  b1: [1, 1.1],
  b2: [1.1, 1.2],
  b3: [1.2, 1.4],
  b4: [1.4, 1.8],
  b5: [1.6, 2.2],
  b6: [1.8, 2.6],
  b7: [2, 3.1],
} as const;
