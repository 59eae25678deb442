//! The specification of batch_norm2d.

/// x is [n, channels, cells]; `arrays` as in `pack`.
pub fn batch_norm2d(x: &[f32], arrays: &[f32], channels: usize, cells: usize, eps: f64) -> Vec<f64> {
    let array = |i: usize| &arrays[i * channels..(i + 1) * channels];
    let has_weights = arrays.len() == 4 * channels;
    let first = if has_weights { 2 } else { 0 };
    let (mean, variance) = (array(first), array(first + 1));
    let normalise = |(i, &x): (usize, &f32)| {
        let c = i / cells % channels;
        let y = (x as f64 - mean[c] as f64) / (variance[c] as f64 + eps).sqrt();
        if has_weights { y * array(0)[c] as f64 + array(1)[c] as f64 } else { y }
    };
    x.iter().enumerate().map(normalise).collect()
}
