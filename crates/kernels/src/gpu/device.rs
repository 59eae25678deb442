//! Cases for a device: dispatches over banks and weights, and what must lie in a map behind them. The operators' tests make
//! them; an ignored test writes them for whoever has a device.

use super::{Dispatch, Epilogue, Map, Source, Upload};
use crate::activation::{self, Activation};
use crate::layout::Layout;
use crate::testing::Random;
use std::fmt::Write;

/// What lies where a kernel has no business.
const POISON: f32 = f32::from_bits(0x7fc0_dead);
/// What lies in channels that fill up a vec4.
const PAD: f32 = 3.5;

/// Banks and weights for one case.
#[derive(Default)]
pub struct Scene {
    banks: Vec<Vec<f32>>,
    /// Parts of nodes.
    nodes: Vec<Vec<Vec<u8>>>,
}

/// Dispatches and what is right.
pub struct Case {
    pub name: String,
    pub scene: Scene,
    pub dispatches: Vec<Dispatch>,
    pub y: Map,
    /// In PyTorch's order.
    pub want: Vec<f64>,
    pub tolerance: f64,
}

impl Scene {
    pub fn bank(&mut self) -> usize {
        self.banks.push(vec![POISON; 8]);
        self.banks.len() - 1
    }

    /// Room for a map of [n, c, h, w] in a bank, in pixels with so many vec4s before and behind its own.
    pub fn map(&mut self, buffer: usize, [n, c, h, w]: [usize; 4], beside: [usize; 2]) -> Map {
        let floats = &mut self.banks[buffer];
        let pixel = c.next_multiple_of(4) + 4 * (beside[0] + beside[1]);
        let offset = floats.len() + 4 * beside[0];
        floats.resize(floats.len() + n * h * w * pixel + 8, POISON);
        Map { buffer, layout: Layout { n, h, w, c, offset, image: h * w * pixel, row: w * pixel, pixel } }
    }

    /// Writes a map's numbers, given in PyTorch's order, and something into the channels that fill it up.
    pub fn put(&mut self, map: &Map, numbers: &[f32]) {
        let layout = &map.layout;
        let wide = Layout { c: layout.c.next_multiple_of(4), ..*layout };
        let floats = &mut self.banks[map.buffer];
        crate::testing::elements(&wide).into_iter().for_each(|i| floats[i] = PAD);
        let places = crate::testing::elements(layout);
        assert_eq!(places.len(), numbers.len());
        places.iter().zip(numbers).for_each(|(&i, &x)| floats[i] = x);
    }

    /// A node with these parts.
    pub fn node(&mut self, parts: &[u64]) -> usize {
        self.nodes.push(parts.iter().map(|&bytes| vec![0; bytes as usize]).collect());
        self.nodes.len() - 1
    }

    pub fn upload(&mut self, node: usize, uploads: &[Upload]) {
        for Upload { part, offset, bytes } in uploads {
            self.nodes[node][*part][*offset as usize..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    /// Any parts of an ending for a result of [n, c, h, w], with a function that ends an exact sum by its place.
    pub fn ending(
        &mut self,
        random: &mut Random,
        dims: [usize; 4],
        activation: Activation,
    ) -> (Epilogue, impl Fn(usize, f64) -> f64 + use<>) {
        let [n, c, h, w] = dims;
        let [scales, shifts] = [random.floats(c), random.floats(c)];
        let affine = random.coin().then(|| {
            let bytes = super::pack_affine(c, |c| (scales[c], shifts[c]));
            let node = self.node(&[bytes.len() as u64]);
            self.nodes[node][0] = bytes;
            (node, 0)
        });
        let numbers = random.floats(n * c * h * w);
        let add = random.coin().then(|| {
            let bank = self.bank();
            let map = self.map(bank, dims, random.several(0, 2));
            self.put(&map, &numbers);
            map
        });
        let (has_affine, has_add) = (affine.is_some(), add.is_some());
        let end = move |i: usize, sum: f64| {
            let channel = i / (h * w) % c;
            let mut y = sum;
            if has_affine {
                y = y * scales[channel] as f64 + shifts[channel] as f64;
            }
            if has_add {
                y += numbers[i] as f64;
            }
            activation::reference::of(activation, y)
        };
        (Epilogue { affine, add, activation }, end)
    }
}

/// Cases as JSON, their numbers in one file of bytes beside it.
#[derive(Default)]
pub struct Writer {
    json: String,
    bytes: Vec<u8>,
}

impl Writer {
    fn put(&mut self, bytes: impl IntoIterator<Item = u8>) -> String {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        format!("[{start},{}]", self.bytes.len() - start)
    }

    pub fn add(&mut self, case: &Case) {
        let first_part: Vec<usize> = case
            .scene
            .nodes
            .iter()
            .scan(case.scene.banks.len(), |next, parts| {
                let first = *next;
                *next += parts.len();
                Some(first)
            })
            .collect();
        let mut buffers = vec![];
        for bank in &case.scene.banks {
            buffers.push(self.put(bank.iter().flat_map(|x| x.to_bits().to_le_bytes())));
        }
        for part in case.scene.nodes.iter().flatten() {
            buffers.push(self.put(part.iter().copied()));
        }
        let dispatches: Vec<String> = case.dispatches.iter().map(|dispatch| {
            let bindings: Vec<String> = dispatch.bindings.iter().map(|binding| match *binding {
                Source::Buffer(buffer) => buffer.to_string(),
                Source::Weights { node, part } => (first_part[node] + part).to_string(),
                Source::Nothing => "-1".into(),
            }).collect();
            let constants: Vec<String> =
                dispatch.constants.iter().map(|(name, number)| format!("{name:?}:{number}")).collect();
            format!(
                "{{\"shader\":{:?},\"constants\":{{{}}},\"params\":{:?},\"bindings\":[{}],\"grid\":{:?}}}",
                dispatch.shader, constants.join(","), dispatch.params, bindings.join(","), dispatch.grid
            )
        }).collect();
        let want = self.put(case.want.iter().flat_map(|x| x.to_le_bytes()));
        let Layout { n, c, h, w, offset, image, row, pixel } = case.y.layout;
        let _ = write!(
            self.json,
            "{}{{\"name\":{:?},\"buffers\":[{}],\"dispatches\":[{}],\"y\":{{\"buffer\":{},\"layout\":[{n},{c},{h},{w},{offset},{image},{row},{pixel}]}},\"want\":{want},\"tolerance\":{}}}",
            if self.json.is_empty() { "" } else { ",\n" },
            case.name,
            buffers.join(","),
            dispatches.join(","),
            case.y.buffer,
            case.tolerance
        );
    }

    /// Writes the cases, and the shaders' texts, into a folder.
    pub fn finish(self, folder: &std::path::Path) {
        let texts: Vec<String> = super::shaders().map(|(name, text)| format!("{name:?}:{text:?}")).collect();
        std::fs::create_dir_all(folder).expect("a folder");
        let json = format!("{{\"shaders\":{{{}}},\n\"cases\":[{}]}}", texts.join(","), self.json);
        std::fs::write(folder.join("cases.json"), json).expect("room");
        std::fs::write(folder.join("cases.bin"), self.bytes).expect("room");
    }
}
