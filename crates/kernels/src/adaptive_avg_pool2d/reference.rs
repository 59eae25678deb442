//! The specification of adaptive_avg_pool2d.

/// `x` is [planes, h, w]; gives [planes, oh, ow]: output i of n averages cells floor(i h / n) to ceil((i + 1) h / n).
pub fn adaptive_avg_pool2d([oh, ow]: [usize; 2], x: &[f32], [h, w]: [usize; 2]) -> Vec<f64> {
    let mut y = Vec::new();
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh {
            for ox in 0..ow {
                let (top, bottom) = (oy * h / oh, ((oy + 1) * h).div_ceil(oh));
                let (left, right) = (ox * w / ow, ((ox + 1) * w).div_ceil(ow));
                let mut sum = 0.0;
                for iy in top..bottom {
                    for ix in left..right {
                        sum += plane[iy * w + ix] as f64;
                    }
                }
                y.push(sum / ((bottom - top) * (right - left)) as f64);
            }
        }
    }
    y
}
