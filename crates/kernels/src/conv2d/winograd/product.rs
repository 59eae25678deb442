//! The matrix products at one position: transformed inputs by transformed weights.

use super::N;
use crate::simd::F32s;
use crate::tile;

/// Where rows of floats lie: the first, and how many floats from one to the next.
#[derive(Clone, Copy)]
pub struct Rows<P> {
    pub first: P,
    pub step: usize,
}

/// The transformed inputs of some tiles by a panel of weights, at one position.
#[derive(Clone, Copy)]
pub struct Product {
    pub tiles: usize,
    pub v: Rows<*const f32>,
    pub u: Rows<*const f32>,
    pub sums: Rows<*mut f32>,
    /// What each sum is multiplied by.
    pub scale: f32,
}

/// Tiles of which two products are summed at a time: there are too few sums in one for a processor not to wait for them.
const FEW: usize = 2;

/// Computes products `depth` deep, at most `height` tiles at a time: each tile's sums, on top of what is there where there is
/// `more`, and then times the scale, go to its row of `sums`.
///
/// # Safety
/// `depth` floats of each row of `v` must be readable, and a panel's width of `depth` rows of `u`; the sums must be writable, and
/// readable where there is more.
pub unsafe fn multiply<V: F32s>(
    products: impl Iterator<Item = Product>,
    depth: usize,
    height: usize,
    more: bool,
) {
    let mut waiting: Option<Product> = None;
    for product in products {
        // SAFETY: the caller's promise.
        unsafe {
            if product.tiles > FEW {
                alone::<V>(product, depth, height, more);
                continue;
            }
            match waiting.take() {
                Some(other) if other.tiles == product.tiles => match product.tiles {
                    1 => sum::<V, 1, 2>([other, product], depth, more),
                    _ => sum::<V, FEW, 2>([other, product], depth, more),
                },
                other => {
                    other.into_iter().for_each(|other| alone::<V>(other, depth, height, more));
                    waiting = Some(product);
                }
            }
        }
    }
    // SAFETY: as above.
    waiting.into_iter().for_each(|product| unsafe { alone::<V>(product, depth, height, more) });
}

/// # Safety
/// As `multiply`.
unsafe fn alone<V: F32s>(product: Product, depth: usize, height: usize, more: bool) {
    let Product { tiles, v, sums, .. } = product;
    let height = height.min(6);
    let mut t = 0;
    while t < tiles {
        let rows = tile::height(height, tiles - t);
        let v = Rows { first: v.first.wrapping_add(t * v.step), ..v };
        let sums = Rows { first: sums.first.wrapping_add(t * sums.step), ..sums };
        let part = [Product { tiles: rows, v, sums, ..product }];
        // SAFETY: the caller's promise.
        unsafe {
            match rows {
                1 => sum::<V, 1, 1>(part, depth, more),
                2 => sum::<V, 2, 1>(part, depth, more),
                3 => sum::<V, 3, 1>(part, depth, more),
                4 => sum::<V, 4, 1>(part, depth, more),
                5 => sum::<V, 5, 1>(part, depth, more),
                _ => sum::<V, 6, 1>(part, depth, more),
            }
        }
        t += rows;
    }
}

/// `P` products of `R` tiles each.
///
/// # Safety
/// As `multiply`.
// A function of its own: in a larger one Firefox runs out of registers.
#[inline(never)]
unsafe fn sum<V: F32s, const R: usize, const P: usize>(products: [Product; P], depth: usize, more: bool) {
    // SAFETY: the caller's promise; each u moves over its panel once, from its start to its end.
    unsafe {
        let v = products.map(|product| -> [*const f32; R] {
            std::array::from_fn(|r| product.v.first.add(r * product.v.step))
        });
        let y = products.map(|product| -> [*mut f32; R] {
            std::array::from_fn(|r| product.sums.first.add(r * product.sums.step))
        });
        let mut sums = [[[V::splat(0.0); N]; R]; P];
        if more {
            sums = y.map(|y| y.map(|y| std::array::from_fn(|j| V::load(y.add(j * V::LANES)))));
        }
        let mut u = products.map(|product| product.u.first);
        for k in 0..depth {
            for (((sums, v), u), product) in sums.iter_mut().zip(&v).zip(&mut u).zip(&products) {
                let weights: [V; N] = std::array::from_fn(|j| V::load(u.add(j * V::LANES)));
                for (sums, v) in sums.iter_mut().zip(v) {
                    let v = V::splat(*v.add(k));
                    for (sum, weight) in sums.iter_mut().zip(weights) {
                        *sum = v.madd(weight, *sum);
                    }
                }
                // Wrapping, as in tile.rs: behind the last row it may lie beyond all weights.
                *u = u.wrapping_add(product.u.step);
            }
        }
        for ((sums, y), product) in sums.iter().zip(&y).zip(&products) {
            let scale = V::splat(product.scale);
            for (sums, y) in sums.iter().zip(y) {
                for (j, sum) in sums.iter().enumerate() {
                    sum.mul(scale).store(y.add(j * V::LANES));
                }
            }
        }
    }
}
