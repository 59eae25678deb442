// The first of Winograd's three stages: tiles of the input at the points, [position][tile][channel]. An invocation transforms a
// column of a tile, then a row of what the tile's columns have become.

struct Params {
  x: vec4<u32>,
  /// Of the input, and of tiles.
  input: vec2<u32>,
  tiles: vec2<u32>,
  padding: vec2<u32>,
  images: u32,
  /// vec4s of the input's channels.
  channels: u32,
  /// Where the transformed tiles begin.
  y: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

/// vec4s of channels, and tiles, that a workgroup transforms.
override LANES: u32 = 8;
override TILES: u32 = 2;
/// LANES * INPUTS * INPUTS * TILES
override BETWEEN: u32 = 576;

var<workgroup> between: array<vec4<f32>, BETWEEN>;

@compute @workgroup_size(LANES, INPUTS, TILES)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let across = (params.channels + LANES - 1) / LANES;
  let i = index(workgroup, workgroups);
  let channel = i % across * LANES + local.x;
  let tile = i / across * TILES + local.z;
  let of_image = params.tiles.x * params.tiles.y;
  let image = tile / of_image;
  let is_there = channel < params.channels && image < params.images;

  var d: array<vec4<f32>, 6>;
  let column = tile % params.tiles.y * OUTPUTS + local.y - params.padding.y;
  let row = tile % of_image / params.tiles.y * OUTPUTS - params.padding.x;
  let place = params.x.x + image * params.x.y + column * params.x.w + channel;
  for (var k = 0u; k < INPUTS; k++) {
    // What is above or left of the image is a very large number.
    if is_there && column < params.input.y && row + k < params.input.x {
      d[k] = x[place + (row + k) * params.x.z];
    }
  }
  let down = at_points(d);
  let own = local.z * INPUTS * INPUTS * LANES + local.x;
  for (var k = 0u; k < INPUTS; k++) {
    between[own + (k * INPUTS + local.y) * LANES] = down[k];
  }
  workgroupBarrier();
  for (var k = 0u; k < INPUTS; k++) {
    d[k] = between[own + (local.y * INPUTS + k) * LANES];
  }
  let result = at_points(d);
  if is_there {
    let step = params.images * of_image * params.channels;
    let to = params.y + tile * params.channels + channel;
    for (var k = 0u; k < INPUTS; k++) {
      y[to + (local.y * INPUTS + k) * step] = result[k];
    }
  }
}
