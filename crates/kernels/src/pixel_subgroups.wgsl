// As pixel.wgsl has it, by subgroups: for at most two pixels, since a subgroup sums for each of them.

/// Threads of a pixel: 32 or 64.
override LANES: u32 = 64;
/// Subgroups of a workgroup at most.
const TEAMS: u32 = 16;

/// Of each pixel, the subgroups' sums.
var<workgroup> shares: array<f32, 32>;

/// The sum of the shares of the threads that have the same pixel.
fn sum_of(local: u32, share: f32) -> f32 {
  workgroupBarrier();
  for (var pixel = 0u; pixel < 64 / LANES; pixel++) {
    let sum = subgroupAdd(select(0.0, share, local / LANES == pixel));
    if is_first {
      shares[pixel * TEAMS + team] = sum;
    }
  }
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < teams; i++) {
    sum += shares[local / LANES * TEAMS + i];
  }
  return sum;
}

/// The largest of the shares of the threads that have the same pixel.
fn largest_of(local: u32, share: f32) -> f32 {
  workgroupBarrier();
  for (var pixel = 0u; pixel < 64 / LANES; pixel++) {
    let most = subgroupMax(select(-3.4028234e38, share, local / LANES == pixel));
    if is_first {
      shares[pixel * TEAMS + team] = most;
    }
  }
  workgroupBarrier();
  var most = -3.4028234e38;
  for (var i = 0u; i < teams; i++) {
    most = max(most, shares[local / LANES * TEAMS + i]);
  }
  return most;
}
