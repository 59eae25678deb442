// What conv2d.wgsl multiplies and sums in: float32. float16.wgsl stands in this one's place where that is asked for.

alias Factor = f32;
alias Factors = vec4<f32>;
const IS_NARROW: bool = false;

fn narrowed(numbers: vec4<f32>) -> Factors {
  return numbers;
}

/// A quadruple of weights.
fn weight(words: vec4<u32>, at: u32) -> Factors {
  return quadruple(STORAGE, words, at);
}

fn added(sum: Factors, number: Factor, quadruple: Factors) -> Factors {
  return sum + number * quadruple;
}

/// Takes the largest magnitudes of what an invocation fetched: any may be.
fn note(largest: vec4<f32>) {}

/// The sum for the window at a corner; its weights begin at `weights_at`.
fn checked(sum: vec4<f32>, corner: vec4<i32>, weights_at: u32) -> vec4<f32> {
  return sum;
}

/// A team's sums on their way to another, in the place of what is read no more.
fn hand_over(at: u32, sum: vec4<f32>) {
  tiles[at] = sum;
}

fn handed_over(at: u32) -> vec4<f32> {
  return tiles[at];
}
