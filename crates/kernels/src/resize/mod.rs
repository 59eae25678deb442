//! Image resizing to Pillow's byte: `Image.resize` for 8-bit images of one, three or four channels (L, RGB, RGBA), rows of
//! interleaved bytes.
//!
//! The numbers are those of `libImaging/Resample.c`: filters widened by the scale when shrinking (antialiasing), weights
//! in f64 rounded to 22-bit integers, one pass an axis with bytes in between, no pass along an axis that keeps its size.
//! Nearest takes the pixel under each output pixel's centre, as Pillow's scaling transform does. The fourth channel is
//! alpha: but for nearest, colours are multiplied by it before and divided after, rounded to bytes both times.
//!
//! The order of the passes shows in the last bit. Here it is that of Pillow 12.3 and, but for images a hundred times as
//! tall as wide, of every version before it: rows first. Pillow 13.0 does columns first for many more images, those whose
//! height shrinks by about twice what the width does among them.

mod cpu;
mod pairs;
mod reference;

#[cfg(test)]
mod tests;

use pairs::Best;
use std::f64::consts::PI;
use std::fmt;
use std::ops::Range;

/// A resampling filter, by Pillow's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Box,
    Bilinear,
    Hamming,
    Bicubic,
    Lanczos,
}

impl Filter {
    pub const ALL: [Filter; 6] =
        [Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::Hamming, Filter::Bicubic, Filter::Lanczos];

    /// Half the filter's width in source pixels when it is not widened. Nearest has no weights.
    fn support(self) -> f64 {
        match self {
            Filter::Nearest => 0.0,
            Filter::Box => 0.5,
            Filter::Bilinear | Filter::Hamming => 1.0,
            Filter::Bicubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    /// The filter's value at `x`. The order of the operations matters: it decides the last bit of a weight.
    fn at(self, x: f64) -> f64 {
        let d = x.abs();
        match self {
            Filter::Nearest => 0.0,
            // Open on the left only, so that a pixel between two windows belongs to one of them.
            Filter::Box => f64::from(-0.5 < x && x <= 0.5),
            Filter::Bilinear => (1.0 - d).max(0.0),
            // Pillow's two constants are single precision.
            Filter::Hamming if d == 0.0 => 1.0,
            Filter::Hamming if d >= 1.0 => 0.0,
            Filter::Hamming => sinc(d) * (f64::from(0.54f32) + f64::from(0.46f32) * (d * PI).cos()),
            // Keys' cubic convolution with a = -0.5.
            Filter::Bicubic if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
            Filter::Bicubic if d < 2.0 => (((d - 5.0) * d + 8.0) * d - 4.0) * -0.5,
            Filter::Bicubic => 0.0,
            Filter::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Filter::Lanczos => 0.0,
        }
    }
}

/// sin(pi x) / (pi x)
fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    x.sin() / x
}

/// The largest width or height, of the source as of the result.
pub const MAX_SIDE: usize = 65_535;
/// The most bytes that the result, or the image between the two passes, may have.
pub const MAX_BYTES: u64 = 1 << 31;

/// Why an image cannot be resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResizeError {
    /// A width or height is zero, of the source or of the result.
    ZeroSize,
    /// A side is above [`MAX_SIDE`], or an image above [`MAX_BYTES`] or above the memory there is.
    TooLarge { width: usize, height: usize },
    /// Neither one channel nor three nor four.
    Channels(usize),
    /// The part that is wanted of the result reaches beyond it.
    Outside,
    /// The bytes are not width x height x channels.
    Length { expected: u64, found: usize },
}

impl fmt::Display for ResizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ResizeError::ZeroSize => write!(f, "an image to resize, and its result, need at least one pixel"),
            ResizeError::TooLarge { width, height } => {
                write!(f, "an image of {width} x {height} pixels is too large to resize; use a smaller one")
            }
            ResizeError::Channels(n) => write!(f, "an image to resize has 1, 3 or 4 channels, not {n}"),
            ResizeError::Outside => write!(f, "the part that is wanted reaches beyond the resized image"),
            ResizeError::Length { expected, found } => {
                write!(f, "an image of this size has {expected} bytes, but {found} were given")
            }
        }
    }
}

impl std::error::Error for ResizeError {}

