// Copies a map into channels of another that need not begin at a vec4, nor need the map's own. The channels before are kept;
// those behind, to the end of the vec4, are set to zero: whatever belongs there is copied later.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  /// Images, rows and columns, and vec4s that are written of a pixel.
  size: vec4<u32>,
  /// In which lane of its first vec4 the map begins here and there, and its channels.
  from_lane: u32,
  to_lane: u32,
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
  let place = at(params.y, c.n, c.y, c.x) + c.group;
  let first = at(params.x, c.n, c.y, c.x);
  var numbers = vec4(0.0);
  for (var lane = 0u; lane < 4; lane++) {
    let channel = 4 * c.group + lane;
    let source = channel - params.to_lane;
    if channel < params.to_lane {
      numbers[lane] = y[place][lane];
    } else if source < params.channels {
      let number = source + params.from_lane;
      numbers[lane] = x[first + number / 4][number % 4];
    }
  }
  y[place] = numbers;
}
