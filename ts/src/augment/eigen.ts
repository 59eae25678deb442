/** Eigenvalues and -vectors of a symmetric matrix of 3 x 3, by Jacobi's rotations. */
import type { ColorPCA, Triple } from "./color.js";

/**
 * The largest value first; vectors of length 1, the largest number of each positive. Nothing but sums, products and square
 * roots, so the same in every runtime.
 */
export function eigen(matrix: readonly Triple[]): ColorPCA {
  const a = matrix.map((row) => [...row]);
  const v = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  // Each sweep squares what is left off the diagonal: six reach float64's last bit from anywhere.
  for (let sweep = 0; sweep < 12; sweep++) {
    for (const [p, q] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      rotate(a, v, p, q);
  }
  const pairs = [0, 1, 2].map((i) => ({
    value: a[i]![i]!,
    vector: upright(v.map((row) => row[i]!) as unknown as Triple),
  }));
  pairs.sort((one, other) => other.value - one.value);
  const [first, second, third] = pairs as [(typeof pairs)[0], (typeof pairs)[0], (typeof pairs)[0]];
  return {
    values: [first.value, second.value, third.value],
    vectors: [first.vector, second.vector, third.vector],
  };
}

/** Turns the axes p and q so that a[p][q] becomes 0. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const off = a[p]![q]!;
  if (off === 0) return;
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  const turn = (x: number, y: number): [number, number] => [c * x - s * y, s * x + c * y];
  for (const row of a) [row[p], row[q]] = turn(row[p]!, row[q]!);
  for (let i = 0; i < 3; i++) [a[p]![i], a[q]![i]] = turn(a[p]![i]!, a[q]![i]!);
  for (const row of v) [row[p], row[q]] = turn(row[p]!, row[q]!);
}

function upright(vector: Triple): Triple {
  const largest = vector.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
  return largest < 0 ? [-vector[0], -vector[1], -vector[2]] : vector;
}
