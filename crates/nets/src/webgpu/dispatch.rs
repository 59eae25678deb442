//! Which shader does a kernel's work. The match in `dispatches` is the whole dispatch.

use super::plan::Step;
use super::traffic;
use super::weights::{Kind, Part, Table};
use crate::cpu::maps;
use crate::error::Result;
use crate::graph::{Graph, Id};
use crate::plan::{Device, Ending, Kernel, Needs, Scaling};
use kernels::conv2d::gpu::{self as conv2d, Algorithm, Cut};
use kernels::excite::gpu::{self as excite, Half};
use kernels::gpu::{Dispatch, Epilogue, Limits, Map};
use kernels::layout::Layout;
use kernels::storage::Storage;
use kernels::{
    activation, adaptive_avg_pool2d, adaptive_max_pool2d, add, affine, avg_pool2d, channel_shuffle, concat,
    flatten, layer_norm2d, linear, local_response_norm, log_softmax, max_pool2d, mul, pad_channels, pad2d,
    prelu, softmax,
};

/// A network's weights and the device they are on.
#[derive(Clone, Copy)]
pub struct Gpu<'a> {
    pub graph: &'a Graph,
    pub table: &'a Table,
    pub limits: &'a Limits,
}

impl Device for Gpu<'_> {
    const GROUP: usize = 4;
    const TOGETHER: bool = false;
    const STAGES: usize = 3;

    fn reads_halo(self, _node: Id) -> bool {
        false
    }

    fn needs(self, kernel: &Kernel) -> Result<Needs> {
        let mut needs = Needs { stages: 1, temps: [0; 2], scratch: 0 };
        if let &Kernel::Conv2d { node, ref spec, y, .. } = kernel {
            let temps = conv2d::temps(spec, self.algorithm(node), [y.n, y.c, y.h, y.w]);
            needs.stages = temps.len() + 1;
            needs.temps[..temps.len()].copy_from_slice(&temps);
        }
        Ok(needs)
    }
}

