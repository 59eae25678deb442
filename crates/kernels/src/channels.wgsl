// In front of the shaders that go over each pixel's channels.

/// 1 for each lane of a vec4 that is a channel, else 0.
fn channels_of(group: u32) -> vec4<f32> {
  return select(vec4(0.0), vec4(1.0), 4 * group + vec4(0u, 1, 2, 3) < vec4(params.channels));
}
