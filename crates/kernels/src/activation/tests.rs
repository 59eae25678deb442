use super::{Activation, Job, curve, math, reference};
use crate::every_vector;
use crate::layout::{Arena, Layout};
use crate::rows;
use crate::simd::F32s;
use crate::testing::{Random, Stage, assert_within, elements};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const ALL: [Activation; 9] = [
    Activation::Identity,
    Activation::Relu,
    Activation::Relu6,
    Activation::Hardswish,
    Activation::Hardsigmoid,
    Activation::Sigmoid,
    Activation::Silu,
    Activation::Gelu,
    Activation::Tanh,
];

/// What `math` states.
fn tolerance(activation: Activation, x: f32, y: f64) -> f64 {
    match activation {
        Activation::Identity | Activation::Relu | Activation::Relu6 => 0.0,
        Activation::Hardsigmoid => 2.0 * ulp(y),
        Activation::Hardswish => 3.0 * ulp(y),
        Activation::Sigmoid => 3.0 * ulp(y) + 2f64.powi(-127),
        Activation::Silu => 3.0 * ulp(y) + 2f64.powi(-120),
        Activation::Gelu if x < 0.0 => 2f64.powi(-22) * x.abs() as f64 + ulp(0.0),
        Activation::Gelu | Activation::Tanh => 4.0 * ulp(y),
    }
}

/// The distance of neighbouring floats at `y`.
fn ulp(y: f64) -> f64 {
    let y = y.abs().min(f32::MAX as f64);
    2f64.powi((y.log2().floor() as i32).max(-126) - 23)
}

/// Floats of every exponent and both signs, infinities and what is no number among them, and dense ones: around zero, where
/// results change fastest, and on both sides of the places where a function is put together from parts.
fn numbers(random: &mut Random) -> Vec<f32> {
    let mut numbers: Vec<f32> = (0..=u32::MAX).step_by(524_287).map(f32::from_bits).collect();
    for scale in [0.1, 1.0, 6.0, 20.0, 110.0] {
        numbers.extend(random.floats(5000).iter().map(|x| x * scale));
    }
    let halves = (-152..=130).map(|n| (n as f32 + 0.5) * std::f32::consts::LN_2);
    let edges = [0.0, 3.0, 5.6, 10.0, 88.0, 89.0];
    for joint in halves.chain(edges).chain([f32::MAX, f32::MIN_POSITIVE]) {
        for x in [joint, -joint] {
            numbers.extend((0..16).map(|i| f32::from_bits(x.to_bits().saturating_sub(8) + i)));
        }
    }
    numbers.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0]);
    numbers
}

#[track_caller]
fn check_all(
    numbers: &[f32],
    results: &[f32],
    exact: impl Fn(f64) -> f64,
    tolerance: impl Fn(f32, f64) -> f64,
    what: &dyn std::fmt::Debug,
) {
    for (&x, &y) in numbers.iter().zip(results) {
        let want = exact(x as f64);
        if want.is_nan() {
            assert!(y.is_nan(), "{what:?} of {x:e} is {y:e}, not NaN");
            continue;
        }
        // The exact result may be beyond the largest float where the nearest one is infinite.
        let good = y == want as f32 || (y as f64 - want).abs() <= tolerance(x, want);
        assert!(good, "{what:?} of {x:e} ({:#010x}) is {y:e}, not {want:e}", x.to_bits());
    }
}

fn curves<V: F32s>() {
    let numbers = numbers(&mut Random::new());
    for activation in ALL.into_iter().filter(|activation| activation.is_curve()) {
        let mut y = numbers.clone();
        // SAFETY: the floats are a vector's own.
        unsafe { curve::<V>(activation, y.as_mut_ptr(), y.len()) };
        let exact = |x| reference::of(activation, x);
        check_all(&numbers, &y, exact, |x, y| tolerance(activation, x, y), &(activation, V::LANES));
    }
}

#[test]
fn curves_of_all_magnitudes() {
    every_vector!(curves);
}

