//! Where a map lies in the arena, and the arena itself.

use std::marker::PhantomData;

/// A channels-last map inside the arena, in floats. Element (n, y, x, c) lies at
/// `offset + n * image + y * row + x * pixel + c`; around it there may be a halo of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub offset: usize,
    pub image: usize,
    pub row: usize,
    pub pixel: usize,
}

impl Layout {
    /// A map without halo or gaps.
    pub fn dense(n: usize, h: usize, w: usize, c: usize, offset: usize) -> Self {
        Layout { n, h, w, c, offset, image: h * w * c, row: w * c, pixel: c }
    }

    pub fn at(&self, n: usize, y: usize, x: usize) -> usize {
        self.offset + n * self.image + y * self.row + x * self.pixel
    }

    /// The same map seen from channel `first`, `count` channels wide.
    pub fn channels(&self, first: usize, count: usize) -> Self {
        Layout { offset: self.offset + first, c: count, ..*self }
    }

    /// Such a map so many floats further on.
    pub fn moved(&self, by: usize) -> Self {
        Layout { offset: self.offset + by, ..*self }
    }

    pub fn pixels(&self) -> usize {
        self.n * self.h * self.w
    }
}

/// A cache line: what makes a `Vec` of them start on one.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Plain numbers.
///
/// # Safety
/// Any bytes must be one, and it must divide a cache line.
pub unsafe trait Plain: Copy {}
// SAFETY: of these any bytes are numbers, of four, two and one bytes.
unsafe impl Plain for f32 {}
unsafe impl Plain for u16 {}
unsafe impl Plain for i8 {}

/// Numbers that start on a cache line. Growing can fail, never abort.
pub struct Lines<T> {
    lines: Vec<Line>,
    len: usize,
    numbers: PhantomData<T>,
}

pub type Floats = Lines<f32>;

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Lines { lines: vec![], len: 0, numbers: PhantomData }
    }
}

impl<T: Plain> Lines<T> {
    /// `len` zeros, or `None` where there is no memory for them.
    pub fn zeros(len: usize) -> Option<Self> {
        let mut numbers = Lines::default();
        numbers.grow(len)?;
        Some(numbers)
    }

    /// Makes room for at least `len` numbers. What is new is zero; what was there stays.
    pub fn grow(&mut self, len: usize) -> Option<()> {
        let lines = len.div_ceil(64 / size_of::<T>());
        if lines > self.lines.len() {
            self.lines.try_reserve_exact(lines - self.lines.len()).ok()?;
            self.lines.resize(lines, Line([0; 64]));
        }
        self.len = self.len.max(len);
        Some(())
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T: Plain> std::ops::Deref for Lines<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: lines have no padding, any bytes are numbers, and the lines hold at least `len` of them.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<T: Plain> std::ops::DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// The arena as the members of a team see it: each reads what earlier phases wrote and writes a part of its own.
///
/// Kernels take it by value and address it through a [`Layout`]; that chunks of a phase write disjoint parts and never
/// read what the same phase writes is the planner's promise.
#[derive(Clone, Copy)]
pub struct Arena<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: see the type's promise; the floats themselves are plain data.
unsafe impl Send for Arena<'_> {}
unsafe impl Sync for Arena<'_> {}

impl<'a> Arena<'a> {
    pub fn new(floats: &'a mut [f32]) -> Self {
        Arena { start: floats.as_mut_ptr(), len: floats.len(), life: PhantomData }
    }

    /// What lies from `first` on.
    ///
    /// # Safety
    /// `first` must lie in the arena.
    pub unsafe fn from(self, first: usize) -> Self {
        debug_assert!(first <= self.len, "from {first} on in an arena of {}", self.len);
        // SAFETY: the caller's promise.
        Arena { start: unsafe { self.start.add(first) }, len: self.len - first, ..self }
    }

    /// The float at `i`, to read `len` floats from.
    ///
    /// # Safety
    /// `i + len` floats must lie in the arena, and nobody may write them meanwhile.
    #[inline(always)]
    pub unsafe fn read(&self, i: usize, len: usize) -> *const f32 {
        debug_assert!(i + len <= self.len, "read of {len} floats at {i} in an arena of {}", self.len);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(i) }
    }

    /// The float at `i`, to write `len` floats to.
    ///
    /// # Safety
    /// `i + len` floats must lie in the arena, and nobody else may read or write them meanwhile.
    #[inline(always)]
    pub unsafe fn write(&self, i: usize, len: usize) -> *mut f32 {
        debug_assert!(i + len <= self.len, "write of {len} floats at {i} in an arena of {}", self.len);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(i) }
    }
}

/// Cells of a map that a pooling window sees: a rectangle, with the steps between them in floats.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    pub rows: usize,
    pub cols: usize,
    pub row_step: usize,
    pub col_step: usize,
}

impl Cells {
    /// Floats from the first cell to behind `channels` channels of the last.
    pub fn reach(&self, channels: usize) -> usize {
        if self.rows * self.cols == 0 {
            return 0;
        }
        (self.rows - 1) * self.row_step + (self.cols - 1) * self.col_step + channels
    }

    /// Folds `f` over the addresses of the cells, `at` being the first's.
    ///
    /// # Safety
    /// `at` must be followed by `reach(1)` floats of the same allocation.
    #[inline(always)]
    pub unsafe fn fold<T>(&self, at: *const f32, start: T, f: impl Fn(T, *const f32) -> T) -> T {
        let mut sum = start;
        for row in 0..self.rows {
            for col in 0..self.cols {
                // SAFETY: within the reach.
                sum = f(sum, unsafe { at.add(row * self.row_step + col * self.col_step) });
            }
        }
        sum
    }
}
