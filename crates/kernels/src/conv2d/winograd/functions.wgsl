// The transforms along an axis, for tiles of 4 inputs at the points 0, 1, -1 and infinity, and of 6 at 0, 3/4, -3/4, 3/2, -3/2
// and infinity; see points.rs and transform.rs. Of shorter arrays the rest is not looked at.

/// Inputs and outputs of a tile along an axis: 4 and 2, or 6 and 4.
override INPUTS: u32 = 6;
override OUTPUTS: u32 = 4;

/// Inputs at the points.
fn at_points(d: array<vec4<f32>, 6>) -> array<vec4<f32>, 6> {
  if INPUTS == 4 {
    return array(d[2] - d[0], d[2] + d[1], d[2] - d[1], d[3] - d[1], d[0], d[0]);
  }
  let even0 = d[4] - 2.25 * d[2];
  let odd0 = 0.75 * (d[3] - 2.25 * d[1]);
  let even1 = d[4] - 0.5625 * d[2];
  let odd1 = 1.5 * (d[3] - 0.5625 * d[1]);
  return array(
    1.265625 * d[0] - 2.8125 * d[2] + d[4],
    even0 + odd0,
    even0 - odd0,
    even1 + odd1,
    even1 - odd1,
    1.265625 * d[1] - 2.8125 * d[3] + d[5],
  );
}

/// Outputs from products at the points.
fn from_points(m: array<vec4<f32>, 6>) -> array<vec4<f32>, 4> {
  let even0 = m[1] + m[2];
  let odd0 = m[1] - m[2];
  if INPUTS == 4 {
    return array(m[0] + even0, odd0 + m[3], m[0], m[0]);
  }
  let even1 = m[3] + m[4];
  let odd1 = m[3] - m[4];
  return array(
    m[0] + even0 + even1,
    0.75 * odd0 + 1.5 * odd1,
    0.5625 * even0 + 2.25 * even1,
    0.421875 * odd0 + 3.375 * odd1 + m[5],
  );
}
