// How the invocations of linear.wgsl bring a sum's shares together.

/// LANES * COLUMNS * IMAGES
override SUMS: u32 = 64;

var<workgroup> sums: array<vec4<f32>, SUMS>;

/// Nothing is to be done before.
fn join(local: u32) {}

/// Takes the share of an image's sum that the invocation (lane, column) has.
fn share(local: vec2<u32>, image: u32, sum: vec4<f32>) {
  sums[(image * COLUMNS + local.y) * LANES + local.x] = sum;
}

/// Comes behind all shares.
fn gather(local: vec2<u32>) {
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if local.x < half {
      for (var i = 0u; i < IMAGES; i++) {
        let at = (i * COLUMNS + local.y) * LANES + local.x;
        sums[at] += sums[at + half];
      }
    }
  }
  workgroupBarrier();
}

fn sum_of(column: u32, image: u32) -> vec4<f32> {
  return sums[(image * COLUMNS + column) * LANES];
}
