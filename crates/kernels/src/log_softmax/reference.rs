//! The specification of log_softmax.

/// `x` is [n, channels, cells]; gives the same shape, the exponentials of each cell's channels summing to 1.
pub fn log_softmax(x: &[f32], [n, channels, cells]: [usize; 3]) -> Vec<f64> {
    let mut y = vec![0.0; x.len()];
    for image in 0..n {
        for cell in 0..cells {
            let at = |c: usize| (image * channels + c) * cells + cell;
            let max = (0..channels).map(|c| x[at(c)]).fold(f32::NEG_INFINITY, f32::max) as f64;
            let sum: f64 = (0..channels).map(|c| (x[at(c)] as f64 - max).exp()).sum();
            for c in 0..channels {
                y[at(c)] = x[at(c)] as f64 - max - sum.ln();
            }
        }
    }
    y
}
