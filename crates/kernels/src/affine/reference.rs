//! The specification of affine.

/// `x` is [n, c, cells] with as many channels as there are scales; gives x * scale + shift.
pub fn affine(x: &[f32], cells: usize, scale: &[f32], shift: &[f32]) -> Vec<f64> {
    let channel = |i: usize| i / cells % scale.len();
    let at = |(i, &x): (usize, &f32)| x as f64 * scale[channel(i)] as f64 + shift[channel(i)] as f64;
    x.iter().enumerate().map(at).collect()
}
