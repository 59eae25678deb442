// x / (k + alpha / size * sum of squares)^beta over neighbouring channels.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  channels: u32,
  /// Channels of the sum, and how many of them lie before.
  taps: u32,
  before: u32,
  /// alpha / size.
  alpha: f32,
  beta: f32,
  k: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

/// base^-beta; all networks have 3/4, of which roots are exact to a rounding.
fn power(base: vec4<f32>) -> vec4<f32> {
  if params.beta == 0.75 {
    let root = sqrt(base);
    return 1.0 / (root * sqrt(root));
  }
  if params.beta == 0.5 {
    return 1.0 / sqrt(base);
  }
  return exponential(-params.beta * logarithm(base));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let c = cell(64 * index(workgroup, workgroups) + local, params.size);
  if c.n >= params.size.x {
    return;
  }
  let first = at(params.x, c.n, c.y, c.x);
  var squares = vec4(0.0);
  for (var lane = 0u; lane < 4; lane++) {
    for (var tap = 0u; tap < params.taps; tap++) {
      // Before the first channel it wraps around, and is too large as well.
      let channel = 4 * c.group + lane + tap - params.before;
      if channel < params.channels {
        let number = x[first + channel / 4][channel % 4];
        squares[lane] += number * number;
      }
    }
  }
  let number = x[first + c.group];
  y[at(params.y, c.n, c.y, c.x) + c.group] = number * power(fma(squares, vec4(params.alpha), vec4(params.k)));
}
