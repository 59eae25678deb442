//! Output sizes of sliding and adaptive windows: the only place that has this arithmetic.

/// One axis of a sliding window, in PyTorch's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub kernel: usize,
    pub stride: usize,
    /// Padding before and after the axis.
    pub padding: [usize; 2],
    pub dilation: usize,
    /// Whether a last window may hang over the end (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

impl Window {
    /// How far a window reaches: `dilation * (kernel - 1) + 1`.
    pub fn reach(&self) -> usize {
        self.dilation * (self.kernel - 1) + 1
    }

    /// The number of windows over `size` cells, or `None` where not even one fits.
    ///
    /// In ceil mode a window may hang over the end by less than a stride, even the only one, but may not start beyond the
    /// input and its padding in front, as in PyTorch.
    pub fn count(&self, size: usize) -> Option<usize> {
        let over = if self.ceil { self.stride - 1 } else { 0 };
        let room = (size + self.padding[0] + self.padding[1] + over).checked_sub(self.reach())?;
        let count = room / self.stride + 1;
        let last_starts_outside = self.ceil && (count - 1) * self.stride >= size + self.padding[0];
        Some(if last_starts_outside { count - 1 } else { count })
    }

    /// The window with TensorFlow's SAME padding for `size` cells: one window for each stride that begins inside, the
    /// smaller half of what that lacks in front.
    pub fn same(self, size: usize) -> Self {
        let wanted = size.saturating_sub(1) / self.stride * self.stride + self.reach();
        let lacking = wanted.saturating_sub(size);
        Window { padding: [lacking / 2, lacking - lacking / 2], ceil: false, ..self }
    }

    /// The cells of window `i` that lie inside `0..size`, as `(first cell, number of taps)`; taps are `dilation` apart. Where
    /// a dilated window sees nothing but padding, the first is still a cell of the input, so that its address is one.
    pub fn taps(&self, i: usize, size: usize) -> (usize, usize) {
        let start = i * self.stride;
        let skipped = self.padding[0].saturating_sub(start).div_ceil(self.dilation);
        let first = start + skipped * self.dilation - self.padding[0];
        let inside = size.saturating_sub(first).div_ceil(self.dilation);
        (first.min(size - 1), inside.min(self.kernel - skipped.min(self.kernel)))
    }
}

/// The cells that output `i` of `count` averages in an adaptive pooling of `size` cells, as a half-open range.
pub fn adaptive(i: usize, count: usize, size: usize) -> (usize, usize) {
    // In 64 bits: the product of a large map's side and a large output's does not fit WebAssembly's 32.
    let [i, count, size] = [i, count, size].map(|n| n as u64);
    ((i * size / count) as usize, ((i + 1) * size).div_ceil(count) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    /// The definition: place one window after another.
    fn by_placing(w: &Window, size: usize) -> Option<usize> {
        let padded = size + w.padding[0] + w.padding[1];
        let is_there = |i: usize| {
            let (start, end) = (i * w.stride, i * w.stride + w.reach());
            if w.ceil { end < padded + w.stride && start < size + w.padding[0] } else { end <= padded }
        };
        Some((0..).take_while(|&i| is_there(i)).count()).filter(|&count| count > 0)
    }

    fn every_window(mut check: impl FnMut(Window)) {
        for kernel in 1..5 {
            for stride in 1..4 {
                for dilation in 1..4 {
                    for before in 0..kernel {
                        for after in 0..kernel {
                            for ceil in [false, true] {
                                check(Window { kernel, stride, padding: [before, after], dilation, ceil });
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn counts_equal_the_definition() {
        every_window(|w| {
            for size in 1..30 {
                assert_eq!(w.count(size), by_placing(&w, size), "{w:?} over {size}");
            }
        });
    }

    #[test]
    fn taps_are_the_cells_inside() {
        every_window(|w| {
            for size in 1..20usize {
                for i in 0..w.count(size).unwrap_or(0) {
                    let cells = (0..w.kernel)
                        .map(|k| (i * w.stride + k * w.dilation) as isize - w.padding[0] as isize)
                        .filter(|&c| c >= 0 && c < size as isize)
                        .collect::<Vec<_>>();
                    let (first, taps) = w.taps(i, size);
                    let got = (0..taps).map(|k| (first + k * w.dilation) as isize).collect::<Vec<_>>();
                    assert_eq!(got, cells, "{w:?} window {i} over {size}");
                    assert!(first < size);
                }
            }
        });
    }

    #[test]
    fn same_keeps_a_window_for_each_stride() {
        every_window(|w| {
            for size in 1..30usize {
                let same = w.same(size);
                assert_eq!(same.count(size), Some(size.div_ceil(w.stride)), "{w:?} over {size}");
                assert!(same.padding[0] <= same.padding[1] && same.padding[1] <= same.padding[0] + 1);
            }
        });
        // EfficientNet's stem: 224 cells, a kernel of 3, every other one.
        let stem = Window { kernel: 3, stride: 2, padding: [0; 2], dilation: 1, ceil: false };
        assert_eq!(stem.same(224).padding, [0, 1]);
        assert_eq!(stem.same(225).padding, [1, 1]);
    }

    #[test]
    fn pytorch_sizes() {
        let pool =
            |kernel, stride, pad, ceil| Window { kernel, stride, padding: [pad, pad], dilation: 1, ceil };
        assert_eq!(pool(3, 2, 0, true).count(111), Some(55)); // SqueezeNet 1.1
        assert_eq!(pool(3, 2, 0, false).count(55), Some(27)); // AlexNet
        assert_eq!(pool(3, 2, 1, false).count(112), Some(56)); // ResNet
        assert_eq!(pool(2, 2, 0, true).count(5), Some(3));
        assert_eq!(pool(11, 4, 2, false).count(6), None);
        assert_eq!(pool(3, 2, 0, true).count(2), Some(1)); // SqueezeNet 1.1 on 17 x 17
        assert_eq!(pool(3, 2, 0, true).count(1), None);
        assert_eq!((adaptive(0, 3, 7), adaptive(1, 3, 7), adaptive(2, 3, 7)), ((0, 3), (2, 5), (4, 7)));
        assert_eq!(adaptive((1 << 20) - 1, 1 << 20, 1 << 28), ((1 << 28) - 256, 1 << 28));
    }
}