fn exponential<V: F32s>() {
    let numbers = numbers(&mut Random::new());
    let mut results = numbers.clone();
    // SAFETY: the floats are a vector's own.
    unsafe {
        rows::zip::<V, 1>(0..numbers.len(), [numbers.as_ptr()], results.as_mut_ptr(), |_, [x]| {
            math::exp::<V>()(V::load(x))
        })
    };
    let (least, most) = (2f64.powf(-126.5), 2f64.powf(127.5));
    for (&x, &y) in numbers.iter().zip(&results) {
        let want = (x as f64).exp();
        let good = match want {
            _ if want.is_nan() => y.is_nan(),
            // The limits are themselves rounded.
            _ if want < least * 0.9999 => y == 0.0,
            _ if want > most * 1.0001 => y == f32::INFINITY,
            _ if want < least * 1.0001 && y == 0.0 => true,
            _ if want > most * 0.9999 && y == f32::INFINITY => true,
            _ => (y as f64 - want).abs() <= 2.0 * ulp(want),
        };
        assert!(good, "exp({x:e}) is {y:e}, not {want:e} ({} lanes)", V::LANES);
    }
}

#[test]
fn exponentials_of_all_magnitudes() {
    every_vector!(exponential);
}

fn maps<V: F32s>() {
    let random = &mut Random::new();
    for c in 1..=20 {
        let activation = ALL[c % ALL.len()];
        let dims = [random.within(1, 3), c, random.within(1, 5), random.within(1, 5)];
        let x: Vec<f32> = random.floats(dims.iter().product()).iter().map(|x| x * 8.0).collect();
        let mut stage = Stage::new();
        let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
        stage.put(&map, &x);
        let y = if random.coin() { map } else { stage.map(dims, random.several(0, 2), random.several(0, 3)) };
        let job = Job { x: map, y, activation };
        // SAFETY: the stage holds both maps, and its arena has no other user.
        let got = stage
            .run(random, &elements(&y), job.chunks(), |arena, chunk| unsafe { job.run::<V>(arena, chunk) });
        let want = reference::activation(activation, &x);
        assert_within(&got, &want, |i| tolerance(activation, x[i], want[i]), &(activation, dims, V::LANES));
    }
}

#[test]
fn over_maps() {
    every_vector!(maps);
}

fn places<V: F32s>() {
    let random = &mut Random::new();
    let numbers: Vec<f32> = random.floats(40).iter().map(|x| x * 8.0).collect();
    for activation in ALL.into_iter().filter(|activation| activation.is_curve()) {
        let of = |numbers: &[f32]| {
            let mut y = numbers.to_vec();
            // SAFETY: the floats are a vector's own.
            unsafe { curve::<V>(activation, y.as_mut_ptr(), y.len()) };
            y
        };
        let whole = of(&numbers);
        for start in 0..9 {
            for end in start..=40 {
                assert_eq!(of(&numbers[start..end]), whole[start..end], "{activation:?} of {start}..{end}");
            }
        }
    }
}

#[test]
fn the_same_bits_wherever_a_number_stands() {
    every_vector!(places);
}

fn clamps<V: F32s>() {
    let numbers = numbers(&mut Random::new());
    let layout = Layout::dense(1, 1, numbers.len(), 1, 0);
    for activation in ALL.into_iter().filter(|activation| !activation.is_curve()) {
        let mut floats = numbers.clone();
        let job = Job { x: layout, y: layout, activation };
        // SAFETY: the map is all of the arena.
        (0..job.chunks()).for_each(|chunk| unsafe { job.run::<V>(Arena::new(&mut floats), chunk) });
        let exact = |x| reference::of(activation, x);
        check_all(&numbers, &floats, exact, |_, _| 0.0, &(activation, V::LANES));
        // A kernel has clamped them when it stored them.
        // SAFETY: the floats are a vector's own.
        unsafe { curve::<V>(activation, floats.as_mut_ptr(), floats.len()) };
        check_all(&numbers, &floats, exact, |_, _| 0.0, &(activation, V::LANES));
    }
}

#[test]
fn clamps_of_all_magnitudes() {
    every_vector!(clamps);
}

/// The specification itself, against numbers computed elsewhere with 40 digits. Its series has some dozens of terms.
#[test]
fn the_reference_of_the_error_function() {
    for (x, want) in [
        (1e-3, 0.0011283787909692365),
        (0.5, 0.5204998778130465),
        (1.0, 0.8427007929497149),
        (2.5, 0.999593047982555),
        (5.0, 0.9999999999984626),
        (7.0, 1.0),
    ] {
        for (x, want) in [(x, want), (-x, -want)] {
            assert!((reference::erf(x) - want).abs() <= 64.0 * f64::EPSILON * want.abs(), "erf({x})");
        }
    }
}
