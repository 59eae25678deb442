//! Image resizing to Pillow's byte: `Image.resize` for 8-bit images of one or three channels, rows of interleaved bytes.
//!
//! The numbers are those of `libImaging/Resample.c`: filters widened by the scale when shrinking (antialiasing), weights
//! in f64 rounded to 22-bit integers, one pass an axis with bytes in between, no pass along an axis that keeps its size.
//! Nearest takes the pixel under each output pixel's centre, as Pillow's scaling transform does.
//!
//! The order of the passes shows in the last bit. Here it is that of Pillow 12.3 and, but for images a hundred times as
//! tall as wide, of every version before it: rows first. Pillow 13.0 does columns first wherever the height shrinks by
//! more than twice what the width does.

mod cpu;
mod reference;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::f64::consts::PI;
use std::fmt;

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
    /// Neither one channel nor three.
    Channels(usize),
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
            ResizeError::Channels(n) => write!(f, "an image to resize has 1 or 3 channels, not {n}"),
            ResizeError::Length { expected, found } => {
                write!(f, "an image of this size has {expected} bytes, but {found} were given")
            }
        }
    }
}

impl std::error::Error for ResizeError {}

/// Resizes `src`, rows of interleaved bytes, from `size` to `to` (both width, height), as Pillow's `Image.resize` does.
pub fn resize(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    filter: Filter,
) -> Result<Vec<u8>, ResizeError> {
    let between = between(size, to);
    check(src, size, channels, [between, to])?;
    if size == to || filter == Filter::Nearest {
        let mut out = blank(to, channels)?;
        if size == to {
            out.copy_from_slice(src);
        } else {
            cpu::nearest(src, size, channels, to, &mut out);
        }
        return Ok(out);
    }
    let image = pass(Cow::Borrowed(src), size, channels, between, filter)?;
    Ok(pass(image, between, channels, to, filter)?.into_owned())
}

/// The size after the first pass.
fn between(size: (usize, usize), to: (usize, usize)) -> (usize, usize) {
    let columns_first = size.1 > 100 * size.0 && to.1 < size.1;
    if columns_first { (size.0, to.1) } else { (to.0, size.1) }
}

/// One pass, along the axis in which `size` and `to` differ; the image itself if there is none.
fn pass(
    src: Cow<[u8]>,
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    filter: Filter,
) -> Result<Cow<[u8]>, ResizeError> {
    if size == to {
        return Ok(src);
    }
    let mut out = blank(to, channels)?;
    if size.0 != to.0 {
        cpu::horizontal(&src, size.0, channels, to.0, filter, &mut out);
    } else {
        cpu::vertical(&src, size.1, size.0 * channels, to.1, filter, &mut out);
    }
    Ok(Cow::Owned(out))
}

/// Whether `src` is an image of this size, and the images to make (`made`) are within the limits.
fn check(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    made: [(usize, usize); 2],
) -> Result<(), ResizeError> {
    if channels != 1 && channels != 3 {
        return Err(ResizeError::Channels(channels));
    }
    let bytes = |(w, h): (usize, usize)| w as u64 * h as u64 * channels as u64;
    for (width, height) in [size, made[0], made[1]] {
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
