//! storage: how packed weights are kept. Arithmetic is float32's all the same: a narrow weight is widened while it is read,
//! or a panel at a time before it is used, and its rounding when it was packed is the only one.

use crate::layout::Plain;
use crate::simd::F32s;

#[cfg(test)]
mod tests;

/// How weights are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    #[default]
    Float32,
    /// Rounded to IEEE's binary16, ties to even: relative errors of at most 2^-11 down to 2^-14.
    Float16,
    /// Rounded to the nearest of 255 steps from minus the largest magnitude of an output's weights to plus that.
    Int8,
}

impl Storage {
    /// Bytes of a weight.
    pub fn bytes(self) -> usize {
        match self {
            Storage::Float32 => 4,
            Storage::Float16 => 2,
            Storage::Int8 => 1,
        }
    }

    /// Whether a number is beyond the largest that can be kept.
    pub fn overflows(self, number: f32) -> bool {
        self == Storage::Float16 && to_float16(number).abs() > 65504.0
    }
}

/// The nearest number that float16 has, ties to even, as if its exponents had no end.
pub fn to_float16(number: f32) -> f32 {
    if number.abs() < 2.0f32.powi(-14) {
        // Such numbers are multiples of 2^-24, as are the floats from a half to one.
        return ((number.abs() + 0.75) - 0.75).copysign(number);
    }
    let bits = number.to_bits();
    f32::from_bits((bits + 0xfff + ((bits >> 13) & 1)) & !0x1fff)
}

/// A weight as it is kept; a column's (an output's) weights share a factor.
pub trait Weight: Plain + 'static {
    /// The factor of a column of these numbers.
    fn factor(column: &[f32]) -> f32;
    /// What a number of a column with this factor is kept as.
    fn pack(number: f32, factor: f32) -> Self;
    /// The factors of `LANES` columns.
    /// # Safety
    /// They must be readable at `p`, unless weights are floats.
    unsafe fn factors<V: F32s>(p: *const f32) -> V;
    /// A weight of each of `LANES` columns.
    /// # Safety
    /// They must be readable at `p`.
    unsafe fn load<V: F32s>(p: *const Self, factors: V) -> V;
}

impl Weight for f32 {
    fn factor(_: &[f32]) -> f32 {
        1.0
    }
    #[inline(always)]
    fn pack(number: f32, _: f32) -> f32 {
        number
    }
    #[inline(always)]
    unsafe fn factors<V: F32s>(_: *const f32) -> V {
        V::splat(1.0)
    }
    #[inline(always)]
    unsafe fn load<V: F32s>(p: *const f32, _: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(p) }
    }
}

/// Float16. Widened by moving its bits to where a float32's are and multiplying by 2^112, by which the exponents differ. Where
/// the column's numbers allow it they are kept 2^10 times larger: then none is subnormal, which some processors are slow at.
impl Weight for u16 {
    fn factor(column: &[f32]) -> f32 {
        2.0f32.powi(if largest(column) < 63.0 { 102 } else { 112 })
    }
    #[inline(always)]
    fn pack(number: f32, factor: f32) -> u16 {
        let bits = (to_float16(number) * factor.recip()).to_bits();
        (((bits >> 16) & 0x8000) | ((bits >> 13) & 0x7fff)) as u16
    }
    #[inline(always)]
    unsafe fn factors<V: F32s>(p: *const f32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(p) }
    }
    #[inline(always)]
    unsafe fn load<V: F32s>(p: *const u16, factors: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_halves(p) }.mul(factors)
    }
}

impl Weight for i8 {
    fn factor(column: &[f32]) -> f32 {
        largest(column) / 127.0
    }
    #[inline(always)]
    fn pack(number: f32, factor: f32) -> i8 {
        // What divides zero by zero becomes zero; what is beyond the ends stays there.
        (number / factor).round_ties_even().clamp(-127.0, 127.0) as i8
    }
    #[inline(always)]
    unsafe fn factors<V: F32s>(p: *const f32) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load(p) }
    }
    #[inline(always)]
    unsafe fn load<V: F32s>(p: *const i8, factors: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { V::load_bytes(p) }.mul(factors)
    }
}

fn largest(numbers: &[f32]) -> f32 {
    numbers.iter().fold(0.0, |most, x| most.max(x.abs()))
}
