// An activation by itself, where no kernel that sums can take it along.

override ACTIVATION: u32 = 0;

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
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
  let c = cell(64 * index(workgroup, workgroups) + local, params.size);
  if c.n >= params.size.x {
    return;
  }
  y[at(params.y, c.n, c.y, c.x) + c.group] = activation(ACTIVATION, x[at(params.x, c.n, c.y, c.x) + c.group]);
}
