//! What the operators' tests share: random numbers from a printed seed, an arena full of poison, a run that watches it,
//! and the tolerance of sums.

use crate::activation::{self, Activation};
use crate::epilogue::{Affine, Epilogue};
use crate::layout::{Arena, Layout};
use crate::storage::Storage;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};

/// What lies wherever a kernel has no business: it spoils every sum it gets into, and its bits tell whether it is intact.
pub const POISON: f32 = f32::from_bits(0x7fc0_dead);

/// Says a line that is shown where the test fails.
fn say(line: &str) {
    #[cfg(target_arch = "wasm32")]
    wasm_bindgen_test::console_log!("{line}");
    #[cfg(not(target_arch = "wasm32"))]
    println!("{line}");
}

/// Random numbers (splitmix64).
pub struct Random(u64);

impl Random {
    /// From the seed in the environment variable `SEED` (at compile time: wasm has no environment), else from a new one. A
    /// failing test shows it.
    pub fn new() -> Self {
        let seed = match option_env!("SEED") {
            Some(seed) => seed.parse().expect("SEED is a number"),
            None => RandomState::new().build_hasher().finish(),
        };
        say(&format!("SEED={seed}"));
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    pub fn within(&mut self, least: usize, most: usize) -> usize {
        least + (self.next() % (most - least + 1) as u64) as usize
    }

    pub fn coin(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    /// Each from `least` to `most`.
    pub fn several<const N: usize>(&mut self, least: usize, most: usize) -> [usize; N] {
        std::array::from_fn(|_| self.within(least, most))
    }

    /// `len` numbers from -1 to 1.
    pub fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0).collect()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.within(0, i));
        }
    }
}

/// An arena that is being furnished with maps, all else poison.
pub struct Stage {
    floats: Vec<f32>,
    poison: f32,
}

impl Stage {
    pub fn new() -> Self {
        Self::poisoned(POISON)
    }

    pub fn poisoned(poison: f32) -> Self {
        Stage { floats: vec![poison; 24], poison }
    }

    /// Room for `len` floats; the address is no multiple of anything.
    pub fn room(&mut self, len: usize) -> usize {
        let start = self.floats.len() + 5;
        self.floats.resize(start + len + 24, self.poison);
        start
    }

    /// Room for a map of [n, c, h, w] with a halo (top, left, bottom, right) around it, and channels of a wider map before
    /// and behind its own.
    pub fn map(&mut self, [n, c, h, w]: [usize; 4], halo: [usize; 4], beside: [usize; 2]) -> Layout {
        let [top, left, bottom, right] = halo;
        let pixel = beside[0] + c + beside[1];
        let row = (left + w + right) * pixel;
        let image = (top + h + bottom) * row;
        let offset = self.room(n * image) + top * row + left * pixel + beside[0];
        Layout { n, h, w, c, offset, image, row, pixel }
    }

    /// Writes a map's numbers, given in PyTorch's order.
    pub fn put(&mut self, map: &Layout, numbers: &[f32]) {
        let places = elements(map);
        assert_eq!(places.len(), numbers.len());
        places.iter().zip(numbers).for_each(|(&i, &x)| self.floats[i] = x);
    }

    /// A map's numbers, in PyTorch's order.
    pub fn get(&self, map: &Layout) -> Vec<f32> {
        elements(map).iter().map(|&i| self.floats[i]).collect()
    }

    /// Room for these floats, which are put there.
    pub fn flat(&mut self, numbers: &[f32]) -> usize {
        let start = self.room(numbers.len());
        self.floats[start..start + numbers.len()].copy_from_slice(numbers);
        start
    }

    /// Writes zeros around a map, in its own channels alone.
    pub fn zero_around(&mut self, map: &Layout, halo: [usize; 4]) {
        let inside: HashSet<usize> = elements(map).into_iter().collect();
        for i in elements(&grown(map, halo)).into_iter().filter(|i| !inside.contains(i)) {
            self.floats[i] = 0.0;
        }
    }

    fn after(&self, chunks: &[usize], work: &impl Fn(Arena, usize)) -> Vec<u32> {
        let mut floats = self.floats.clone();
        chunks.iter().for_each(|&chunk| work(Arena::new(&mut floats), chunk));
        floats.iter().map(|x| x.to_bits()).collect()
    }

    /// Runs a job's chunks and gives what then lies at `places`. Holds the job to its promises: no order of the chunks
    /// changes a bit, nothing is written elsewhere, and no two chunks write the same place.
    pub fn run(
        &self,
        random: &mut Random,
        places: &[usize],
        chunks: usize,
        work: impl Fn(Arena, usize),
    ) -> Vec<f32> {
        let mut order: Vec<usize> = (0..chunks).collect();
        let result = self.after(&order, &work);
        // Once is enough for Miri, which takes minutes and looks for other faults; native tests run the same cases.
        if !cfg!(miri) {
            random.shuffle(&mut order);
            assert!(result == self.after(&order, &work), "the order of the chunks matters");
        }

        let mut elsewhere = vec![true; result.len()];
        places.iter().for_each(|&i| elsewhere[i] = false);
        let before: Vec<u32> = self.floats.iter().map(|x| x.to_bits()).collect();
        for i in (0..result.len()).filter(|&i| elsewhere[i]) {
            assert!(result[i] == before[i], "float {i} was written, outside of the output");
        }
        // Chunk by chunk from a fresh arena: too slow for the largest.
        if !cfg!(miri) && chunks * before.len() < 100_000 {
            let mut writers = vec![0; before.len()];
            for chunk in 0..chunks {
                let after = self.after(&[chunk], &work);
                (0..before.len()).for_each(|i| writers[i] += usize::from(after[i] != before[i]));
            }
            assert!(writers.iter().all(|&count| count <= 1), "two chunks write the same float");
        }
        places.iter().map(|&i| f32::from_bits(result[i])).collect()
    }
}

