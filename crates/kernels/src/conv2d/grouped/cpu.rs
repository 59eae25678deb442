//! The fast convolution of narrow groups: vectors of output channels, and several neighbouring pixels at a time, so that
//! what is loaded of the input serves every window that it lies in. Where a channel is a group of its own, a vector of
//! outputs reads a vector of inputs; else all of a vector lies in one group, and reads its inputs one by one.
//!
//! Chunks are blocks of rows and columns times ranges of channels, walked down row by row: so narrow that the weights, and the
//! rows that a window needs, stay in the nearer caches from one row of the output to the next. Columns are what is cut first:
//! few of them with all their channels are a run of memory, which caches fetch ahead.

use crate::activation::curves;
use crate::conv2d::Conv2d;
use crate::epilogue::Epilogue;
use crate::layout::{Arena, Floats, Layout};
use crate::par;
use crate::simd::{F32s, Scalar, anew};
use std::ops::Range;

/// Channels that a range is a multiple of: a cache line's.
const LINE: usize = 16;
/// Pixels of a whole tile.
const TILE: usize = 7;
/// Floats that a chunk's weights and window rows may have. That is more than the nearest cache has, but narrower strips of large
/// maps take longer: what lies further away is then fetched ahead less.
const NEAR: usize = 12_000;
/// Chunks that a layer is cut into where it is big enough: several for each thread, so that none waits long.
const CHUNKS: usize = 32;
/// Products a chunk has at least: about 5 us of work against some 100 ns to claim it.
const LEAST: usize = 50_000;

/// Packed weights. Vector v is of `lanes` channels from `v * lanes` on, but the last is moved back where it would hang over
/// the last channel. In a vector lie, for each row of the kernel and each input of a group, the row's taps.
pub struct Weights {
    lanes: usize,
    channels: usize,
    inputs: usize,
    kernel: [usize; 2],
    numbers: Floats,
    bias: Floats,
}

impl Weights {
    /// Zeros. `None` where there is no memory.
    pub fn zeros<V: F32s>(spec: &Conv2d) -> Option<Self> {
        let channels = spec.out_channels;
        let lanes = if channels < V::LANES { 1 } else { V::LANES };
        Some(Weights {
            lanes,
            channels,
            inputs: spec.in_channels / spec.groups,
            kernel: spec.kernel,
            numbers: Floats::zeros(channels.div_ceil(lanes) * lanes * spec.depth())?,
            bias: Floats::zeros(channels)?,
        })
    }

    /// Floats of a vector of channels.
    fn vector(&self) -> usize {
        self.inputs * self.kernel[0] * self.kernel[1] * self.lanes
    }

    /// Packs the weights [inputs, kh, kw] of a range of channels, which may come piece by piece.
    pub fn fill(&mut self, channels: Range<usize>, weight: &[f32]) {
        let ([kh, kw], lanes, vector) = (self.kernel, self.lanes, self.vector());
        let depth = self.inputs * kh * kw;
        assert_eq!(weight.len(), channels.len() * depth);
        for (channel, weight) in channels.zip(weight.chunks_exact(depth)) {
            // The last vector may have channels that the one before has too.
            let last = (self.channels.div_ceil(lanes) - 1, self.channels - lanes);
            for (v, first) in [(channel / lanes, channel / lanes * lanes), last] {
                if first <= channel
                    && channel < self.channels.min(first + lanes)
                    && first + lanes <= self.channels
                {
                    for (k, &w) in weight.iter().enumerate() {
                        let (input, row, column) = (k / (kh * kw), k / kw % kh, k % kw);
                        let place = (row * self.inputs + input) * kw + column;
                        self.numbers[v * vector + place * lanes + channel - first] = w;
                    }
                }
            }
        }
    }

    /// The channels' biases: zeros until they are set.
    pub fn bias_mut(&mut self) -> &mut [f32] {
        &mut self.bias
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        4 * (self.numbers.len() + self.bias.len())
    }
}

