// Two 1 x 1 convolutions of an image's one pixel, the second of what the first gives: squeeze-excite. A workgroup computes all
// of the first, into its own memory, and a part of the second. The products of a sum are dealt out to a team of invocations.

struct Params {
  /// Offset of the first image and from image to image.
  x: vec2<u32>,
  y: vec2<u32>,
  /// Numbers of the image, vec4s between the convolutions and vec4s of results, and those that a workgroup computes.
  features: u32,
  hidden: u32,
  outputs: u32,
  each: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> first_weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> first_tail: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> second_weights: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> second_tail: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

override FIRST_STORAGE: u32 = 0;
override FIRST_ACTIVATION: u32 = 0;
override SECOND_STORAGE: u32 = 0;
override SECOND_ACTIVATION: u32 = 0;
/// Invocations of a team in each of the convolutions, powers of two.
override FIRST_TEAM: u32 = 32;
override SECOND_TEAM: u32 = 8;

const INVOCATIONS: u32 = 256;

var<workgroup> sums: array<vec4<f32>, INVOCATIONS>;
/// What the first convolution gives, at most 1024 numbers.
var<workgroup> hidden: array<vec4<f32>, 256>;

/// The sum over this invocation's team, for its first. All of the workgroup must come here.
fn total(own: u32, team: u32, sum: vec4<f32>) -> vec4<f32> {
  sums[own] = sum;
  for (var half = team / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if own % team < half {
      sums[own] += sums[own + half];
    }
  }
  workgroupBarrier();
  return sums[own];
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) own: u32) {
  let image = workgroup.y;
  let pixel = 4 * (params.x.x + image * params.x.y);
  for (var i = 0u; i < params.hidden; i += INVOCATIONS / FIRST_TEAM) {
    let output = i + own / FIRST_TEAM;
    let row = output * params.features;
    var sum = vec4<f32>();
    if output < params.hidden {
      for (var k = own % FIRST_TEAM; k < params.features; k += FIRST_TEAM) {
        let w = quadruple(FIRST_STORAGE, first_weights[(row + k) >> FIRST_STORAGE], row + k);
        sum += x[pixel + k] * w;
      }
    }
    sum = total(own, FIRST_TEAM, sum);
    if output < params.hidden && own % FIRST_TEAM == 0 {
      let result = ended(FIRST_STORAGE, sum, first_tail[output], first_tail[params.hidden + output]);
      hidden[output] = activation(FIRST_ACTIVATION, result);
    }
    workgroupBarrier();
  }
  for (var i = 0u; i < params.each; i += INVOCATIONS / SECOND_TEAM) {
    let place = i + own / SECOND_TEAM;
    let output = workgroup.x * params.each + place;
    let is_there = place < params.each && output < params.outputs;
    var sum = vec4<f32>();
    if is_there {
      for (var k = own % SECOND_TEAM; k < params.hidden; k += SECOND_TEAM) {
        let at = 4 * (output * params.hidden + k);
        let w0 = quadruple(SECOND_STORAGE, second_weights[at >> SECOND_STORAGE], at);
        let w1 = quadruple(SECOND_STORAGE, second_weights[(at + 1) >> SECOND_STORAGE], at + 1);
        let w2 = quadruple(SECOND_STORAGE, second_weights[(at + 2) >> SECOND_STORAGE], at + 2);
        let w3 = quadruple(SECOND_STORAGE, second_weights[(at + 3) >> SECOND_STORAGE], at + 3);
        sum = with_products(sum, hidden[k], w0, w1, w2, w3);
      }
    }
    sum = total(own, SECOND_TEAM, sum);
    if is_there && own % SECOND_TEAM == 0 {
      let result = ended(SECOND_STORAGE, sum, second_tail[output], second_tail[params.outputs + output]);
      y[params.y.x + image * params.y.y + output] = activation(SECOND_ACTIVATION, result);
    }
    workgroupBarrier();
  }
}
