//! The specification of concat.

/// Joins `xs`, each [n, channels, cells], along the channels.
pub fn concat(n: usize, cells: usize, xs: &[(usize, &[f32])]) -> Vec<f32> {
    let mut y = Vec::new();
    for image in 0..n {
        for (channels, x) in xs {
            y.extend_from_slice(&x[image * channels * cells..][..channels * cells]);
        }
    }
    y
}
