// The sum of up to seven maps; of more, the first seven are summed first and the others added to what is there.

override ACTIVATION: u32 = 0;
override COUNT: u32 = 2;
override HAS_SUM: bool = false;

struct Params {
  xs: array<vec4<u32>, 7>,
  y: vec4<u32>,
  size: vec4<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x0: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> x1: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> x2: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> x3: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> x5: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> x6: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<vec4<f32>>;

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
  let place = at(params.y, c.n, c.y, c.x) + c.group;
  var sum = x0[at(params.xs[0], c.n, c.y, c.x) + c.group];
  if HAS_SUM {
    sum += y[place];
  }
  if COUNT > 1 {
    sum += x1[at(params.xs[1], c.n, c.y, c.x) + c.group];
  }
  if COUNT > 2 {
    sum += x2[at(params.xs[2], c.n, c.y, c.x) + c.group];
  }
  if COUNT > 3 {
    sum += x3[at(params.xs[3], c.n, c.y, c.x) + c.group];
  }
  if COUNT > 4 {
    sum += x4[at(params.xs[4], c.n, c.y, c.x) + c.group];
  }
  if COUNT > 5 {
    sum += x5[at(params.xs[5], c.n, c.y, c.x) + c.group];
  }
  if COUNT > 6 {
    sum += x6[at(params.xs[6], c.n, c.y, c.x) + c.group];
  }
  y[place] = activation(ACTIVATION, sum);
}
