//! Resizing against Pillow's own results, and the shipped form against the specification.

use super::pairs::{Best, Pairs, Plain};
use super::{Filter, MAX_SIDE, ResizeError, cpu, reference};
use std::hash::{BuildHasher, Hasher, RandomState};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Written by scripts/make_resize_cases.py with Pillow; one case a line.
const CASES: &str = include_str!("../../../../ts/test/goldens/preprocess/resize_cases.json");

/// n bytes of the golden recipe's hash, whose state before the index is added is `base`.
fn noise(base: u32, n: usize) -> Vec<u8> {
    let byte = |i: usize| {
        let mut x = base.wrapping_add((i as u32).wrapping_mul(0x85EB_CA77));
        x = (x ^ x >> 16).wrapping_mul(0x85EB_CA6B);
        x = (x ^ x >> 13).wrapping_mul(0xC2B2_AE35);
        ((x ^ x >> 16) >> 24) as u8
    };
    (0..n).map(byte).collect()
}

/// All columns and rows.
fn resize(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    filter: Filter,
) -> Result<Vec<u8>, ResizeError> {
    super::resize(src.to_vec(), size, channels, to, (0..to.0, 0..to.1), filter)
}

/// fnv1a32("resize") + 0x9E3779B9: the noise of the golden cases.
fn golden_base() -> u32 {
    let hash = b"resize".iter().fold(0x811C_9DC5u32, |h, &b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    hash.wrapping_add(0x9E37_79B9)
}

fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |h, &b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

fn filter(name: &str) -> Filter {
    *Filter::ALL.iter().find(|f| format!("{f:?}").to_lowercase() == name).expect("a filter of this name")
}

#[test]
fn golden_cases_have_pillows_bytes() {
    let mut cases = 0;
    for line in CASES.lines().filter(|line| line.starts_with("{\"size\"")) {
        // The strings of the line, and its numbers in order: width, height, channels, width, height.
        let strings: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        let value = |key| strings[strings.iter().position(|s| *s == key).expect("the key") + 1];
        let head = line.split("\"filter\"").next().unwrap();
        let numbers: Vec<usize> =
            head.split(|c: char| !c.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let &[w, h, channels, to_w, to_h] = &numbers[..] else { panic!("not a case: {line}") };
        let src = noise(golden_base(), w * h * channels);
        let out = resize(&src, (w, h), channels, (to_w, to_h), filter(value("filter"))).unwrap();
        assert_eq!(out.len(), to_w * to_h * channels);
        assert_eq!(format!("{:016x}", fnv1a64(&out)), value("fnv1a64"), "{line}");
        cases += 1;
    }
    assert_eq!(cases, 576);
}

#[test]
fn small_images_have_pillows_bytes() {
    let src = [0, 255, 10, 200, 30, 60, 90, 120, 255, 0, 255, 0];
    let shrunk = |f| resize(&src, (4, 3), 1, (3, 2), f).unwrap();
    let grown = |f| resize(&src, (4, 3), 1, (5, 4), f).unwrap();
    assert_eq!(shrunk(Filter::Nearest), [0, 10, 200, 255, 255, 0]);
    assert_eq!(shrunk(Filter::Box), [15, 104, 160, 255, 128, 0]);
    assert_eq!(shrunk(Filter::Bilinear), [62, 111, 131, 127, 108, 89]);
    assert_eq!(shrunk(Filter::Hamming), [38, 117, 155, 166, 113, 60]);
    assert_eq!(shrunk(Filter::Bicubic), [57, 112, 132, 126, 107, 90]);
    assert_eq!(shrunk(Filter::Lanczos), [61, 112, 124, 115, 105, 99]);
    assert_eq!(grown(Filter::Nearest)[..10], [0, 255, 10, 10, 200, 30, 60, 90, 90, 120]);
    assert_eq!(grown(Filter::Bilinear)[..10], [0, 179, 133, 67, 200, 19, 99, 97, 87, 150]);
    assert_eq!(grown(Filter::Lanczos)[..10], [3, 217, 148, 35, 220, 0, 114, 95, 60, 177]);
}

fn same_as_reference(base: u32, size: (usize, usize), channels: usize, to: (usize, usize)) {
    let src = noise(base, size.0 * size.1 * channels);
    for filter in Filter::ALL {
        let out = resize(&src, size, channels, to, filter).unwrap();
        let want = reference::resize(&src, size, channels, to, filter);
        assert!(out == want, "seed {base}: {filter:?} {size:?} x {channels} to {to:?}");
    }
}

#[test]
fn equals_the_reference_around_every_block_edge() {
    // The blocks are of 2 or 8 pixels and 4 rows across and of 16 bytes down; rows near the end are copied first.
    let sides = [1, 2, 3, 4, 5, 11, 12, 13, 15, 16, 17, 31, 33];
    for (i, &w) in sides.iter().enumerate() {
        for (j, &to_w) in sides.iter().enumerate() {
            let (h, to_h) = (sides[(i + 3 * j) % sides.len()], sides[(5 * i + j) % sides.len()]);
            for channels in [1, 3, 4] {
                same_as_reference(7, (w, h), channels, (to_w, to_h));
            }
        }
    }
}

#[test]
fn equals_the_reference_at_random_sizes() {
    let seed = RandomState::new().build_hasher().finish() as u32;
    println!("seed {seed}");
    let numbers = noise(seed, 60 * 5);
    for n in numbers.chunks_exact(5) {
        let side = |i: usize| usize::from(n[i]) % 70 + 1;
        let channels = [1, 3, 4][usize::from(n[4]) % 3];
        same_as_reference(seed, (side(0), side(1)), channels, (side(2), side(3)));
    }
}

#[test]
fn what_is_wanted_is_cut_out_of_the_whole() {
    let seed = RandomState::new().build_hasher().finish() as u32;
    println!("seed {seed}");
    for n in noise(seed, 200 * 9).chunks_exact(9) {
        let n: Vec<usize> = n.iter().map(|&n| usize::from(n)).collect();
        let channels = [1, 3, 4][n[0] % 3];
        // Sides that stay are likely among few, and tall images do columns first.
        let size = (n[1] % 6 + 1, if n[8].is_multiple_of(5) { 700 } else { n[2] % 6 + 1 });
        let to = (n[3] % 6 + 1, n[4] % 6 + 1);
        let (left, top) = (n[5] % to.0, n[6] % to.1);
        let (right, bottom) = (left + 1 + n[7] % (to.0 - left), top + 1 + n[8] % (to.1 - top));
        let src = noise(seed, size.0 * size.1 * channels);
        for filter in Filter::ALL {
            let whole = resize(&src, size, channels, to, filter).unwrap();
            let rows = whole.chunks_exact(to.0 * channels).skip(top).take(bottom - top);
            let want: Vec<u8> =
                rows.flat_map(|row| &row[left * channels..right * channels]).copied().collect();
            let wanted = (left..right, top..bottom);
            let part = super::resize(src.clone(), size, channels, to, wanted, filter).unwrap();
            assert!(
                part == want,
                "{filter:?} {size:?} x {channels} to {to:?}, {left}..{right}, {top}..{bottom}"
            );
        }
    }
}

/// Every vector type against the plain one, whatever `resize` uses in this build.
#[test]
fn vectors_agree() {
    fn passes<P: Pairs>(src: &[u8], channels: usize) -> Vec<u8> {
        let mut across = vec![0; 11 * 6 * channels];
        cpu::horizontal::<P>(src, 29, channels, 7, 1..7, Filter::Lanczos, &mut across);
        let mut down = vec![0; 20 * 6 * channels];
        cpu::vertical::<P>(&across, 0, 11, 6 * channels, 20, 0..20, Filter::Bicubic, &mut down);
        down
    }
    for channels in [1, 3, 4] {
        let src = noise(3, 29 * 11 * channels);
        assert_eq!(passes::<Best>(&src, channels), passes::<Plain>(&src, channels));
    }
}

#[test]
fn colours_under_no_alpha_are_black() {
    let src = [200, 100, 50, 0, 200, 100, 50, 0];
    assert_eq!(resize(&src, (2, 1), 4, (1, 1), Filter::Bilinear).unwrap(), [0; 4]);
    assert_eq!(resize(&src, (2, 1), 4, (1, 1), Filter::Nearest).unwrap(), [200, 100, 50, 0]);
    assert_eq!(resize(&src, (2, 1), 4, (2, 1), Filter::Bilinear).unwrap(), src);
}

#[test]
fn one_colour_stays_that_colour() {
    for filter in Filter::ALL {
        for value in [0, 1, 128, 255] {
            let out = resize(&[value; 19 * 7 * 3], (19, 7), 3, (8, 23), filter).unwrap();
            assert!(out.iter().all(|&v| v == value), "{filter:?} {value}");
        }
    }
}

#[test]
fn bad_input_is_an_error() {
    let to =
        |size, len, channels, to| resize(&vec![0; len], size, channels, to, Filter::Bicubic).unwrap_err();
    assert_eq!(to((0, 4), 0, 3, (2, 2)), ResizeError::ZeroSize);
    assert_eq!(to((4, 4), 48, 3, (2, 0)), ResizeError::ZeroSize);
    assert_eq!(to((4, 4), 32, 2, (2, 2)), ResizeError::Channels(2));
    assert_eq!(to((4, 4), 47, 3, (2, 2)), ResizeError::Length { expected: 48, found: 47 });
    assert_eq!(
        to((1, 1), 3, 3, (MAX_SIDE, MAX_SIDE)),
        ResizeError::TooLarge { width: MAX_SIDE, height: MAX_SIDE }
    );
    let wide = ResizeError::TooLarge { width: usize::MAX, height: 1 };
    assert_eq!(to((1, 1), 3, 3, (usize::MAX, 1)), wide);
    let outside = super::resize(vec![0; 4], (2, 2), 1, (3, 3), (1..4, 0..3), Filter::Box);
    assert_eq!(outside, Err(ResizeError::Outside));
    let nothing = super::resize(vec![0; 4], (2, 2), 1, (3, 3), (2..2, 0..3), Filter::Box);
    assert_eq!(nothing, Err(ResizeError::ZeroSize));
    // Small itself, but not between the passes.
    let between = ResizeError::TooLarge { width: 60_000, height: 60_000 };
    assert_eq!(to((600, 60_000), 36_000_000, 1, (60_000, 2)), between);
}

#[test]
fn the_largest_sides_work() {
    for filter in Filter::ALL {
        assert_eq!(resize(&[9; MAX_SIDE], (MAX_SIDE, 1), 1, (1, 1), filter).unwrap(), [9]);
        assert_eq!(resize(&[9], (1, 1), 1, (1, MAX_SIDE), filter).unwrap(), [9; MAX_SIDE]);
    }
}
