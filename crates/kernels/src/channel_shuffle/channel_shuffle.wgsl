// A transposition within each pixel: channel i * groups + g is number i of group g.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  groups: u32,
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
  let c = cell(64 * index(workgroup, workgroups) + local, params.size);
  if c.n >= params.size.x {
    return;
  }
  let first = at(params.x, c.n, c.y, c.x);
  let each = params.channels / params.groups;
  var numbers = vec4(0.0);
  for (var lane = 0u; lane < 4; lane++) {
    let channel = 4 * c.group + lane;
    if channel < params.channels {
      let source = channel % params.groups * each + channel / params.groups;
      numbers[lane] = x[first + source / 4][source % 4];
    }
  }
  y[at(params.y, c.n, c.y, c.x) + c.group] = numbers;
}
