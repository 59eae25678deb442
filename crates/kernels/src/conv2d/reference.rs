//! The specification of conv2d.

use super::Conv2d;

/// `x` is [n, in_channels, h, w], `weight` [out_channels, in_channels / groups, kh, kw]; gives [n, out_channels, oh, ow].
pub fn conv2d(
    spec: &Conv2d,
    x: &[f32],
    [n, h, w]: [usize; 3],
    weight: &[f32],
    bias: Option<&[f32]>,
) -> Vec<f64> {
    let [oh, ow] = spec.output(h, w).expect("the kernel fits");
    let [kh, kw] = spec.kernel;
    let (in_group, out_group) = (spec.in_channels / spec.groups, spec.out_channels / spec.groups);
    let mut y = Vec::with_capacity(n * spec.out_channels * oh * ow);
    for image in 0..n {
        for o in 0..spec.out_channels {
            for oy in 0..oh {
                for ox in 0..ow {
                    let mut sum = bias.map_or(0.0, |b| b[o] as f64);
                    for i in 0..in_group {
                        for ky in 0..kh {
                            for kx in 0..kw {
                                let iy = oy * spec.stride[0] + ky * spec.dilation[0];
                                let ix = ox * spec.stride[1] + kx * spec.dilation[1];
                                let (Some(iy), Some(ix)) =
                                    (iy.checked_sub(spec.padding[0]), ix.checked_sub(spec.padding[1]))
                                else {
                                    continue;
                                };
                                if iy < h && ix < w {
                                    let channel = o / out_group * in_group + i;
                                    let x = x[((image * spec.in_channels + channel) * h + iy) * w + ix];
                                    sum += x as f64 * weight[((o * in_group + i) * kh + ky) * kw + kx] as f64;
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    y
}
