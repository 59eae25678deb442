//! The specification of adaptive_max_pool2d.

/// `x` is [planes, h, w]; gives [planes, oh, ow]: output i of n is the largest of cells floor(i h / n) to
/// ceil((i + 1) h / n).
pub fn adaptive_max_pool2d([oh, ow]: [usize; 2], x: &[f32], [h, w]: [usize; 2]) -> Vec<f64> {
    let mut y = Vec::new();
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh {
            for ox in 0..ow {
                let mut max = f64::NEG_INFINITY;
                for iy in oy * h / oh..((oy + 1) * h).div_ceil(oh) {
                    for ix in ox * w / ow..((ox + 1) * w).div_ceil(ow) {
                        max = max.max(plane[iy * w + ix] as f64);
                    }
                }
                y.push(max);
            }
        }
    }
    y
}
