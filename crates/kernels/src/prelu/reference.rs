//! The specification of prelu.

/// `x` is [n, channels, cells], `weight` a slope for each channel or one for all; gives the same shape.
pub fn prelu(x: &[f32], weight: &[f32], [channels, cells]: [usize; 2]) -> Vec<f64> {
    let slope = |i: usize| if weight.len() == 1 { weight[0] } else { weight[i / cells % channels] } as f64;
    x.iter().enumerate().map(|(i, &x)| if x > 0.0 { x as f64 } else { slope(i) * x as f64 }).collect()
}