/// Where a map's numbers lie, in PyTorch's order.
pub fn elements(map: &Layout) -> Vec<usize> {
    let mut places = Vec::with_capacity(map.pixels() * map.c);
    for n in 0..map.n {
        for c in 0..map.c {
            for y in 0..map.h {
                places.extend((0..map.w).map(|x| map.at(n, y, x) + c));
            }
        }
    }
    places
}

/// The map with its halo as one map.
pub fn grown(map: &Layout, [top, left, bottom, right]: [usize; 4]) -> Layout {
    let offset = map.offset - top * map.row - left * map.pixel;
    Layout { h: top + map.h + bottom, w: left + map.w + right, offset, ..*map }
}

pub fn largest(numbers: &[f32]) -> f64 {
    numbers.iter().fold(0.0, |max, x| x.abs().max(max)) as f64
}

/// All ways in which weights are kept.
pub const STORAGES: [Storage; 3] = [Storage::Float32, Storage::Float16, Storage::Int8];

/// What is left of weights, `depth` for each output, by the storages' definitions.
pub fn kept(storage: Storage, depth: usize, weight: &[f32]) -> Vec<f32> {
    let half = |w: f32| {
        let exponent = (w.abs() as f64).log2().floor().max(-14.0);
        let unit = (exponent - 10.0).exp2();
        ((w as f64 / unit).round_ties_even() * unit) as f32
    };
    let steps = |row: &[f32]| {
        let step = row.iter().fold(0.0f32, |most, w| most.max(w.abs())) / 127.0;
        row.iter().map(|w| (w / step).round_ties_even() * step).collect::<Vec<f32>>()
    };
    match storage {
        Storage::Float32 => weight.to_vec(),
        Storage::Float16 => weight.iter().map(|&w| half(w)).collect(),
        Storage::Int8 => weight.chunks_exact(depth).flat_map(steps).collect(),
    }
}

/// How far a float32 sum of `k` products of at most `a` and `b` may be from the f64 reference.
pub fn sum_tolerance(k: usize, a: f64, b: f64) -> f64 {
    2.0 * f32::EPSILON as f64 * (k + 1) as f64 * a * b
}

/// Each number within its tolerance; 0 asks for equality, also of infinities.
#[track_caller]
pub fn assert_within(
    got: &[f32],
    want: &[f64],
    tolerance: impl Fn(usize) -> f64,
    what: &dyn std::fmt::Debug,
) {
    assert_eq!(got.len(), want.len(), "{what:?}");
    for (i, (&got, &want)) in got.iter().zip(want).enumerate() {
        let good = got as f64 == want || (got as f64 - want).abs() <= tolerance(i);
        assert!(good, "{what:?}: number {i} is {got}, not {want} to within {:e}", tolerance(i));
    }
}

/// An epilogue with what it refers to.
#[derive(Default)]
pub struct Ending {
    scale: Vec<f32>,
    shift: Vec<f32>,
    affine: Option<Affine>,
    /// The summand, in PyTorch's order, and its map.
    add: Option<(Vec<f32>, Layout)>,
    activation: Activation,
}

impl Ending {
    pub fn plain(activation: Activation) -> Self {
        Ending { activation, ..Ending::default() }
    }

    /// Any parts, for a result of [n, c, h, w]; a summand is put on the stage.
    pub fn random(random: &mut Random, stage: &mut Stage, dims: [usize; 4], activation: Activation) -> Self {
        let mut ending = Ending::plain(activation);
        if random.coin() {
            ending.scale = random.floats(dims[1]);
            ending.shift = random.floats(dims[1]);
            ending.affine = Affine::new(dims[1], |c| (ending.scale[c], ending.shift[c]));
        }
        if random.coin() {
            let numbers = random.floats(dims.iter().product());
            let map = stage.map(dims, random.several(0, 2), random.several(0, 3));
            stage.put(&map, &numbers);
            ending.add = Some((numbers, map));
        }
        ending
    }

    pub fn epilogue(&self) -> Epilogue<'_> {
        let add = self.add.as_ref().map(|(_, map)| *map);
        Epilogue { affine: self.affine.as_ref(), add, activation: self.activation }
    }

    /// Finishes exact sums of a result [n, c, h, w] (an image has `pixels`), which the kernel may have missed by
    /// `tolerance`, and gives the tolerance that results from it.
    pub fn finish(&self, sums: &mut [f64], pixels: usize, tolerance: f64) -> f64 {
        let (mut most, mut steepest) = (0.0f64, 1.0f64);
        for (i, y) in sums.iter_mut().enumerate() {
            if self.affine.is_some() {
                let c = i / pixels % self.scale.len();
                steepest = steepest.max(self.scale[c].abs() as f64);
                *y = *y * self.scale[c] as f64 + self.shift[c] as f64;
            }
            most = most.max(y.abs());
            if let Some((numbers, _)) = &self.add {
                *y += numbers[i] as f64;
            }
            *y = activation::reference::of(self.activation, *y);
        }
        // A rounding of the product, of each sum and of the result; numbers besides the sums are at most 1.
        let rounding = 4.0 * f32::EPSILON as f64 * (most + 2.0);
        let tolerance = tolerance * steepest + rounding;
        // The steepest curve is hardswish, 3/2 where x is 3; what a curve itself is off by is at most that rounding.
        if self.activation.is_curve() { 1.5 * tolerance + rounding } else { tolerance }
    }
}
