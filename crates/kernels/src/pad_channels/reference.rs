//! The specification of pad_channels.

/// `x` is [n, channels, cells]; gives [n, before + channels + after, cells].
pub fn pad_channels(x: &[f32], [channels, cells]: [usize; 2], [before, after]: [usize; 2]) -> Vec<f32> {
    let mut y = Vec::new();
    for image in x.chunks_exact(channels * cells) {
        y.extend(vec![0.0; before * cells]);
        y.extend(image);
        y.extend(vec![0.0; after * cells]);
    }
    y
}
