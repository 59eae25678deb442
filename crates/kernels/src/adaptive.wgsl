// What adaptive poolings have in common. A workgroup has one output cell and some vec4s of its channels; its threads share
// the cells that the output sees; adaptive_shares.wgsl or adaptive_subgroups.wgsl has what they do together.

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

/// Cell i * size / count, of which the product may be too large.
fn edge(i: u32, count: u32, size: u32) -> u32 {
  return i * (size / count) + i * (size % count) / count;
}

/// The same, rounded up.
fn end(i: u32, count: u32, size: u32) -> u32 {
  return i * (size / count) + (i * (size % count) + count - 1) / count;
}

/// What a thread works on: a vec4 of channels of an output, and the input's cells that the output sees.
struct Window {
  c: Cell,
  group: u32,
  top: u32,
  left: u32,
  columns: u32,
  count: u32,
  is_there: bool,
}

fn window_of(workgroup: vec3<u32>, workgroups: vec3<u32>, local: u32) -> Window {
  let blocks = (params.size.w + GROUPS - 1) / GROUPS;
  let c = cell(index(workgroup, workgroups), vec4(params.size.xyz, blocks));
  let group = c.group * GROUPS + local % GROUPS;
  let top = edge(c.y, params.size.y, params.cells.x);
  let left = edge(c.x, params.size.z, params.cells.y);
  let rows = end(c.y + 1, params.size.y, params.cells.x) - top;
  let columns = end(c.x + 1, params.size.z, params.cells.y) - left;
  let is_there = c.n < params.size.x && group < params.size.w;
  return Window(c, group, top, left, columns, rows * columns, is_there);
}

/// Where cell i of a window lies.
fn cell_of(w: Window, i: u32) -> u32 {
  return at(params.x, w.c.n, w.top + i / w.columns, w.left + i % w.columns) + w.group;
}
