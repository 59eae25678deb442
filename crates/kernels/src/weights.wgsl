// Weights as they are kept: in quadruples, for the four outputs of a vec4 a weight each. In front of the shaders that sum
// products with weights. A storage is 0: float32, 1: float16, 2: int8.

/// Quadruple i of a buffer, of which vec4 `i >> storage` is `words`.
fn quadruple(storage: u32, words: vec4<u32>, i: u32) -> vec4<f32> {
  if storage == 1 {
    let halves = select(words.xy, words.zw, i % 2 == 1);
    return vec4(unpack2x16float(halves.x), unpack2x16float(halves.y));
  }
  if storage == 2 {
    let bytes = bitcast<vec4<i32>>(vec4(words[i % 4]));
    return vec4<f32>((bytes << vec4(24u, 16, 8, 0)) >> vec4(24u));
  }
  return bitcast<vec4<f32>>(words);
}

/// Sums of products with narrow weights by their factors, and with the biases.
fn ended(storage: u32, sum: vec4<f32>, factor: vec4<f32>, bias: vec4<f32>) -> vec4<f32> {
  return select(sum * factor, sum, storage == 0) + bias;
}

/// A sum with the products of a vec4 and four quadruples.
fn with_products(
  sum: vec4<f32>,
  x: vec4<f32>,
  w0: vec4<f32>,
  w1: vec4<f32>,
  w2: vec4<f32>,
  w3: vec4<f32>,
) -> vec4<f32> {
  return sum + x.x * w0 + x.y * w1 + x.z * w2 + x.w * w3;
}
