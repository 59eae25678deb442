//! The specification of relu.

pub fn relu(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| if x < 0.0 { 0.0 } else { x as f64 }).collect()
}
