//! The vector trait that every fast kernel is written over, and the one list of vector types.

/// `LANES` floats that are computed on together.
pub trait F32s: Copy + Send + Sync + 'static {
    const LANES: usize;

    fn splat(v: f32) -> Self;
    /// # Safety
    /// `LANES` floats must be readable at `p` (no alignment is asked for).
    unsafe fn load(p: *const f32) -> Self;
    /// # Safety
    /// `LANES` floats must be writable at `p` (no alignment is asked for).
    unsafe fn store(self, p: *mut f32);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// The larger of each pair; `self` where they do not compare, so that a NaN in `self` stays.
    fn max(self, other: Self) -> Self;
    /// The smaller of each pair, likewise.
    fn min(self, other: Self) -> Self;
    /// `self * b + acc`, rounded once where the build can (relaxed-simd), else twice. The same within a build.
    fn madd(self, b: Self, acc: Self) -> Self;
    /// `acc - self * b`, rounded as `madd` is.
    fn nmadd(self, b: Self, acc: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn sqrt(self) -> Self;
    /// The floats whose bits are each one's lowest 9, moved to where sign and exponent are.
    fn exponent(self) -> Self;
    /// Floats of the sign, exponent and fraction of these halves: 2^112 times too small, for their exponents count from
    /// another number.
    /// # Safety
    /// `LANES` halves must be readable at `p`.
    unsafe fn load_halves(p: *const u16) -> Self;
    /// Integers as floats.
    /// # Safety
    /// `LANES` bytes must be readable at `p`.
    unsafe fn load_bytes(p: *const i8) -> Self;
}

/// `n`, read anew. Steps between addresses that LLVM knows to stay the same become one number for each address, kept through
/// all loops: more than V8 has registers for, so that what counts waits in memory (bench/README.md).
#[inline(always)]
pub fn anew(n: &usize) -> usize {
    // SAFETY: a reference can be read.
    unsafe { std::ptr::from_ref(n).read_volatile() }
}

/// `a < b`, hidden from LLVM: in a build with relaxed-simd it makes of a choice by it an instruction that may lose a NaN.
#[inline(always)]
fn less(a: f32, b: f32) -> bool {
    std::hint::black_box(a < b)
}

/// `L` plain floats: the vector of tests and of native builds.
#[derive(Clone, Copy)]
pub struct Scalar<const L: usize>([f32; L]);

impl<const L: usize> Scalar<L> {
    #[inline(always)]
    fn zip(self, o: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Scalar(std::array::from_fn(|i| f(self.0[i], o.0[i])))
    }
}

