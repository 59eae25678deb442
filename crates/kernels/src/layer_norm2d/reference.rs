//! The specification of layer_norm2d.

/// `x` is [n, channels, cells]; gives the same shape: (x - mean) / sqrt(variance + eps) * weight + bias, with each cell's
/// mean and variance over its channels.
pub fn layer_norm2d(eps: f32, x: &[f32], cells: usize, weight: &[f32], bias: &[f32]) -> Vec<f64> {
    let channels = weight.len();
    let mut y = vec![0.0; x.len()];
    for image in 0..x.len() / (channels * cells) {
        for cell in 0..cells {
            let at = |c: usize| (image * channels + c) * cells + cell;
            let mean = (0..channels).map(|c| x[at(c)] as f64).sum::<f64>() / channels as f64;
            let squares: f64 = (0..channels).map(|c| (x[at(c)] as f64 - mean).powi(2)).sum();
            let deviation = (squares / channels as f64 + eps as f64).sqrt();
            for c in 0..channels {
                y[at(c)] = (x[at(c)] as f64 - mean) / deviation * weight[c] as f64 + bias[c] as f64;
            }
        }
    }
    y
}
