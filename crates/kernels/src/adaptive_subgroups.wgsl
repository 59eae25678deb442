// As adaptive_shares.wgsl has it, by subgroups: for at most two vec4s of channels, since a subgroup sums for each of them.

/// Subgroups of a workgroup at most.
const TEAMS: u32 = 64;

/// Of each vec4 of channels, the subgroups' sums.
var<workgroup> shares: array<vec4<f32>, 128>;

/// The sum of the shares of the same vec4 of channels.
fn sum_of(local: u32, share: vec4<f32>) -> vec4<f32> {
  for (var group = 0u; group < GROUPS; group++) {
    let sum = subgroupAdd(select(vec4(0.0), share, local % GROUPS == group));
    if is_first {
      shares[group * TEAMS + team] = sum;
    }
  }
  workgroupBarrier();
  var sum = vec4(0.0);
  for (var i = 0u; i < teams; i++) {
    sum += shares[local % GROUPS * TEAMS + i];
  }
  return sum;
}

/// The largest of each channel.
fn largest_of(local: u32, share: vec4<f32>) -> vec4<f32> {
  for (var group = 0u; group < GROUPS; group++) {
    let most = subgroupMax(select(vec4(-3.4028234e38), share, local % GROUPS == group));
    if is_first {
      shares[group * TEAMS + team] = most;
    }
  }
  workgroupBarrier();
  var most = vec4(-3.4028234e38);
  for (var i = 0u; i < teams; i++) {
    most = max(most, shares[local % GROUPS * TEAMS + i]);
  }
  return most;
}
