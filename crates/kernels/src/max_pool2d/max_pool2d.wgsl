// The largest number of each window; padding never wins.

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  /// Vertical and horizontal: kernel and stride, then padding in front and dilation.
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
  dilation: vec2<u32>,
  /// The input's rows and columns.
  cells: vec2<u32>,
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
  // The least float; below it is only the infinity, for which WGSL has no word.
  var most = vec4(-3.4028234e38);
  for (var i = 0u; i < params.kernel.x; i++) {
    // Above the input it wraps around, and is too large as well.
    let row = c.y * params.stride.x + i * params.dilation.x - params.padding.x;
    if row >= params.cells.x {
      continue;
    }
    for (var j = 0u; j < params.kernel.y; j++) {
      let column = c.x * params.stride.y + j * params.dilation.y - params.padding.y;
      if column < params.cells.y {
        most = max(most, x[at(params.x, c.n, row, column) + c.group]);
      }
    }
  }
  y[at(params.y, c.n, c.y, c.x) + c.group] = most;
}
