//! Sums of products of bytes and 22-bit weights, by an instruction that adds pairs of products of 16 bits.
//!
//! A weight is taken apart into w = 2^11 high + low. Either half fits 16 bits, and so does a byte; the sums of both halves
//! wrap as one sum would, so that what comes together at the end is exact.

/// Bits of a weight's low half.
const LOW: u32 = 11;

/// Eight 16-bit numbers, four pairs of them.
pub trait Pairs: Copy {
    /// Four 32-bit sums.
    type Sums: Copy;

    /// # Safety
    /// Eight numbers must be readable at `p`.
    unsafe fn load(p: *const i16) -> Self;
    fn splat(pair: [i16; 2]) -> Self;
    /// Eight gray pixels, as they lie.
    /// # Safety
    /// Eight bytes must be readable at `p`.
    unsafe fn gray(p: *const u8) -> Self;
    /// Two pixels of three channels: a pair of each channel, and one of no meaning.
    /// # Safety
    /// Eight bytes must be readable at `p`.
    unsafe fn rgb(p: *const u8) -> Self;
    /// Two pixels of four channels: a pair of each channel.
    /// # Safety
    /// Eight bytes must be readable at `p`.
    unsafe fn rgba(p: *const u8) -> Self;
    /// Sixteen bytes of one row, each with that below it.
    /// # Safety
    /// Sixteen bytes must be readable at each.
    unsafe fn rows(above: *const u8, below: *const u8) -> [Self; 4];
    fn zero() -> Self::Sums;
    /// For each pair, its product with that of `weights`, added to `sums`.
    fn dot(self, weights: Self, sums: Self::Sums) -> Self::Sums;
    /// The sum of products with whole weights from those with their halves.
    fn join(high: Self::Sums, low: Self::Sums) -> [i32; 4];
    /// Sixteen joined sums, `half` added, without their `fraction` lowest bits and cut to a byte.
    /// # Safety
    /// Sixteen bytes must be writable at `out`.
    unsafe fn store(high: [Self::Sums; 4], low: [Self::Sums; 4], half: i32, fraction: u32, out: *mut u8);
}

/// A weight's halves, high and low.
pub fn halves(weight: i32) -> [i16; 2] {
    [(weight >> LOW) as i16, (weight & ((1 << LOW) - 1)) as i16]
}

/// Plain numbers: native builds, and the tests of all.
#[derive(Clone, Copy)]
pub struct Plain([i16; 8]);

impl Pairs for Plain {
    type Sums = [i32; 4];

