//! The specification of linear.

use super::Linear;

/// `x` is [n, in_features], `weight` [out_features, in_features]; gives [n, out_features].
pub fn linear(spec: &Linear, x: &[f32], weight: &[f32], bias: Option<&[f32]>) -> Vec<f64> {
    let mut y = Vec::new();
    for x in x.chunks_exact(spec.in_features) {
        for (o, w) in weight.chunks_exact(spec.in_features).enumerate() {
            let products = x.iter().zip(w).map(|(x, w)| *x as f64 * *w as f64);
            y.push(bias.map_or(0.0, |b| b[o] as f64) + products.sum::<f64>());
        }
    }
    y
}
