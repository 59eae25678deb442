// The last of Winograd's three stages: from products at the points, [position][tile][output], to the outputs. An invocation
// transforms a column of a tile, then a row of what the tile's columns have become.

struct Params {
  /// Offset of the first pixel and from pixel to pixel.
  y: vec2<u32>,
  summand: vec2<u32>,
  /// Of the output, and of tiles.
  output: vec2<u32>,
  tiles: vec2<u32>,
  images: u32,
  /// vec4s of the output's channels.
  channels: u32,
  /// Where the products begin.
  x: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> tail: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;

/// vec4s of channels, and tiles, that a workgroup transforms.
override LANES: u32 = 8;
override TILES: u32 = 2;
/// LANES * OUTPUTS * INPUTS * TILES
override BETWEEN: u32 = 384;

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

  var m: array<vec4<f32>, 6>;
  let step = params.images * of_image * params.channels;
  let place = params.x + tile * params.channels + channel;
  for (var k = 0u; k < INPUTS; k++) {
    if is_there {
      m[k] = x[place + (k * INPUTS + local.y) * step];
    }
  }
  let down = from_points(m);
  let own = local.z * OUTPUTS * INPUTS * LANES + local.x;
  for (var k = 0u; k < OUTPUTS; k++) {
    between[own + (k * INPUTS + local.y) * LANES] = down[k];
  }
  workgroupBarrier();
  let row = tile % of_image / params.tiles.y * OUTPUTS + local.y;
  if !is_there || local.y >= OUTPUTS || row >= params.output.x {
    return;
  }
  for (var k = 0u; k < INPUTS; k++) {
    m[k] = between[own + (local.y * INPUTS + k) * LANES];
  }
  let result = from_points(m);
  let column = tile % params.tiles.y * OUTPUTS;
  let bias = tail[params.channels + channel];
  for (var k = 0u; k < min(OUTPUTS, params.output.y - column); k++) {
    let pixel = (image * params.output.x + row) * params.output.y + column + k;
    let add = params.summand.x + pixel * params.summand.y + channel;
    y[params.y.x + pixel * params.y.y + channel] = finish(result[k] + bias, channel, add);
  }
}
