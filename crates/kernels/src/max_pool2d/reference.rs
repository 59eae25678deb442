//! The specification of max_pool2d.

use super::MaxPool2d;

/// `x` is [planes, h, w]; gives [planes, oh, ow].
pub fn max_pool2d(spec: &MaxPool2d, x: &[f32], [h, w]: [usize; 2]) -> Vec<f64> {
    let [oh, ow] = spec.output(h, w).expect("the window fits");
    let [v, s] = &spec.windows;
    let mut y = Vec::new();
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh {
            for ox in 0..ow {
                let mut max = f64::NEG_INFINITY;
                for ky in 0..v.kernel {
                    for kx in 0..s.kernel {
                        let iy = (oy * v.stride + ky * v.dilation).wrapping_sub(v.padding[0]);
                        let ix = (ox * s.stride + kx * s.dilation).wrapping_sub(s.padding[0]);
                        if iy < h && ix < w {
                            let x = plane[iy * w + ix] as f64;
                            max = max.max(x);
                        }
                    }
                }
                y.push(max);
            }
        }
    }
    y
}
