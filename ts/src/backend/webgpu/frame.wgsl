// A picture that is on the GPU as an input: resized as Pillow's filters do, but in float32 and without rounding between the
// two directions, cropped, turned, normalised, [C, H, W]. frame.ts makes a second text of this one, for external textures.

struct Params {
  // The crop: where it begins in the resized picture, and its size.
  place: vec2<i32>,
  size: vec2<u32>,
  // The resized picture's size.
  resized: vec2<u32>,
  // Whether it is turned left to right, and whether the channels are in the order blue, green, red.
  reflect: u32,
  reverse: u32,
  // Planes, 1 of which is the luma; and where they begin in the output.
  planes: u32,
  offset: u32,
  cubic: u32,
  // value * factor + shift, by plane.
  factor: vec4<f32>,
  shift: vec4<f32>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var picture: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;

/// Pillow's triangle, or its cubic (a = -0.5), at a distance in steps of the coarser grid.
fn weigh(distance: f32) -> f32 {
  let x = abs(distance);
  if (params.cubic == 0u) {
    return max(0.0, 1.0 - x);
  }
  if (x < 1.0) {
    return (1.5 * x - 2.5) * x * x + 1.0;
  }
  if (x < 2.0) {
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0;
  }
  return 0.0;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (any(id.xy >= params.size)) {
    return;
  }
  let column = select(id.x, params.size.x - 1u - id.x, params.reflect == 1u);
  let at = params.place + vec2<i32>(vec2<u32>(column, id.y));
  var color = vec3<f32>(0.0);
  // Beyond the picture it is black.
  if (all(at >= vec2<i32>(0)) && all(at < vec2<i32>(params.resized))) {
    let extent = vec2<f32>(textureDimensions(picture));
    let step = extent / vec2<f32>(params.resized);
    let wide = max(step, vec2<f32>(1.0));
    let support = wide * select(1.0, 2.0, params.cubic == 1u);
    let center = (vec2<f32>(at) + 0.5) * step;
    let first = vec2<i32>(max(center - support + 0.5, vec2<f32>(0.0)));
    let last = vec2<i32>(min(center + support + 0.5, extent));
    var sum = 0.0;
    for (var y = first.y; y < last.y; y++) {
      let down = weigh((f32(y) + 0.5 - center.y) / wide.y);
      for (var x = first.x; x < last.x; x++) {
        let weight = down * weigh((f32(x) + 0.5 - center.x) / wide.x);
        color += weight * textureLoad(picture, vec2<i32>(x, y), 0).rgb;
        sum += weight;
      }
    }
    color = clamp(color / sum, vec3<f32>(0.0), vec3<f32>(1.0));
  }
  if (params.reverse == 1u) {
    color = color.bgr;
  }
  let place = params.offset + id.y * params.size.x + id.x;
  let area = params.size.x * params.size.y;
  if (params.planes == 1u) {
    let luma = dot(color, vec3<f32>(0.299, 0.587, 0.114));
    output[place] = luma * params.factor.x + params.shift.x;
    return;
  }
  for (var c = 0u; c < 3u; c++) {
    output[place + c * area] = color[c] * params.factor[c] + params.shift[c];
  }
}
