//! The specification of channel_shuffle.

/// `x` is [n, groups, channels / groups, cells]; gives [n, channels / groups, groups, cells].
pub fn channel_shuffle(groups: usize, x: &[f32], [channels, cells]: [usize; 2]) -> Vec<f32> {
    let mut y = Vec::new();
    for image in x.chunks_exact(channels * cells) {
        for i in 0..channels / groups {
            for group in 0..groups {
                y.extend(&image[(group * (channels / groups) + i) * cells..][..cells]);
            }
        }
    }
    y
}
