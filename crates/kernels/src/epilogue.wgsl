// What is done to a sum before it is a layer's result: activation(sum * scale + shift + summand). In front of the shaders
// that end so; such a shader declares `affine` and `summand`, storage buffers of vec4s to read.

override ACTIVATION: u32 = 0;
override HAS_AFFINE: bool = false;
override HAS_ADD: bool = false;

/// Finishes four sums of the channels of vec4 `group`; the summands lie at vec4 `place`.
fn finish(sum: vec4<f32>, group: u32, place: u32) -> vec4<f32> {
  var y = sum;
  if HAS_AFFINE {
    y = fma(y, affine[2 * group], affine[2 * group + 1]);
  }
  if HAS_ADD {
    y += summand[place];
  }
  return activation(ACTIVATION, y);
}
