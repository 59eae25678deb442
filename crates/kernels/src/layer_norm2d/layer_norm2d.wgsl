// Over the channels of each pixel: (x - mean) / sqrt(variance + eps), then an epilogue. Some threads share a pixel.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  summand: vec4<u32>,
  size: vec4<u32>,
  channels: u32,
  eps: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  join(local);
  let i = index(workgroup, workgroups) * (64 / LANES) + local / LANES;
  let c = cell(i, vec4(params.size.xyz, 1));
  let lane = local % LANES;
  // Who has no pixel goes along, for the barriers.
  let groups = select(0u, params.size.w, c.n < params.size.x);
  let first = at(params.x, c.n, c.y, c.x);
  let count = f32(params.channels);

  var sum = vec4(0.0);
  for (var group = lane; group < groups; group += LANES) {
    sum += x[first + group] * channels_of(group);
  }
  let mean = sum_of(local, dot(sum, vec4(1.0))) / count;

  // Around the mean, not the mean of squares less the mean's square, in which digits cancel.
  sum = vec4(0.0);
  for (var group = lane; group < groups; group += LANES) {
    let far = (x[first + group] - mean) * channels_of(group);
    sum += far * far;
  }
  let scale = 1.0 / sqrt(sum_of(local, dot(sum, vec4(1.0))) / count + params.eps);

  let to = at(params.y, c.n, c.y, c.x);
  let place = at(params.summand, c.n, c.y, c.x);
  for (var group = lane; group < groups; group += LANES) {
    y[to + group] = finish((x[first + group] - mean) * scale, group, place + group);
  }
}
