use super::{Weight, to_float16};
use crate::every_vector;
use crate::simd::F32s;
use crate::storage::Storage;
use crate::testing::{Random, kept};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Every finite half, with its sign; what IEEE 754 defines it as.
fn halves() -> impl Iterator<Item = f32> {
    let of = |bits: i32| {
        let (sign, exponent, fraction) = (1 - (bits >> 15) * 2, bits >> 10 & 31, bits & 1023);
        let magnitude = match exponent {
            0 => fraction as f64 * 2f64.powi(-24),
            _ => (1024 + fraction) as f64 * 2f64.powi(exponent - 25),
        };
        (sign as f64 * magnitude) as f32
    };
    (0..1 << 16).filter(|bits| bits >> 10 & 31 != 31).map(of)
}

/// `number` in a column whose largest magnitude is `most`, packed and read again.
fn through<V: F32s, W: Weight>(number: f32, most: f32) -> f32 {
    let factor = W::factor(&[number, most]);
    let packed = vec![W::pack(number, factor); V::LANES];
    let factors = vec![factor; V::LANES];
    let mut wide = vec![0.0; V::LANES];
    // SAFETY: each has as many numbers as the vector.
    unsafe { W::load(packed.as_ptr(), W::factors::<V>(factors.as_ptr())).store(wide.as_mut_ptr()) };
    assert!(wide.iter().all(|x| x.to_bits() == wide[0].to_bits()));
    wide[0]
}

fn every_half<V: F32s>() {
    assert_eq!(halves().count(), 62 << 10);
    for half in halves() {
        for most in [0.0, 1000.0] {
            assert_eq!(through::<V, u16>(half, most).to_bits(), half.to_bits(), "{half:e}");
        }
    }
}

#[test]
fn every_half_is_kept() {
    every_vector!(every_half);
}

#[test]
fn between_two_halves_the_nearest_and_of_two_the_even_one() {
    let mut magnitudes: Vec<f32> = halves().filter(|half| half.is_sign_positive()).collect();
    // What would be the next one.
    magnitudes.push(65536.0);
    for (i, pair) in magnitudes.windows(2).enumerate() {
        let [below, above] = [pair[0], pair[1]];
        // Exact: a float32 has 13 bits more.
        let middle = (below + above) / 2.0;
        let even = if i % 2 == 0 { below } else { above };
        let cases = [(below, below), (middle.next_down(), below), (middle, even), (middle.next_up(), above)];
        for (number, want) in cases {
            assert_eq!(to_float16(number), want, "{number:e}");
            assert_eq!(to_float16(-number), -want, "-{number:e}");
            let overflows = Storage::Float16.overflows(-number);
            assert_eq!(overflows, want == 65536.0, "{number:e}");
            if !overflows {
                assert_eq!(through::<crate::simd::Best, u16>(number, 0.0), want, "{number:e}");
            }
        }
    }
    assert!(Storage::Float16.overflows(f32::MAX) && !Storage::Int8.overflows(f32::MAX));
}

fn every_step<V: F32s>() {
    for step in -127..=127 {
        // With the largest magnitude 127 times a power of two, each step is a number that comes back as it is.
        for unit in [1.0, 2f32.powi(-9), 2f32.powi(-120), 2f32.powi(100)] {
            let number = step as f32 * unit;
            assert_eq!(through::<V, i8>(number, 127.0 * unit), number);
            assert_eq!(through::<V, i8>((step as f32 + 0.49).min(127.0) * unit, 127.0 * unit), number);
        }
    }
    assert_eq!(through::<V, i8>(0.0, 0.0), 0.0);
    assert_eq!(through::<V, i8>(-f32::MAX, 0.0), -127.0 * (f32::MAX / 127.0));
    // So small that steps have hardly a bit.
    assert!(through::<V, i8>(f32::from_bits(90), 0.0) <= f32::from_bits(127));
}

#[test]
fn every_step_of_int8_is_kept() {
    every_vector!(every_step);
}

fn random_numbers<V: F32s>() {
    let random = &mut Random::new();
    for number in random.floats(2000) {
        for scale in [1.0, 1e-4, 1e-6, 3e4] {
            let number = number * scale;
            let [half, step] = [Storage::Float16, Storage::Int8].map(|s| kept(s, 2, &[number, scale])[0]);
            assert_eq!(through::<V, u16>(number, scale), half, "{number:e}");
            assert_eq!(through::<V, i8>(number, scale), step, "{number:e}");
            assert!((number - step).abs() <= scale / 254.0 * 1.0001, "{number:e}");
        }
    }
}

#[test]
fn at_random() {
    every_vector!(random_numbers);
}
