// As shares.wgsl has it, by subgroups: for at most two columns, since a subgroup sums for each of them.

/// Subgroups of a workgroup at most.
const TEAMS: u32 = 16;
/// What the other form needs.
override SUMS: u32 = 64;

/// Of each image and column, the subgroups' sums.
var<workgroup> sums: array<vec4<f32>, SUMS>;

/// Takes the share of an image's sum that the invocation (lane, column) has.
fn share(local: vec2<u32>, image: u32, sum: vec4<f32>) {
  for (var column = 0u; column < COLUMNS; column++) {
    let all = subgroupAdd(select(vec4(0.0), sum, local.y == column));
    if is_first {
      sums[(image * COLUMNS + column) * TEAMS + team] = all;
    }
  }
}

/// Comes behind all shares.
fn gather(local: vec2<u32>) {
  workgroupBarrier();
}

fn sum_of(column: u32, image: u32) -> vec4<f32> {
  var sum = vec4(0.0);
  for (var i = 0u; i < teams; i++) {
    sum += sums[(image * COLUMNS + column) * TEAMS + i];
  }
  return sum;
}
