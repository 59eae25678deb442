// linear for a few images: matrix by vector, bound by reading the weights, each once. The numbers of an output's sum are dealt
// out to LANES invocations, neighbours to neighbours; shares.wgsl or subgroups.wgsl has how these are summed.

struct Params {
  x: vec4<u32>,
  /// Offset of the first image and from image to image.
  y: vec2<u32>,
  summand: vec2<u32>,
  images: u32,
  /// vec4s of a pixel's channels, and floats of all pixels' vec4s.
  channels: u32,
  features: u32,
  outputs: u32,
  first: u32,
  all: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tail: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

override STORAGE: u32 = 0;
/// Invocations for a vec4 of outputs, a power of two, and such vec4s of a workgroup; images, at most 4.
override LANES: u32 = 64;
override COLUMNS: u32 = 1;
override IMAGES: u32 = 1;

@compute @workgroup_size(LANES, COLUMNS)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let own = local.y * LANES + local.x;
  join(own);
  let output = index(workgroup, workgroups) * COLUMNS + local.y;
  let row = min(output, params.outputs - 1) * params.features;
  let first = 4 * params.x.x;
  let image_step = 4 * params.x.y;
  let floats = 4 * params.channels;
  let pixel_step = 4 * params.x.w;
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  for (var k = local.x; k < params.features; k += LANES) {
    let w = quadruple(STORAGE, weights[(row + k) >> STORAGE], row + k);
    var place = first + k;
    if pixel_step != floats {
      place = first + k / floats * pixel_step + k % floats;
    }
    s0 += x[place] * w;
    if IMAGES > 1 {
      s1 += x[place + image_step] * w;
    }
    if IMAGES > 2 {
      s2 += x[place + 2 * image_step] * w;
    }
    if IMAGES > 3 {
      s3 += x[place + 3 * image_step] * w;
    }
  }
  let all = array(s0, s1, s2, s3);
  for (var i = 0u; i < IMAGES; i++) {
    share(local.xy, i, all[i]);
  }
  gather(local.xy);
  let image = local.x;
  if image < IMAGES && output < params.outputs {
    let sum = sum_of(local.y, image);
    let group = params.first + output;
    let add = params.summand.x + group + image * params.summand.y;
    let result = ended(STORAGE, sum, tail[group], tail[params.all + group]);
    y[params.y.x + output + image * params.y.y] = finish(result, group, add);
  }
}
