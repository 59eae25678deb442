//! batch_norm2d: PyTorch's `BatchNorm2d` at inference (Ioffe and Szegedy, arXiv 1502.03167). With fixed statistics it is a
//! scale and a shift for each channel, which the kernel before it, the one behind it or `affine` applies.

pub mod reference;
#[cfg(test)]
mod tests;

use crate::epilogue::Affine;

/// The scale and shift, computed in f64. `arrays` has the weight and the bias if the norm has them, the running mean and the
/// running variance, one behind the other. `None` where there is no memory.
pub fn pack(arrays: &[f32], channels: usize, eps: f64) -> Option<Affine> {
    let (learned, statistics) = arrays.split_at(arrays.len() - 2 * channels);
    Affine::new(channels, |c| {
        let [mean, variance] = [statistics[c], statistics[channels + c]].map(f64::from);
        let (weight, bias) = match learned {
            [] => (1.0, 0.0),
            learned => (learned[c] as f64, learned[channels + c] as f64),
        };
        let scale = weight / (variance + eps).sqrt();
        (scale as f32, (bias - mean * scale) as f32)
    })
}
