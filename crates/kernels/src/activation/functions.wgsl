// The activations, four numbers at a time. The curves are those of activation/math.rs, in arithmetic alone: what a device
// has for exp and tanh may be off by far more than a few ULP.

/// With x = n ln 2 + r: (e^r - 1) / r.
fn slope(r: vec4<f32>) -> vec4<f32> {
  var y = fma(vec4(0.0013813984), r, vec4(0.008368899));
  y = fma(y, r, vec4(0.04166834));
  y = fma(y, r, vec4(0.1666652));
  y = fma(y, r, vec4(0.49999994));
  return fma(y, r, vec4(1.0));
}

/// The whole n next to x / ln 2.
fn powers(x: vec4<f32>) -> vec4<f32> {
  return round(x * 1.44269504);
}

/// x - n ln 2, with ln 2 in two parts of which n times the first is exact.
fn rest(x: vec4<f32>, n: vec4<f32>) -> vec4<f32> {
  return fma(n, vec4(2.1219444e-4), fma(n, vec4(-0.6933594), x));
}

/// 2^n.
fn two_to(n: vec4<f32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(vec4<i32>(n) + 127) << vec4(23u));
}

/// The exponential where it is a normal float: beyond, the least or the largest of those.
fn exponential(x: vec4<f32>) -> vec4<f32> {
  let inside = clamp(x, vec4(-87.0), vec4(88.0));
  let n = powers(inside);
  let r = rest(inside, n);
  return fma(slope(r), r, vec4(1.0)) * two_to(n);
}

/// The logarithm of normal floats, to 2 ULP: of 2^n m as n ln 2 + ln m, m next to 1, by the series of 2 atanh(s).
fn logarithm(x: vec4<f32>) -> vec4<f32> {
  // m lies between the root of 1/2 and that of 2.
  let bits = bitcast<vec4<i32>>(x) - vec4(0x3f3504f3);
  let n = bits >> vec4(23u);
  let m = bitcast<vec4<f32>>(bitcast<vec4<i32>>(x) - (n << vec4(23u)));
  let f = m - 1.0;
  let s = f / (m + 1.0);
  let square = s * s;
  var y = fma(vec4(0.22222222), square, vec4(0.2857143));
  y = fma(y, square, vec4(0.4));
  y = fma(y, square, vec4(0.6666667));
  y = fma(y * square, s, 2.0 * s);
  let power = vec4<f32>(n);
  return fma(power, vec4(0.6933594), fma(power, vec4(-2.1219444e-4), y));
}

/// By e^2x - 1, which loses nothing near zero.
fn hyperbolic_tangent(x: vec4<f32>) -> vec4<f32> {
  let twice = 2.0 * clamp(x, vec4(-10.0), vec4(10.0));
  let n = powers(twice);
  let r = rest(twice, n);
  let power = two_to(n);
  let y = fma(slope(r) * r, power, power - 1.0);
  return y / (y + 2.0);
}

/// x Φ(x) with the normal distribution's Φ, by a quotient of polynomials up to an edge that is a rounding from its limits.
fn gelu(x: vec4<f32>) -> vec4<f32> {
  let inside = clamp(x, vec4(-5.6), vec4(5.6));
  let s = inside * inside;
  var p = fma(vec4(2.0057279e-8), s, vec4(5.757195e-6));
  p = fma(p, s, vec4(1.5745912e-4));
  p = fma(p, s, vec4(0.0042634243));
  p = fma(p, s, vec4(0.03113489));
  p = fma(p, s, vec4(0.36132678));
  var q = fma(vec4(1.0689329e-6), s, vec4(6.8020876e-5));
  q = fma(q, s, vec4(0.0017326097));
  q = fma(q, s, vec4(0.026211409));
  q = fma(q, s, vec4(0.22899474));
  q = fma(q, s, vec4(0.90571207));
  let y = clamp(inside * p / q + (x - inside), vec4(-0.5), vec4(0.5));
  return x * (y + 0.5);
}

/// The activation of that number in the enum `Activation`.
fn activation(kind: u32, x: vec4<f32>) -> vec4<f32> {
  switch kind {
    case 1: { return max(x, vec4(0.0)); }
    case 2: { return clamp(x, vec4(0.0), vec4(6.0)); }
    case 3: { return x * (clamp(x + 3.0, vec4(0.0), vec4(6.0)) * (1.0 / 6.0)); }
    case 4: { return clamp(x + 3.0, vec4(0.0), vec4(6.0)) * (1.0 / 6.0); }
    case 5: { return 1.0 / (1.0 + exponential(-x)); }
    case 6: { return x / (1.0 + exponential(-x)); }
    case 7: { return gelu(x); }
    case 8: { return hyperbolic_tangent(x); }
    default: { return x; }
  }
}