/// Resizes `src`, rows of interleaved bytes, from `size` to `to` (both width, height), as Pillow's `Image.resize` does, and
/// gives the columns and rows `wanted` of that. Only what these need is computed.
pub fn resize(
    mut src: Vec<u8>,
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    wanted: (Range<usize>, Range<usize>),
    filter: Filter,
) -> Result<Vec<u8>, ResizeError> {
    let columns_first = size.1 > 100 * size.0 && to.1 < size.1;
    let (columns, rows) = wanted;
    let (made_width, made_height) = (columns.len(), rows.len());
    let between = if columns_first { (size.0, made_height) } else { (made_width, size.1) };
    check(&src, size, channels, [to, between, (made_width, made_height)])?;
    if columns.end > to.0 || rows.end > to.1 {
        return Err(ResizeError::Outside);
    }
    if filter == Filter::Nearest && size != to {
        let mut out = blank((made_width, made_height), channels)?;
        cpu::nearest(&src, size, channels, to, (columns, rows), &mut out);
        return Ok(out);
    }
    let has_alpha = channels == 4 && size != to;
    if has_alpha {
        src.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = reference::multiplied(*pixel));
    }
    let mut image = if columns_first {
        let image = down(src, 0, size.1, size.0 * channels, to.1, rows, filter)?;
        across(image, 0..made_height, size.0, channels, to.0, columns, filter)?
    } else {
        let needed = needed(filter, size.1, to.1, &rows);
        let image = across(src, needed.clone(), size.0, channels, to.0, columns, filter)?;
        down(image, needed.start, size.1, made_width * channels, to.1, rows, filter)?
    };
    if has_alpha {
        image.as_chunks_mut().0.iter_mut().for_each(|pixel| *pixel = reference::divided(*pixel));
    }
    Ok(image)
}

/// The pixels of an axis that the outputs `wanted` read.
fn needed(filter: Filter, from: usize, to: usize, wanted: &Range<usize>) -> Range<usize> {
    if from == to {
        return wanted.clone();
    }
    let (last, weights) = reference::weights(filter, from, to, wanted.end - 1);
    reference::weights(filter, from, to, wanted.start).0..last + weights.len()
}

/// The pass along the `rows` of an image of `from` columns; where there is none, what is wanted is cut out.
fn across(
    src: Vec<u8>,
    rows: Range<usize>,
    from: usize,
    channels: usize,
    to: usize,
    wanted: Range<usize>,
    filter: Filter,
) -> Result<Vec<u8>, ResizeError> {
    let width = from * channels;
    let part = &src[rows.start * width..rows.end * width];
    if from == to && wanted.len() == to && part.len() == src.len() {
        return Ok(src);
    }
    let mut out = blank((wanted.len(), rows.len()), channels)?;
    if from == to {
        let cut = wanted.start * channels..wanted.end * channels;
        for (row, out) in part.chunks_exact(width).zip(out.chunks_exact_mut(cut.len())) {
            out.copy_from_slice(&row[cut.clone()]);
        }
    } else {
        cpu::horizontal::<Best>(part, from, channels, to, wanted, filter, &mut out);
    }
    Ok(out)
}

/// The pass along columns of `from` pixels, of which `src` holds those from `above` on, `width` bytes a row. Where there is
/// none, it holds what is wanted.
fn down(
    src: Vec<u8>,
    above: usize,
    from: usize,
    width: usize,
    to: usize,
    wanted: Range<usize>,
    filter: Filter,
) -> Result<Vec<u8>, ResizeError> {
    if from == to {
        return Ok(src);
    }
    let mut out = blank((width, wanted.len()), 1)?;
    cpu::vertical::<Best>(&src, above, from, width, to, wanted, filter, &mut out);
    Ok(out)
}

/// Whether `src` is an image of this size, and the images to make (`made`) are within the limits.
fn check(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    made: [(usize, usize); 3],
) -> Result<(), ResizeError> {
    if ![1, 3, 4].contains(&channels) {
        return Err(ResizeError::Channels(channels));
    }
    let bytes = |(w, h): (usize, usize)| w as u64 * h as u64 * channels as u64;
    for (width, height) in [size].into_iter().chain(made) {
        if width == 0 || height == 0 {
            return Err(ResizeError::ZeroSize);
        }
        if width > MAX_SIDE || height > MAX_SIDE {
            return Err(ResizeError::TooLarge { width, height });
        }
    }
    if bytes(size) != src.len() as u64 {
        return Err(ResizeError::Length { expected: bytes(size), found: src.len() });
    }
    match made.into_iter().find(|&image| bytes(image) > MAX_BYTES) {
        Some((width, height)) => Err(ResizeError::TooLarge { width, height }),
        None => Ok(()),
    }
}

/// An image of zeros, or the news that there is not the memory for it.
fn blank((width, height): (usize, usize), channels: usize) -> Result<Vec<u8>, ResizeError> {
    let bytes = width * height * channels;
    let mut image = Vec::new();
    image.try_reserve_exact(bytes).map_err(|_| ResizeError::TooLarge { width, height })?;
    image.resize(bytes, 0);
    Ok(image)
}