    #[inline(always)]
    unsafe fn load(p: *const i16) -> Self {
        // SAFETY: the caller's promise.
        Plain(unsafe { p.cast::<[i16; 8]>().read_unaligned() })
    }
    #[inline(always)]
    fn splat([a, b]: [i16; 2]) -> Self {
        Plain([a, b, a, b, a, b, a, b])
    }
    #[inline(always)]
    unsafe fn gray(p: *const u8) -> Self {
        // SAFETY: the caller's promise.
        Plain(unsafe { p.cast::<[u8; 8]>().read() }.map(i16::from))
    }
    #[inline(always)]
    unsafe fn rgb(p: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let [r, g, b, r1, g1, b1, ..] = unsafe { p.cast::<[u8; 8]>().read() }.map(i16::from);
        Plain([r, r1, g, g1, b, b1, 0, 0])
    }
    #[inline(always)]
    unsafe fn rgba(p: *const u8) -> Self {
        // SAFETY: the caller's promise.
        let [r, g, b, a, r1, g1, b1, a1] = unsafe { p.cast::<[u8; 8]>().read() }.map(i16::from);
        Plain([r, r1, g, g1, b, b1, a, a1])
    }
    #[inline(always)]
    unsafe fn rows(above: *const u8, below: *const u8) -> [Self; 4] {
        // SAFETY: the caller's promise.
        let [a, b] = unsafe { [above, below].map(|p| p.cast::<[u8; 16]>().read().map(i16::from)) };
        std::array::from_fn(|i| {
            Plain(std::array::from_fn(|j| if j % 2 == 0 { a[4 * i + j / 2] } else { b[4 * i + j / 2] }))
        })
    }
    #[inline(always)]
    fn zero() -> [i32; 4] {
        [0; 4]
    }
    #[inline(always)]
    fn dot(self, w: Self, sums: [i32; 4]) -> [i32; 4] {
        let product = |i: usize| i32::from(self.0[i]).wrapping_mul(i32::from(w.0[i]));
        std::array::from_fn(|i| sums[i].wrapping_add(product(2 * i)).wrapping_add(product(2 * i + 1)))
    }
    #[inline(always)]
    fn join(high: [i32; 4], low: [i32; 4]) -> [i32; 4] {
        std::array::from_fn(|i| (high[i] << LOW).wrapping_add(low[i]))
    }
    #[inline(always)]
    unsafe fn store(high: [[i32; 4]; 4], low: [[i32; 4]; 4], half: i32, fraction: u32, out: *mut u8) {
        for i in 0..4 {
            let bytes = Self::join(high[i], low[i])
                .map(|sum| (sum.wrapping_add(half) >> fraction).clamp(0, 255) as u8);
            // SAFETY: the caller's promise.
            unsafe { out.cast::<[u8; 4]>().add(i).write(bytes) };
        }
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::V128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use super::{LOW, Pairs};
    use core::arch::wasm32::*;

    /// WebAssembly's 128 bits.
    #[derive(Clone, Copy)]
    pub struct V128(v128);

    #[inline(always)]
    fn joined(high: v128, low: v128) -> v128 {
        i32x4_add(i32x4_shl(high, LOW), low)
    }

    impl Pairs for V128 {
        type Sums = v128;

        #[inline(always)]
        unsafe fn load(p: *const i16) -> Self {
            // SAFETY: the caller's promise; v128.load takes any alignment, as do the other loads here.
            V128(unsafe { v128_load(p.cast()) })
        }
        #[inline(always)]
        fn splat([a, b]: [i16; 2]) -> Self {
            V128(i16x8(a, b, a, b, a, b, a, b))
        }
        #[inline(always)]
        unsafe fn gray(p: *const u8) -> Self {
            // SAFETY: the caller's promise.
            V128(unsafe { i16x8_load_extend_u8x8(p) })
        }
        #[inline(always)]
        unsafe fn rgb(p: *const u8) -> Self {
            // SAFETY: the caller's promise. The bytes from 8 on are zeros.
            let x = unsafe { v128_load64_zero(p.cast()) };
            V128(i8x16_shuffle::<0, 15, 3, 15, 1, 15, 4, 15, 2, 15, 5, 15, 15, 15, 15, 15>(x, x))
        }
        #[inline(always)]
        unsafe fn rgba(p: *const u8) -> Self {
            // SAFETY: the caller's promise. The bytes from 8 on are zeros.
            let x = unsafe { v128_load64_zero(p.cast()) };
            V128(i8x16_shuffle::<0, 15, 4, 15, 1, 15, 5, 15, 2, 15, 6, 15, 3, 15, 7, 15>(x, x))
        }
        #[inline(always)]
        unsafe fn rows(above: *const u8, below: *const u8) -> [Self; 4] {
            // SAFETY: the caller's promise.
            let (a, b) = unsafe { (v128_load(above.cast()), v128_load(below.cast())) };
            let first = i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
            let second = i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(a, b);
            [
                V128(u16x8_extend_low_u8x16(first)),
                V128(u16x8_extend_high_u8x16(first)),
                V128(u16x8_extend_low_u8x16(second)),
                V128(u16x8_extend_high_u8x16(second)),
            ]
        }
        #[inline(always)]
        fn zero() -> v128 {
            i32x4_splat(0)
        }
        #[inline(always)]
        fn dot(self, weights: Self, sums: v128) -> v128 {
            i32x4_add(sums, i32x4_dot_i16x8(self.0, weights.0))
        }
        #[inline(always)]
        fn join(high: v128, low: v128) -> [i32; 4] {
            let sums = joined(high, low);
            [
                i32x4_extract_lane::<0>(sums),
                i32x4_extract_lane::<1>(sums),
                i32x4_extract_lane::<2>(sums),
                i32x4_extract_lane::<3>(sums),
            ]
        }
        #[inline(always)]
        unsafe fn store(high: [v128; 4], low: [v128; 4], half: i32, fraction: u32, out: *mut u8) {
            let half = i32x4_splat(half);
            let [a, b, c, d]: [v128; 4] =
                std::array::from_fn(|i| i32x4_shr(i32x4_add(joined(high[i], low[i]), half), fraction));
            let bytes = u8x16_narrow_i16x8(i16x8_narrow_i32x4(a, b), i16x8_narrow_i32x4(c, d));
            // SAFETY: the caller's promise.
            unsafe { v128_store(out.cast(), bytes) };
        }
    }
}

/// What this build computes with.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Best = V128;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub type Best = Plain;