impl Gpu<'_> {
    /// By which algorithm a convolution's weights are packed.
    pub fn algorithm(self, node: Id) -> Algorithm {
        match self.table.entries[node].kind {
            Kind::Conv2d(_, algorithm) => algorithm,
            _ => unreachable!("a convolution's weights are packed as one"),
        }
    }

    /// How a tuning cuts a layer's products over a map, if it measured such a one.
    fn cut(self, node: Id, x: &Layout) -> Option<Cut> {
        let (pixels, cut) = self.table.entries[node].cut?;
        (x.pixels() == pixels && x.n == 1).then_some(cut)
    }

    /// Whether a convolution can scale what it reads while it reads it.
    pub fn takes_before(self, node: Id) -> bool {
        match &self.table.entries[node].kind {
            Kind::Conv2d(spec, algorithm) => conv2d::takes_before(spec, *algorithm),
            _ => false,
        }
    }

    /// For whoever reads a recording.
    pub fn algorithm_name(self, step: &Step) -> String {
        match step.kernel {
            Kernel::Conv2d { .. } if step.then.is_some() => "pair".into(),
            Kernel::Conv2d { node, .. } => self.algorithm(node).name(),
            _ => String::new(),
        }
    }

    /// Rows and columns of a Winograd convolution's tiles.
    #[cfg(test)]
    pub fn tile(self, kind: &Kind) -> Option<[usize; 2]> {
        match kind {
            Kind::Conv2d(_, Algorithm::Winograd(tile)) => Some(tile.0),
            _ => None,
        }
    }

    /// The products that a step's algorithm needs, which may be fewer than the definition's.
    pub fn products(self, step: &Step) -> u64 {
        match &step.kernel {
            &Kernel::Conv2d { node, ref spec, y, stage, .. } if step.then.is_none() => {
                let (algorithm, y) = (self.algorithm(node), [y.n, y.c, y.h, y.w]);
                // Of three stages, the first and the last transform.
                let multiplies = conv2d::temps(spec, algorithm, y).len().div_ceil(2);
                if stage == multiplies { conv2d::products(spec, algorithm, y) } else { 0 }
            }
            _ => step.macs,
        }
    }

    /// Bytes of a part of a node's weights, and where they are.
    pub fn part(self, node: Id, part: usize) -> Part {
        self.table.entries[node].parts[part]
    }

    /// Bytes of a node's weights that a kernel can read: where one number serves any map's channels, there are more.
    pub fn most_read(self, node: Id, kernel: &Kernel) -> u64 {
        let (xs, y) = maps(kernel);
        let channels = xs.iter().chain(&y).map(|map| map.c.next_multiple_of(4)).max().unwrap_or(0) as u64;
        match self.table.entries[node].kind {
            Kind::Affine(_) => 8 * channels,
            Kind::Prelu(_) => 4 * channels,
            _ => u64::MAX,
        }
    }

    /// Floats of maps that a step reads, and those that it writes.
    pub fn floats(self, step: &Step) -> [u64; 2] {
        let of = |kernel| traffic::floats(kernel, &self.needs(kernel).expect("any kernel has its needs"));
        let [reads, writes] = of(&step.kernel);
        [reads, step.then.as_ref().map_or(writes, |then| of(then)[1])]
    }

    /// Whether one shader does both: the convolutions of a squeeze-excite.
    pub fn fits_pair(self, kernels: [&Kernel; 2]) -> bool {
        let plain = |kernel| match kernel {
            &Kernel::Conv2d {
                node,
                ref spec,
                x,
                y,
                before: None,
                ending: Ending { scale: None, add: None, .. },
                ..
            } => {
                let is_pixel = [x.h, x.w, y.h, y.w] == [1; 4];
                Some((spec, self.storage(node)))
                    .filter(|_| is_pixel && self.algorithm(node) == Algorithm::Direct)
            }
            _ => None,
        };
        match kernels.map(plain) {
            [Some((first, a)), Some((second, b))] => excite::fits([first, second], [a, b], self.limits),
            _ => false,
        }
    }

    /// How a layer's weights are kept.
    fn storage(self, node: Id) -> Storage {
        let storage = self.graph.nodes[node].storage();
        match self.table.entries[node].kind {
            Kind::Conv2d(_, algorithm) => conv2d::kept(algorithm, storage, self.limits),
            _ => conv2d::kept(Algorithm::Direct, storage, self.limits),
        }
    }

    /// A step's dispatches over maps whose places are counted through all banks, which begin at `bases`: one, but for weights
    /// that are split and sums of many maps.
    pub fn dispatches(self, step: &Step, bases: &[u64]) -> Vec<Dispatch> {
        let split = |offset: usize| {
            let bank = bases.partition_point(|&base| base <= offset as u64) - 1;
            (bank, offset - bases[bank] as usize)
        };
        let map = |layout: Layout| {
            let (buffer, offset) = split(layout.offset);
            Map { buffer, layout: Layout { offset, ..layout } }
        };
        let epilogue = |ending: &Ending| Epilogue {
            affine: match ending.scale {
                Some(Scaling::Node(id)) => Some((id, 0)),
                _ => None,
            },
            add: ending.add.map(map),
            activation: ending.activation,
        };
        let storage = |node: Id| self.storage(node);
        let limits = self.limits;
        if let (
            Kernel::Conv2d { node: first, spec: a, x, ending, .. },
            Some(Kernel::Conv2d { node: second, spec: b, y, ending: last, .. }),
        ) = (&step.kernel, &step.then)
        {
            let half = |spec, node: Id, ending: &Ending| Half {
                spec,
                storage: storage(node),
                node,
                activation: ending.activation,
            };
            let halves = [half(a, *first, ending), half(b, *second, last)];
            return vec![excite::Job { halves, x: map(*x), y: map(*y) }.dispatch()];
        }
        let one = match &step.kernel {
            &Kernel::Conv2d { node, ref spec, x, y, ref before, ref ending, stage, temps } => {
                let before = before.map(|(scaling, activation)| conv2d::Before {
                    scaling: match scaling {
                        Scaling::Node(id) => conv2d::Scaling::Affine(id, 0),
                        Scaling::Map(layout) => conv2d::Scaling::Map(map(layout)),
                    },
                    activation,
                });
                let needs = conv2d::temps(spec, self.algorithm(node), [y.n, y.c, y.h, y.w]);
                let temps: Vec<Map> = needs
                    .iter()
                    .zip(temps)
                    .map(|(&floats, offset)| map(Layout::dense(1, 1, 1, floats, offset)))
                    .collect();
                let job = conv2d::Job {
                    spec,
                    algorithm: self.algorithm(node),
                    storage: storage(node),
                    limits,
                    node,
                    x: map(x),
                    y: map(y),
                    before,
                    epilogue: epilogue(ending),
                    cut: self.cut(node, &x),
                    temps: &temps,
                };
                return job.dispatches(stage);
            }
            &Kernel::Linear { node, x, y, ref ending } => {
                let Kind::Linear(spec, _) = &self.table.entries[node].kind else {
                    unreachable!("a linear layer")
                };
                let epilogue = epilogue(ending);
                let job = linear::gpu::Job {
                    spec,
                    storage: storage(node),
                    limits,
                    node,
                    x: map(x),
                    y: map(y),
                    epilogue,
                    cut: self.cut(node, &x),
                };
                return job.dispatches();
            }
            &Kernel::Add { ref xs, y, activation } => {
                let xs: Vec<Map> = xs.iter().copied().map(map).collect();
                return add::gpu::dispatches(&xs, map(y), activation);
            }
            &Kernel::Elementwise { x, y, ref ending } => {
                affine::gpu::dispatch(map(x), map(y), &epilogue(ending))
            }
            &Kernel::Mul { a, b, y, ref ending } => {
                mul::gpu::dispatch(map(a), map(b), map(y), &epilogue(ending))
            }
            &Kernel::Activation { x, y, activation } => activation::gpu::dispatch(activation, map(x), map(y)),
            &Kernel::Prelu { node, x, y } => prelu::gpu::dispatch(map(x), map(y), [node, 0]),
            &Kernel::LayerNorm2d { eps, x, y, ref ending } => {
                layer_norm2d::gpu::dispatch(limits, eps, map(x), map(y), &epilogue(ending))
            }
            &Kernel::LocalResponseNorm { ref spec, x, y } => {
                local_response_norm::gpu::dispatch(spec, map(x), map(y))
            }
            &Kernel::MaxPool2d { ref spec, x, y } => max_pool2d::gpu::dispatch(spec, map(x), map(y)),
            &Kernel::AvgPool2d { ref spec, x, y } => avg_pool2d::gpu::dispatch(spec, map(x), map(y)),
            &Kernel::AdaptiveAvgPool2d { x, y } => adaptive_avg_pool2d::gpu::dispatch(limits, map(x), map(y)),
            &Kernel::AdaptiveMaxPool2d { x, y } => adaptive_max_pool2d::gpu::dispatch(limits, map(x), map(y)),
            &Kernel::Concat { x, y } => concat::gpu::dispatch(map(x), map(y)),
            &Kernel::Pad2d { ref spec, x, y } => pad2d::gpu::dispatch(spec, map(x), map(y)),
            &Kernel::PadChannels { before, x, y } => pad_channels::gpu::dispatch(before, map(x), map(y)),
            &Kernel::ChannelShuffle { groups, x, y } => {
                channel_shuffle::gpu::dispatch(groups, map(x), map(y))
            }
            &Kernel::Softmax { x, y } => softmax::gpu::dispatch(limits, map(x), map(y)),
            &Kernel::LogSoftmax { x, y } => log_softmax::gpu::dispatch(limits, map(x), map(y)),
            &Kernel::Flatten { direction, map: layout, flat, image, .. } => {
                let (bank, offset) = split(flat);
                flatten::gpu::dispatch(direction, map(layout), [bank, offset, image])
            }
            Kernel::Halo { .. } | Kernel::HandOn { .. } => {
                unreachable!("maps have no halo here, plans no front")
            }
        };
        vec![one]
    }
}
