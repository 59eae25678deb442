//! The specification of local_response_norm.

use super::LocalResponseNorm;

/// `x` is [n, channels, cells]; gives the same shape.
pub fn local_response_norm(spec: &LocalResponseNorm, x: &[f32], [channels, cells]: [usize; 2]) -> Vec<f64> {
    let mut y = Vec::new();
    for image in x.chunks_exact(channels * cells) {
        let at = |channel: usize, cell: usize| image[channel * cells + cell] as f64;
        for c in 0..channels {
            let first = c.saturating_sub(spec.size / 2);
            let end = channels.min(c + spec.size.div_ceil(2));
            for cell in 0..cells {
                let squares: f64 = (first..end).map(|c| at(c, cell) * at(c, cell)).sum();
                let base = spec.k as f64 + spec.alpha as f64 / spec.size as f64 * squares;
                y.push(at(c, cell) / base.powf(spec.beta as f64));
            }
        }
    }
    y
}
