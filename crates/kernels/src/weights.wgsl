// Weights as they are kept, and what their sums still lack. In front of the shaders that sum products with weights; such a
// shader declares `weights`, a storage buffer of vec4<u32>, and `tail`, one of vec4<f32>.

/// 0: float32; 1: float16; 2: int8.
override STORAGE: u32 = 0;
override HAS_TAIL: bool = false;

/// Four weights, of the four outputs of a vec4 for one number of the input: the i-th such of the buffer.
fn weight(i: u32) -> vec4<f32> {
  if STORAGE == 1 {
    let two = weights[i / 2];
    let one = select(two.xy, two.zw, i % 2 == 1);
    return vec4(unpack2x16float(one.x), unpack2x16float(one.y));
  }
  if STORAGE == 2 {
    let four = bitcast<vec4<i32>>(vec4(weights[i / 4][i % 4]));
    return vec4<f32>((four << vec4(24u, 16, 8, 0)) >> vec4(24u));
  }
  return bitcast<vec4<f32>>(weights[i]);
}

/// Sums of products with outputs `group` of `all` vec4s: by the factors of weights that are kept narrow, and with the biases.
fn ended(sum: vec4<f32>, group: u32, all: u32) -> vec4<f32> {
  if !HAS_TAIL {
    return sum;
  }
  if STORAGE == 0 {
    return sum + tail[all + group];
  }
  return fma(sum, tail[group], tail[all + group]);
}
