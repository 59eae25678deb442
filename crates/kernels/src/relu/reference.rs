//! The specification of relu.

pub fn relu(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| (x as f64).max(0.0)).collect()
}
