// How the threads of an adaptive pooling bring their shares together: for the first GROUPS of them.

var<workgroup> shares: array<vec4<f32>, 256>;

/// Nothing is to be done before.
fn join(local: u32) {}

/// The sum of the shares of the same vec4 of channels.
fn sum_of(local: u32, share: vec4<f32>) -> vec4<f32> {
  shares[local] = share;
  for (var half = 128u; half >= GROUPS; half /= 2) {
    workgroupBarrier();
    if local < half {
      shares[local] += shares[local + half];
    }
  }
  return shares[local];
}

/// The largest of each channel.
fn largest_of(local: u32, share: vec4<f32>) -> vec4<f32> {
  shares[local] = share;
  for (var half = 128u; half >= GROUPS; half /= 2) {
    workgroupBarrier();
    if local < half {
      shares[local] = max(shares[local], shares[local + half]);
    }
  }
  return shares[local];
}
