//! What is done to a sum before it is a layer's result: y = activation(sum * scale + shift + add).

use crate::activation::Activation;
use crate::layout::{Floats, Layout};
use crate::simd::F32s;

/// A scale and a shift for each channel: a batch norm, a layer scale, constants.
pub struct Affine {
    scale: Floats,
    shift: Floats,
}

/// Floats that may be read behind the last channel's: kernels load whole vectors.
const BEHIND: usize = 64;

impl Affine {
    /// `None` where there is no memory.
    pub fn new(channels: usize, at: impl Fn(usize) -> (f32, f32)) -> Option<Self> {
        let mut affine =
            Affine { scale: Floats::zeros(channels + BEHIND)?, shift: Floats::zeros(channels + BEHIND)? };
        for c in 0..channels {
            (affine.scale[c], affine.shift[c]) = at(c);
        }
        Some(affine)
    }

    /// The scales from channel `c` on; `BEHIND` more than the channels may be read.
    #[inline(always)]
    pub fn scale(&self, c: usize) -> *const f32 {
        self.scale[c..].as_ptr()
    }

    /// The shifts, likewise.
    #[inline(always)]
    pub fn shift(&self, c: usize) -> *const f32 {
        self.shift[c..].as_ptr()
    }

    /// A channel's scale and shift.
    pub fn at(&self, c: usize) -> (f32, f32) {
        (self.scale[c], self.shift[c])
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        4 * (self.scale.len() + self.shift.len())
    }
}

/// The epilogue of a kernel that sums.
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Over the output's channels.
    pub affine: Option<&'a Affine>,
    /// A map of the output's size, which no step of the same phase writes.
    pub add: Option<Layout>,
    pub activation: Activation,
}

impl Epilogue<'_> {
    /// Finishes `R` pixels' sums of `LANES` channels from `c` on but for a curve, and stores them. `add` is where the
    /// pixels' summands lie; without an `add` in the epilogue it is not looked at.
    ///
    /// # Safety
    /// `LANES` floats at each `add` must be readable where there is an `add`, and at each `y` writable; `c` must be a channel
    /// of the output.
    // Every pass is small and free of branches, so that LLVM unrolls it whole: a sum that is picked by a variable lives
    // in memory, and then every product is stored there (38 GFLOPS instead of 54).
    #[inline(always)]
    pub unsafe fn store<V: F32s, const R: usize>(
        &self,
        mut sums: [V; R],
        c: usize,
        add: [*const f32; R],
        y: [*mut f32; R],
    ) {
        // SAFETY: the caller's promise; an affine has more numbers than channels.
        unsafe {
            if let Some(affine) = self.affine {
                let (scale, shift) = (V::load(affine.scale(c)), V::load(affine.shift(c)));
                sums = sums.map(|sum| sum.madd(scale, shift));
            }
            if self.add.is_some() {
                for (sum, add) in sums.iter_mut().zip(add) {
                    *sum = sum.add(V::load(add));
                }
            }
            let (least, most) = self.activation.bounds();
            let (least, most) = (V::splat(least), V::splat(most));
            for (sum, y) in sums.into_iter().zip(y) {
                sum.max(least).min(most).store(y);
            }
        }
    }

    /// Finishes `LANES` sums, of the channels from `c` on, but for a curve. `add` is where the summands of the same channels
    /// lie; without an `add` in the epilogue it is not looked at.
    ///
    /// # Safety
    /// `LANES` floats at `add` must be readable where there is an `add`; `c` must be a channel of the output.
    #[inline(always)]
    pub unsafe fn finish<V: F32s>(&self, sum: V, c: usize, add: *const f32) -> V {
        let mut y = sum;
        // SAFETY: the caller's promise; an affine has more numbers than channels.
        unsafe {
            if let Some(affine) = self.affine {
                y = y.madd(V::load(affine.scale(c)), V::load(affine.shift(c)));
            }
            if self.add.is_some() {
                y = y.add(V::load(add));
            }
        }
        let (least, most) = self.activation.bounds();
        y.max(V::splat(least)).min(V::splat(most))
    }
}
