//! The specification of resizing: each output pixel by itself, from the definition. Its input has been checked.

use super::Filter;

/// Weights are integers of this many fractional bits: 32, less 8 for the byte, less 2 for what negative lobes add.
pub const PRECISION: u32 = 22;

/// The weights of output `i` of `to` along an axis of `from` pixels: the first pixel they apply to, and one a pixel.
pub fn weights(filter: Filter, from: usize, to: usize, i: usize) -> (usize, Vec<i32>) {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    let support = filter.support() * stretch;
    let centre = (i as f64 + 0.5) * scale;
    // `as usize` cuts the fraction off and takes negative numbers to 0: both are meant.
    let first = (centre - support + 0.5) as usize;
    let last = ((centre + support + 0.5) as usize).min(from);
    // Pillow multiplies by the inverse; dividing would round differently.
    let inverse = 1.0 / stretch;
    let values: Vec<f64> = (first..last).map(|x| filter.at((x as f64 - centre + 0.5) * inverse)).collect();
    let sum: f64 = values.iter().sum();
    let one = f64::from(1 << PRECISION);
    let fixed = |v: f64| {
        let w = if sum == 0.0 { v } else { v / sum } * one;
        // Half away from zero, by adding a half: `round` differs for the number just below one half.
        (w + if w < 0.0 { -0.5 } else { 0.5 }) as i32
    };
    (first, values.into_iter().map(fixed).collect())
}

/// A weighted sum of bytes, as a byte.
pub fn byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// A pixel's colours times its alpha, rounded.
pub fn multiplied([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let times = |c: u8| {
        // c * a / 255 without a division, as Pillow has it; equal to the rounded quotient for all bytes.
        let product = u32::from(c) * u32::from(a) + 128;
        ((product + (product >> 8)) >> 8) as u8
    };
    [times(r), times(g), times(b), a]
}

/// The opposite, rounded down; resized colours may be above their alpha.
pub fn divided([r, g, b, a]: [u8; 4]) -> [u8; 4] {
    let over = |c: u8| if a == 0 { c } else { (255 * u32::from(c) / u32::from(a)).min(255) as u8 };
    [over(r), over(g), over(b), a]
}

/// The source pixel of each of `to` outputs for nearest; none past the edge, where rounding leads there.
pub fn nearest_sources(from: usize, to: usize) -> impl Iterator<Item = Option<usize>> {
    let step = from as f64 / to as f64;
    let mut at = step * 0.5;
    (0..to).map(move |_| {
        let x = at as usize;
        // Summed, not multiplied: Pillow's rounding errors add up, and decide ties.
        at += step;
        (x < from).then_some(x)
    })
}

/// As [`super::resize`] of all columns and rows, slowly.
#[cfg(test)]
pub fn resize(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    filter: Filter,
) -> Vec<u8> {
    if channels == 4 && filter != Filter::Nearest && size != to {
        let pixels = |image: &[u8], f: fn([u8; 4]) -> [u8; 4]| {
            image.as_chunks().0.iter().flat_map(|&pixel| f(pixel)).collect::<Vec<u8>>()
        };
        let image = resize_channels(&pixels(src, multiplied), size, channels, to, filter);
        return pixels(&image, divided);
    }
    resize_channels(src, size, channels, to, filter)
}

/// Each channel by itself.
#[cfg(test)]
fn resize_channels(
    src: &[u8],
    size: (usize, usize),
    channels: usize,
    to: (usize, usize),
    filter: Filter,
) -> Vec<u8> {
    let rows = |image: &[u8], height: usize| map_axis(image, height, size.0, channels, to.0, filter);
    let columns = |image: &[u8], width: usize| map_axis(image, 1, size.1, width * channels, to.1, filter);
    if size.1 > 100 * size.0 && to.1 < size.1 {
        return rows(&columns(src, size.0), to.1);
    }
    columns(&rows(src, size.1), to.0)
}

/// Resizes the middle axis of an array [outer, from, inner] to [outer, to, inner]; no work where it keeps its size.
#[cfg(test)]
fn map_axis(src: &[u8], outer: usize, from: usize, inner: usize, to: usize, filter: Filter) -> Vec<u8> {
    if from == to {
        return src.to_vec();
    }
    let mut out = vec![0; outer * to * inner];
    for o in 0..outer {
        for i in 0..to {
            for j in 0..inner {
                let pixel = |x: usize| src[(o * from + x) * inner + j];
                out[(o * to + i) * inner + j] = if filter == Filter::Nearest {
                    nearest_sources(from, to).nth(i).unwrap().map_or(0, pixel)
                } else {
                    let (first, w) = weights(filter, from, to, i);
                    let terms =
                        w.iter().enumerate().map(|(k, w)| i32::from(pixel(first + k)).wrapping_mul(*w));
                    byte(terms.fold(1 << (PRECISION - 1), i32::wrapping_add))
                };
            }
        }
    }
    out
}