impl<const L: usize> F32s for Scalar<L> {
    const LANES: usize = L;
    #[inline(always)]
    fn splat(v: f32) -> Self {
        Scalar([v; L])
    }
    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of floats has their alignment.
        unsafe { Scalar(p.cast::<[f32; L]>().read()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<[f32; L]>().write(self.0) }
    }
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.zip(o, |a, b| a * b)
    }
    #[inline(always)]
    fn max(self, o: Self) -> Self {
        self.zip(o, |a, b| if less(a, b) { b } else { a })
    }
    #[inline(always)]
    fn min(self, o: Self) -> Self {
        self.zip(o, |a, b| if less(b, a) { b } else { a })
    }
    #[inline(always)]
    fn madd(self, b: Self, acc: Self) -> Self {
        self.mul(b).add(acc)
    }
    #[inline(always)]
    fn nmadd(self, b: Self, acc: Self) -> Self {
        acc.sub(self.mul(b))
    }
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        self.zip(o, |a, b| a / b)
    }
    #[inline(always)]
    fn sqrt(self) -> Self {
        Scalar(self.0.map(f32::sqrt))
    }
    #[inline(always)]
    fn exponent(self) -> Self {
        Scalar(self.0.map(|x| f32::from_bits(x.to_bits() << 23)))
    }
    #[inline(always)]
    unsafe fn load_halves(p: *const u16) -> Self {
        // SAFETY: the caller's promise; an array of halves has their alignment.
        let halves = unsafe { p.cast::<[u16; L]>().read() };
        Scalar(halves.map(|half| f32::from_bits(((half as i16 as u32) << 13) & 0x8fff_ffff)))
    }
    #[inline(always)]
    unsafe fn load_bytes(p: *const i8) -> Self {
        // SAFETY: the caller's promise.
        Scalar(unsafe { p.cast::<[i8; L]>().read() }.map(f32::from))
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::V128;

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use super::F32s;
    use core::arch::wasm32::*;

    /// WebAssembly's 128 bits.
    #[derive(Clone, Copy)]
    pub struct V128(v128);

    impl F32s for V128 {
        const LANES: usize = 4;
        #[inline(always)]
        fn splat(v: f32) -> Self {
            V128(f32x4_splat(v))
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            // SAFETY: the caller's promise; v128.load takes any alignment.
            unsafe { V128(v128_load(p.cast())) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { v128_store(p.cast(), self.0) }
        }
        #[inline(always)]
        fn add(self, o: Self) -> Self {
            V128(f32x4_add(self.0, o.0))
        }
        #[inline(always)]
        fn sub(self, o: Self) -> Self {
            V128(f32x4_sub(self.0, o.0))
        }
        #[inline(always)]
        fn mul(self, o: Self) -> Self {
            V128(f32x4_mul(self.0, o.0))
        }
        // LLVM would make these of pmax and pmin, in the other order. Of a NaN and a number they give, in this order, the NaN
        // on x64 (maxps takes the second) and on ARM (fmax takes the NaN).
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            V128(f32x4_relaxed_max(o.0, self.0))
        }
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            V128(f32x4_relaxed_min(o.0, self.0))
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            // pmax is one instruction on x64, max is eight.
            V128(f32x4_pmax(self.0, o.0))
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            V128(f32x4_pmin(self.0, o.0))
        }
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        fn madd(self, b: Self, acc: Self) -> Self {
            V128(f32x4_relaxed_madd(self.0, b.0, acc.0))
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        fn madd(self, b: Self, acc: Self) -> Self {
            self.mul(b).add(acc)
        }
        #[cfg(target_feature = "relaxed-simd")]
        #[inline(always)]
        fn nmadd(self, b: Self, acc: Self) -> Self {
            V128(f32x4_relaxed_nmadd(self.0, b.0, acc.0))
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        #[inline(always)]
        fn nmadd(self, b: Self, acc: Self) -> Self {
            acc.sub(self.mul(b))
        }
        #[inline(always)]
        fn div(self, o: Self) -> Self {
            V128(f32x4_div(self.0, o.0))
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            V128(f32x4_sqrt(self.0))
        }
        #[inline(always)]
        fn exponent(self) -> Self {
            V128(i32x4_shl(self.0, 23))
        }
        #[inline(always)]
        unsafe fn load_halves(p: *const u16) -> Self {
            // SAFETY: the caller's promise; the instruction takes any alignment.
            let halves = unsafe { i32x4_load_extend_i16x4(p.cast()) };
            V128(v128_and(i32x4_shl(halves, 13), u32x4_splat(0x8fff_ffff)))
        }
        #[inline(always)]
        unsafe fn load_bytes(p: *const i8) -> Self {
            // SAFETY: the caller's promise.
            let bytes = unsafe { p.cast::<u32>().read_unaligned() };
            let bytes = i16x8_extend_low_i8x16(u32x4(bytes, 0, 0, 0));
            V128(f32x4_convert_i32x4(i32x4_extend_low_i16x8(bytes)))
        }
    }
}

/// The vector that this build computes with.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Best = V128;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub type Best = Scalar<4>;

/// Runs `$check::<V>()` for each vector type of this build: the one list that tests and benchmarks go through.
#[macro_export]
macro_rules! every_vector {
    ($check:ident) => {{
        $check::<$crate::simd::Scalar<1>>();
        $check::<$crate::simd::Scalar<8>>();
        $check::<$crate::simd::Best>();
    }};
}
