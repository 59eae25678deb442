//! The specification of mul.

/// `a` is [planes, cells]; `b` the same, or [planes, 1].
pub fn mul(a: &[f32], b: &[f32]) -> Vec<f64> {
    let each = a.len() / b.len();
    a.iter().enumerate().map(|(i, &a)| a as f64 * b[i / each] as f64).collect()
}
