/** The colour transformation of AlexNet's training: light that is a little stronger, weaker, bluer, yellower. */
import { number } from "../check.js";
import { ConvzooError } from "../errors.js";
import { type RawPixels, toPixels } from "../image/pixels.js";
import type { Random } from "../random.js";
import { eigen } from "./eigen.js";

/** Three numbers: red, green, blue; or one for each component. */
export type Triple = readonly [number, number, number];

/** The principal components of the colours of a set of images, values from 0 to 1; the largest first. */
export interface ColorPCA {
  /** The variance along each component. */
  readonly values: Triple;
  /** The components, [red, green, blue] of length 1 each, the largest of the three numbers positive. */
  readonly vectors: readonly [Triple, Triple, Triple];
}

/** Those of ImageNet, as they are in general use since fb.resnet.torch computed them of a part of its training images. */
export const IMAGENET_COLORS: ColorPCA = {
  values: [0.2175, 0.0188, 0.0045],
  vectors: [
    [0.5675, 0.5808, 0.5836],
    [0.7192, -0.0045, -0.6948],
    [-0.4009, 0.814, -0.4203],
  ],
};

/**
 * The principal components of all pixels of your images, as `decode` gives them. Images may come one by one (an async
 * generator), so that they need not be in memory together.
 *
 * Rejects with `bad-option` where there is no image, `bad-image` for what are no pixels.
 */
export async function colorPCA(images: Iterable<RawPixels> | AsyncIterable<RawPixels>): Promise<ColorPCA> {
  // Sums of whole numbers, exact up to 2^53: nothing depends on the order, and nothing is lost by subtracting in the end.
  const sums = [0, 0, 0];
  const products = [0, 0, 0, 0, 0, 0];
  let count = 0;
  for await (const image of images) {
    const { data } = toPixels(image);
    for (let i = 0; i < data.length; i += 3) {
      const [r, g, b] = [data[i]!, data[i + 1]!, data[i + 2]!];
      sums[0]! += r;
      sums[1]! += g;
      sums[2]! += b;
      products[0]! += r * r;
      products[1]! += r * g;
      products[2]! += r * b;
      products[3]! += g * g;
      products[4]! += g * b;
      products[5]! += b * b;
    }
    count += data.length / 3;
  }
  if (count === 0)
    throw new ConvzooError("bad-option", "colorPCA: pass at least one image, as decode gives it.");
  const covariance = (a: number, b: number, product: number) =>
    (product / count - (sums[a]! / count) * (sums[b]! / count)) / 255 ** 2;
  const [rr, rg, rb, gg, gb, bb] = products as [number, number, number, number, number, number];
  const [xx, xy, xz] = [covariance(0, 0, rr), covariance(0, 1, rg), covariance(0, 2, rb)];
  const [yy, yz, zz] = [covariance(1, 1, gg), covariance(1, 2, gb), covariance(2, 2, bb)];
  return eigen([
    [xx, xy, xz],
    [xy, yy, yz],
    [xz, yz, zz],
  ]);
}

/**
 * What to add to red, green and blue, from 0 to 1, of all pixels of an image: each component times its variance times a number
 * of a normal distribution with deviation `std`, 0.1 in Krizhevsky, Sutskever and Hinton 2012 (section 4.1).
 *
 * Throws `bad-option` for a `std` that is not above 0, or components that are none.
 */
export function colorShift(pca: ColorPCA, random: Random, std = 0.1): Triple {
  number("colorShift", "std", std, 0);
  const isTriple = (list: unknown) => Array.isArray(list) && list.length === 3 && list.every(Number.isFinite);
  if (!isTriple(pca?.values) || pca.vectors?.length !== 3 || !pca.vectors.every(isTriple)) {
    const message =
      "Colours are what colorPCA gives: { values, vectors }, three numbers and three times three.";
    throw new ConvzooError("bad-option", message);
  }
  const alphas = pca.values.map((value) => value * std * normal(random));
  const sum = (c: 0 | 1 | 2) => pca.vectors.reduce((total, vector, i) => total + vector[c] * alphas[i]!, 0);
  return [sum(0), sum(1), sum(2)];
}

/**
 * A number of the standard normal distribution, by the ratio of uniforms with Leva's bounds (1992, A fast normal random number
 * generator). Unlike other ways it computes what it gives without a logarithm, whose last bit differs between runtimes.
 */
export function normal(random: Random): number {
  for (;;) {
    const u = 1 - random();
    const v = 1.7156 * (random() - 0.5);
    const [x, y] = [u - 0.449871, Math.abs(v) + 0.386595];
    const q = x * x + y * (0.196 * y - 0.25472 * x);
    if (q < 0.27597) return v / u;
    if (q < 0.27846 && v * v <= -4 * Math.log(u) * u * u) return v / u;
  }
}
