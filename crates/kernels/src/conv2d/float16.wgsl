// What conv2d.wgsl multiplies: float16, in which the products of a step, at most 32, are summed; the steps' sums are
// added up in float32.
//
// Weights are packed so that the magnitudes of any 32 which meet in a step sum to at most 1. So no sum is larger than the largest
// input. A tile with an input beyond MOST, or none of LEAST, is summed anew in float32, from the numbers as they are.

alias Factor = f16;
alias Factors = vec4<f16>;
const IS_NARROW: bool = true;

/// Less than 65504 by what rounding can add to a sum.
const MOST: f32 = 60000;
/// Below, what is rounded to multiples of 2^-24 would be noticed.
const LEAST: f32 = 0x1p-10;
/// By which a weight of 8 bits is multiplied.
const STEP: f32 = 0x1p-12;

/// The largest magnitude that was fetched. Magnitudes are in the same order as their bits.
var<workgroup> most: atomic<u32>;

/// vec4s that teams hand over, at least one.
override SHARES: u32 = 1;
var<workgroup> shares: array<vec4<f32>, SHARES>;

fn narrowed(numbers: vec4<f32>) -> Factors {
  return Factors(numbers);
}

/// A quadruple of weights.
fn weight(words: vec4<u32>, at: u32) -> Factors {
  return narrowed(quadruple(STORAGE, words, at) * select(1, STEP, STORAGE == 2));
}

fn added(sum: Factors, number: Factor, quadruple: Factors) -> Factors {
  return sum + number * quadruple;
}

/// Takes the largest magnitudes of what an invocation fetched; `checked` comes after a barrier.
fn note(largest: vec4<f32>) {
  let pairs = max(largest.xy, largest.zw);
  atomicMax(&most, bitcast<u32>(max(pairs.x, pairs.y)));
}

/// The sum for the window at a corner; its weights begin at `weights_at`.
fn checked(sum: vec4<f32>, corner: vec4<i32>, weights_at: u32) -> vec4<f32> {
  let largest = bitcast<f32>(atomicLoad(&most));
  if largest == 0 || (largest >= LEAST && largest <= MOST) {
    return sum / select(1, STEP, STORAGE == 2);
  }
  var exact = vec4<f32>();
  var at = weights_at;
  for (var row = 0u; row < params.kernel.x; row++) {
    for (var column = 0u; column < params.kernel.y; column++) {
      for (var channel = 0u; channel < params.channels; channel++) {
        let number = fetch(corner, row, column, channel);
        for (var i = 0u; i < 4; i++) {
          exact += number[i] * quadruple(STORAGE, weights[at >> STORAGE], at);
          at++;
        }
      }
    }
  }
  return exact;
}

/// A team's sums on their way to another.
fn hand_over(at: u32, sum: vec4<f32>) {
  shares[at] = sum;
}

fn handed_over(at: u32) -> vec4<f32> {
  return shares[at];
}
