//! The specification of the activations, by PyTorch's definitions.

use super::Activation;

/// The activation of each number.
pub fn activation(activation: Activation, x: &[f32]) -> Vec<f64> {
    x.iter().map(|&x| of(activation, x as f64)).collect()
}

/// The activation of one number.
pub fn of(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Identity => x,
        Activation::Relu => clamp(x, 0.0, f64::INFINITY),
        Activation::Relu6 => clamp(x, 0.0, 6.0),
        Activation::Hardswish => x * clamp(x + 3.0, 0.0, 6.0) / 6.0,
        Activation::Hardsigmoid => clamp(x + 3.0, 0.0, 6.0) / 6.0,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Gelu => x * 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        Activation::Tanh => x.tanh(),
    }
}

/// What is not a number stays so.
fn clamp(x: f64, least: f64, most: f64) -> f64 {
    if x < least {
        least
    } else if x > most {
        most
    } else {
        x
    }
}

/// The error function by its series with positive terms: 2 / √π e^(-x²) (x + 2 x³ / 3 + 4 x⁵ / 15 + ...).
pub fn erf(x: f64) -> f64 {
    // 1 - erf(6) is 2e-17.
    if x.abs() > 6.0 {
        return x.signum();
    }
    let (mut sum, mut term) = (x, x);
    let mut odd = 1.0;
    while term.abs() > f64::EPSILON / 8.0 * sum.abs() {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp() * sum
}
