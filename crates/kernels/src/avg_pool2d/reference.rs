//! The specification of avg_pool2d.

use super::AvgPool2d;

/// `x` is [planes, h, w]; gives [planes, oh, ow].
pub fn avg_pool2d(spec: &AvgPool2d, x: &[f32], [h, w]: [usize; 2]) -> Vec<f64> {
    let [oh, ow] = spec.output(h, w).expect("the window fits");
    let [v, s] = &spec.windows;
    let mut y = Vec::new();
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh {
            for ox in 0..ow {
                let (mut sum, mut cells) = (0.0, 0);
                for ky in 0..v.kernel {
                    for kx in 0..s.kernel {
                        let (py, px) = (oy * v.stride + ky * v.dilation, ox * s.stride + kx * s.dilation);
                        let (iy, ix) = (py.wrapping_sub(v.padding[0]), px.wrapping_sub(s.padding[0]));
                        let inside = iy < h && ix < w;
                        let in_padding =
                            py < h + v.padding[0] + v.padding[1] && px < w + s.padding[0] + s.padding[1];
                        if inside {
                            sum += plane[iy * w + ix] as f64;
                        }
                        if inside || (in_padding && spec.count_include_pad) {
                            cells += 1;
                        }
                    }
                }
                y.push(sum / cells as f64);
            }
        }
    }
    y
}