/// One convolution over given maps.
pub struct Job<'a> {
    pub spec: &'a Conv2d,
    pub weights: &'a Weights,
    /// The input without its padding; the zeros must lie around it.
    pub x: Layout,
    pub y: Layout,
    pub epilogue: Epilogue<'a>,
}

/// Where a tile of neighbouring pixels lies: the corner of its first window, and its first pixel.
#[derive(Clone, Copy)]
struct Place {
    x: *const f32,
    y: *mut f32,
    add: *const f32,
}

impl Job<'_> {
    /// Strips of columns and ranges that the channels are cut into.
    fn cuts(&self) -> [usize; 2] {
        let tiles = (self.y.w / TILE).max(1);
        let depth = self.x.c * self.spec.kernel[0];
        let tile = TILE * self.spec.stride[1] * depth;
        // What each strip has besides its tiles.
        let fixed = (self.spec.window(1).reach() - 1) * depth + self.y.c * self.spec.depth();
        let strips = par::split(tiles, (tiles * tile).div_ceil(NEAR.saturating_sub(fixed).max(1)), 1);
        let near = (tiles.div_ceil(strips) * tile + fixed) / NEAR + 1;
        // Where there are few rows, channels are what threads can share.
        let few = CHUNKS / 2 / (self.y.n * self.y.h * strips).max(1);
        [strips, par::split(self.y.c / LINE, near.max(few), 1)]
    }

    /// Bands that an image's rows are cut into.
    fn bands(&self) -> usize {
        let [strips, ranges] = self.cuts();
        let row = (self.y.w * self.y.c / (strips * ranges) * self.spec.depth()).max(1);
        par::split(self.y.h, CHUNKS.div_ceil(strips * ranges * self.y.n), LEAST.div_ceil(row))
    }

    /// How many independent chunks the job has.
    pub fn chunks(&self) -> usize {
        self.y.n * self.bands() * self.cuts().iter().product::<usize>()
    }

    /// # Safety
    /// The maps must lie in the arena, the input's padding must be there and zero, and nobody else may write the input or
    /// touch this chunk's part of the output meanwhile.
    pub unsafe fn run<V: F32s>(&self, arena: Arena, chunk: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            if self.y.c < V::LANES {
                self.band::<Scalar<1>>(arena, chunk);
            } else {
                self.band::<V>(arena, chunk);
            }
        }
    }

    /// # Safety
    /// As `run`; there must be `LANES` channels.
    unsafe fn band<V: F32s>(&self, arena: Arena, chunk: usize) {
        let (bands, [strips, ranges]) = (self.bands(), self.cuts());
        let (strip, rest) = (chunk % strips, chunk / strips);
        let (band, rest) = (rest % bands, rest / bands);
        let (image, range) = (rest % self.y.n, rest / self.y.n);
        let (columns, channels) = (part(self.y.w, TILE, strips, strip), part(self.y.c, LINE, ranges, range));
        let alone = self.weights.inputs == 1 && self.spec.groups == self.y.c;
        // What is known at compile time: that neighbours are a pixel apart, or two, and the columns of common kernels.
        let stride = if self.spec.dilation[1] == 1 { self.spec.stride[1] } else { 0 };
        let kernel = if V::LANES > 1 { self.spec.kernel[1] } else { 0 };
        let row = match (alone, stride, kernel) {
            (true, 1, 3) => Self::row::<V, 1, true, 3>,
            (true, 1, 5) => Self::row::<V, 1, true, 5>,
            (true, 1, _) => Self::row::<V, 1, true, 0>,
            (true, 2, 3) => Self::row::<V, 2, true, 3>,
            (true, 2, 5) => Self::row::<V, 2, true, 5>,
            (true, 2, _) => Self::row::<V, 2, true, 0>,
            (true, ..) => Self::row::<V, 0, true, 0>,
            (false, 1, _) => Self::row::<V, 1, false, 0>,
            (false, 2, _) => Self::row::<V, 2, false, 0>,
            (false, ..) => Self::row::<V, 0, false, 0>,
        };
        for oy in par::part(self.y.h, bands, band) {
            // SAFETY: the caller's promise.
            unsafe {
                row(self, arena, image, oy, &columns, &channels);
                if self.epilogue.activation.is_curve() {
                    let at = |ox| arena.write(self.y.at(image, oy, ox) + channels.start, channels.len());
                    curves::<V>(self.epilogue.activation, columns.clone().map(at), channels.len());
                }
            }
        }
    }

    /// Cuts a strip's row into tiles. The last one is moved back where it would hang over: what it then computes again is the
    /// same to the bit.
    ///
    /// # Safety
    /// As `band`.
    unsafe fn row<V: F32s, const S: usize, const ALONE: bool, const K: usize>(
        &self,
        arena: Arena,
        image: usize,
        oy: usize,
        columns: &Range<usize>,
        channels: &Range<usize>,
    ) {
        let (w, end) = (columns.len(), columns.end);
        let corner = self.spec.padding[0] * self.x.row + self.spec.padding[1] * self.x.pixel;
        let from = self.x.at(image, oy * self.spec.stride[0], 0) - corner;
        let place = |ox: usize, tile: usize| {
            let step = self.spec.stride[1] * self.x.pixel;
            // SAFETY: the windows with their padding lie in the arena, and so do the output's pixels.
            unsafe {
                Place {
                    x: arena.read(from + ox * step, (tile - 1) * step + self.reach()),
                    y: arena.write(self.y.at(image, oy, ox), (tile - 1) * self.y.pixel + self.y.c),
                    add: match &self.epilogue.add {
                        Some(map) => arena.read(map.at(image, oy, ox), (tile - 1) * map.pixel + map.c),
                        None => std::ptr::null(),
                    },
                }
            }
        };
        let mut ox = columns.start;
        while ox < end {
            // SAFETY: the caller's promise; the tile's pixels lie in the strip.
            unsafe {
                if w >= TILE && end - ox > 4 {
                    self.tile::<V, S, ALONE, K, TILE>(place(ox.min(end - TILE), TILE), channels);
                    ox += TILE;
                } else if w >= 4 {
                    self.tile::<V, S, ALONE, K, 4>(place(ox.min(end - 4), 4), channels);
                    ox += 4;
                } else {
                    self.tile::<V, S, ALONE, 0, 1>(place(ox, 1), channels);
                    ox += 1;
                }
            }
        }
    }

    /// Floats from a window's first to behind its last.
    fn reach(&self) -> usize {
        let [vertical, horizontal] = [0, 1].map(|axis| self.spec.window(axis).reach() - 1);
        vertical * self.x.row + horizontal * self.x.pixel + self.x.c
    }

    /// `T` neighbouring pixels, for windows at stride `S` without dilation; at any where `S` is 0. `ALONE`: each channel is
    /// a group. `K`: the windows' columns, or 0.
    ///
    /// # Safety
    /// As `band`; the tile's pixels must lie in the row.
    #[inline(never)]
    unsafe fn tile<V: F32s, const S: usize, const ALONE: bool, const K: usize, const T: usize>(
        &self,
        place: Place,
        channels: &Range<usize>,
    ) {
        debug_assert_eq!(self.weights.lanes, V::LANES);
        // Looked up once: stores through `y` could change all that is behind a reference, as LLVM sees it.
        let (steps, vector, group) =
            (self.steps::<S, ALONE, K>(), self.weights.vector(), self.y.c / self.spec.groups);
        let (numbers, bias) = (self.weights.numbers.as_ptr(), self.weights.bias.as_ptr());
        let finish = self.epilogue.finish::<V>(&self.y);
        let mut c = channels.start;
        while c < channels.end {
            let v = c / V::LANES;
            // As with the last tile of a row.
            c = c.min(channels.end - V::LANES);
            let first = if ALONE { c } else { c / group * steps.inputs };
            // SAFETY: the caller's promise.
            unsafe {
                let mut sums = [V::load(bias.add(c)); T];
                let (x, w) = (place.x.add(first), numbers.add(v * vector));
                let mut k = 0;
                while k < steps.kernel[1] {
                    k += match steps.kernel[1] - k {
                        // With steps known only at run time, every input has an address of its own: too many at once.
                        _ if S == 0 => columns::<V, S, 1, ALONE, T>(&steps, &mut sums, x, w, k),
                        1 => columns::<V, S, 1, ALONE, T>(&steps, &mut sums, x, w, k),
                        2 | 4 => columns::<V, S, 2, ALONE, T>(&steps, &mut sums, x, w, k),
                        _ => columns::<V, S, 3, ALONE, T>(&steps, &mut sums, x, w, k),
                    };
                }
                finish.store(sums, c, place.add, place.y);
            }
            c += V::LANES;
        }
    }

    /// With what is known at compile time put in.
    #[inline(always)]
    fn steps<const S: usize, const ALONE: bool, const K: usize>(&self) -> Steps {
        let [stride, dilation] = if S > 0 { [S, 1] } else { [self.spec.stride[1], self.spec.dilation[1]] };
        Steps {
            kernel: [self.spec.kernel[0], if K > 0 { K } else { self.spec.kernel[1] }],
            inputs: if ALONE { 1 } else { self.weights.inputs },
            row: self.spec.dilation[0] * self.x.row,
            tap: dilation * self.x.pixel,
            pixel: stride * self.x.pixel,
        }
    }
}

