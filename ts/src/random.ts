/** Random numbers that are the same in every runtime. */
import { integer } from "./check.js";

/** Gives the next number of a sequence: from 0 up to, and without, 1; a multiple of 2^-32. */
export type Random = () => number;

/**
 * The sequence of a seed, a whole number from 0 to 2^31 - 1: xoshiro128** (Blackman and Vigna 2018, arXiv 1805.01407), whose
 * state SplitMix64 fills, as its authors advise. Rust's `Xoshiro128StarStar::seed_from_u64` gives the same numbers.
 *
 * Throws `bad-option`.
 */
export function generator(seed: number): Random {
  const state = fill(integer("generator", "seed", seed, 0));
  return () => {
    const [a, b, c, d] = state as unknown as [number, number, number, number];
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9);
    state[0] = a ^ d ^ b;
    state[1] = b ^ c ^ a;
    state[2] = c ^ a ^ (b << 9);
    state[3] = rotate(d ^ b, 11);
    return (result >>> 0) / 2 ** 32;
  };
}

/** A whole number from 0 up to, and without, `end`. */
export const below = (end: number, random: Random): number => Math.floor(random() * end);

const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by));

/** Two numbers of SplitMix64, low halves first. */
function fill(seed: number): Int32Array {
  const state = new BigUint64Array(2);
  let counter = BigInt(seed);
  for (let i = 0; i < 2; i++) {
    counter += 0x9e3779b97f4a7c15n;
    let mixed = BigInt.asUintN(64, counter);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    state[i] = mixed ^ (mixed >> 31n);
  }
  return new Int32Array(state.buffer);
}
