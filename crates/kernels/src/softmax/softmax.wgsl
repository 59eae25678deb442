// e^x over its sum, of each pixel's channels. Some threads share a pixel.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  channels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

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

  var most = vec4(-3.4028234e38);
  for (var group = lane; group < groups; group += LANES) {
    most = max(most, select(most, x[first + group], channels_of(group) > vec4(0.0)));
  }
  let largest = largest_of(local, max(max(most.x, most.y), max(most.z, most.w)));

  // None is infinite, and their sum is at least 1.
  var sum = vec4(0.0);
  for (var group = lane; group < groups; group += LANES) {
    sum += exponential(x[first + group] - largest) * channels_of(group);
  }
  let total = sum_of(local, dot(sum, vec4(1.0)));

  let to = at(params.y, c.n, c.y, c.x);
  for (var group = lane; group < groups; group += LANES) {
    y[to + group] = exponential(x[first + group] - largest) * channels_of(group) / total;
  }
}
