//! What is done to a sum before it is a layer's result: y = activation(sum * scale + shift + add).

use crate::activation::Activation;
use crate::layout::{Floats, Layout};
use crate::simd::{F32s, anew};

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
    /// What finishes the sums of `y`'s pixels, looked up once for many: stores could change all that is behind a reference,
    /// as LLVM sees it, so that it would be read, and the activation asked for, again for each.
    #[inline(always)]
    pub fn finish<V: F32s>(&self, y: &Layout) -> Finish<V> {
        let (least, most) = self.activation.bounds();
        Finish {
            affine: self.affine.map(|affine| (affine.scale(0), affine.shift(0))),
            add_step: self.add.map(|map| map.pixel),
            y_step: y.pixel,
            bounds: (V::splat(least), V::splat(most)),
        }
    }
}

/// An epilogue for sums of neighbouring pixels, but for a curve.
#[derive(Clone, Copy)]
pub struct Finish<V> {
    affine: Option<(*const f32, *const f32)>,
    /// Floats from a pixel's summands to the next one's, and likewise of the results.
    add_step: Option<usize>,
    y_step: usize,
    bounds: (V, V),
}

impl<V: F32s> Finish<V> {
    /// Finishes `R` neighbouring pixels' sums of `LANES` channels from `c` on, and stores them. At `y` is the first pixel's
    /// first channel, at `add` the one of its summands, which without an `add` in the epilogue is not looked at.
    ///
    /// # Safety
    /// `LANES` floats from `c` on must be readable of each pixel's summands, if any, and writable of its results; `c` must be
    /// a channel of the output.
    // Every pass is small and free of branches, so that LLVM unrolls it whole: a sum that is picked by a variable lives
    // in memory, and then every product is stored there (38 GFLOPS instead of 54).
    #[inline(always)]
    pub unsafe fn store<const R: usize>(&self, mut sums: [V; R], c: usize, add: *const f32, y: *mut f32) {
        // SAFETY: the caller's promise; an affine has more numbers than channels.
        unsafe {
            if let Some((scale, shift)) = self.affine {
                let (scale, shift) = (V::load(scale.add(c)), V::load(shift.add(c)));
                sums = sums.map(|sum| sum.madd(scale, shift));
            }
            if let Some(step) = self.add_step {
                for (t, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(V::load(add.add(t * step + c)));
                }
            }
            let step = anew(&self.y_step);
            for (t, sum) in sums.into_iter().enumerate() {
                sum.max(self.bounds.0).min(self.bounds.1).store(y.add(t * step + c));
            }
        }
    }
}
