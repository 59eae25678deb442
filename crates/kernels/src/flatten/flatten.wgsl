// Between PyTorch's order of a map (channels first) and ours (channels last, filled up to whole vec4s with zeros).

/// Whether the result is channels-first.
override TO_FIRST: bool = false;

struct Params {
  /// The channels-last map.
  map: vec4<u32>,
  /// Its images, rows, columns, and vec4s of a pixel.
  size: vec4<u32>,
  channels: u32,
  /// Where the channels-first floats begin, and floats from image to image of theirs, also where they are filled up.
  flat: u32,
  image: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) local: u32,
) {
  let i = 64 * index(workgroup, workgroups) + local;
  let plane = params.size.y * params.size.z;
  if TO_FIRST {
    let n = i / params.image;
    let rest = i % params.image;
    if n >= params.size.x {
      return;
    }
    let channel = rest / plane;
    let cell = rest % plane;
    var number = 0.0;
    if channel < params.channels {
      number = x[4 * at(params.map, n, cell / params.size.z, cell % params.size.z) + channel];
    }
    y[params.flat + i] = number;
  } else {
    let c = cell(i, params.size);
    if c.n >= params.size.x {
      return;
    }
    let place = 4 * (at(params.map, c.n, c.y, c.x) + c.group);
    for (var lane = 0u; lane < 4; lane++) {
      let channel = 4 * c.group + lane;
      var number = 0.0;
      if channel < params.channels {
        number = x[params.flat + c.n * params.image + channel * plane + c.y * params.size.z + c.x];
      }
      y[place + lane] = number;
    }
  }
}
