// The mean of each output's cells. A workgroup has one output cell and some vec4s of
// its channels; its threads share the cells.

/// Threads of a workgroup that have one vec4 of channels each, side by side; there are 256 / GROUPS such rows.
override GROUPS: u32 = 4;

struct Params {
  x: vec4<u32>,
  y: vec4<u32>,
  size: vec4<u32>,
  /// The input's rows and columns.
  cells: vec2<u32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> shares: array<vec4<f32>, 256>;

/// Cell i * size / count, of which the product may be too large.
fn edge(i: u32, count: u32, size: u32) -> u32 {
  return i * (size / count) + i * (size % count) / count;
}

/// The same, rounded up.
fn end(i: u32, count: u32, size: u32) -> u32 {
  return i * (size / count) + (i * (size % count) + count - 1) / count;
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let blocks = (params.size.w + GROUPS - 1) / GROUPS;
  let c = cell(index(workgroup, workgroups), vec4(params.size.xyz, blocks));
  let group = c.group * GROUPS + local % GROUPS;
  let top = edge(c.y, params.size.y, params.cells.x);
  let left = edge(c.x, params.size.z, params.cells.y);
  let rows = end(c.y + 1, params.size.y, params.cells.x) - top;
  let columns = end(c.x + 1, params.size.z, params.cells.y) - left;
  let is_there = c.n < params.size.x && group < params.size.w;
  var share = vec4(0.0);
  if is_there {
    for (var i = local / GROUPS; i < rows * columns; i += 256 / GROUPS) {
      let number = x[at(params.x, c.n, top + i / columns, left + i % columns) + group];
      share += number;
    }
  }
  shares[local] = share;
  for (var half = 128u; half >= GROUPS; half /= 2) {
    workgroupBarrier();
    if local < half {
      shares[local] += shares[local + half];
    }
  }
  if is_there && local < GROUPS {
    y[at(params.y, c.n, c.y, c.x) + group] = shares[local] * (1.0 / f32(rows * columns));
  }
}
