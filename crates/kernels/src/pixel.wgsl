// What threads that share a pixel do together; in front of the shaders that go over each pixel's channels.

/// Threads of a pixel: a power of two, 64 at most.
override LANES: u32 = 1;

var<workgroup> shares: array<f32, 64>;

/// Nothing is to be done before.
fn join(local: u32) {}

/// The sum of the shares of the threads that have the same pixel.
fn sum_of(local: u32, share: f32) -> f32 {
  workgroupBarrier();
  shares[local] = share;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if local % LANES < half {
      shares[local] += shares[local + half];
    }
  }
  workgroupBarrier();
  return shares[local - local % LANES];
}

/// The largest of the shares of the threads that have the same pixel.
fn largest_of(local: u32, share: f32) -> f32 {
  workgroupBarrier();
  shares[local] = share;
  for (var half = LANES / 2; half > 0; half /= 2) {
    workgroupBarrier();
    if local % LANES < half {
      shares[local] = max(shares[local], shares[local + half]);
    }
  }
  workgroupBarrier();
  return shares[local - local % LANES];
}