/// Part `i` of `count` of some items, in whole units: the last has what is more.
fn part(items: usize, unit: usize, count: usize, i: usize) -> Range<usize> {
    let units = par::part(items / unit, count, i);
    units.start * unit..if i + 1 == count { items } else { units.end * unit }
}

/// How a tile's windows lie, in floats from one to the next.
struct Steps {
    kernel: [usize; 2],
    inputs: usize,
    row: usize,
    tap: usize,
    pixel: usize,
}

/// `C` columns of the windows' taps from column `k` on, all rows: each input is loaded once, and goes into every sum whose
/// window it lies in. With three, inputs, taps and seven sums fit the registers in whatever order LLVM puts the products.
/// Gives `C`. `S` and `ALONE` are as for `tile`.
///
/// # Safety
/// The windows of `T` pixels must be readable; `x` must point at the first input of the first one's corner and `w` at the
/// vector's weights.
#[inline(always)]
unsafe fn columns<V: F32s, const S: usize, const C: usize, const ALONE: bool, const T: usize>(
    steps: &Steps,
    sums: &mut [V; T],
    x: *const f32,
    w: *const f32,
    k: usize,
) -> usize {
    let mut x = x.wrapping_add(k * steps.tap);
    let mut w = w.wrapping_add(k * V::LANES);
    for _ in 0..steps.kernel[0] {
        // At a stride of 2 LLVM makes each address of the one before by itself, which is faster (bench/README.md).
        let tap = if S == 1 { anew(&steps.tap) } else { steps.tap };
        for input in 0..steps.inputs {
            // SAFETY: the caller's promise.
            unsafe {
                let x = x.add(input);
                let taps: [V; C] = std::array::from_fn(|k| V::load(w.add(k * V::LANES)));
                for (t, sum) in sums.iter_mut().enumerate() {
                    for (k, &w) in taps.iter().enumerate() {
                        let x = x.add(if S == 1 { t * tap } else { t * steps.pixel } + k * tap);
                        *sum = if ALONE { V::load(x) } else { V::splat(*x) }.madd(w, *sum);
                    }
                }
            }
            w = w.wrapping_add(steps.kernel[1] * V::LANES);
        }
        x = x.wrapping_add(steps.row);
    }
    C
}
