// The mean of each window.

override COUNT_INCLUDE_PAD: bool = false;

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  /// Vertical and horizontal, as are the next.
  kernel: vec2<u32>,
  stride: vec2<u32>,
  /// In front.
  padding: vec2<u32>,
  dilation: vec2<u32>,
  /// The input's rows and columns, and the same with the padding on both sides.
  cells: vec2<u32>,
  padded: vec2<u32>,
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
  let first = vec2(c.y, c.x) * params.stride;
  var sum = vec4(0.0);
  var count = 0u;
  for (var i = 0u; i < params.kernel.x; i++) {
    // Above the input it wraps around, and is too large as well.
    let row = first.x + i * params.dilation.x - params.padding.x;
    if row >= params.cells.x {
      continue;
    }
    for (var j = 0u; j < params.kernel.y; j++) {
      let column = first.y + j * params.dilation.y - params.padding.y;
      if column < params.cells.y {
        sum += x[at(params.x, c.n, row, column) + c.group];
        count++;
      }
    }
  }
  if COUNT_INCLUDE_PAD {
    let room = min(params.kernel, (params.padded - first + params.dilation - 1) / params.dilation);
    count = room.x * room.y;
  }
  y[at(params.y, c.n, c.y, c.x) + c.group] = sum * (1.0 / f32(count));
}
