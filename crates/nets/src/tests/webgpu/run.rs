//! Runs a plan for a GPU by every operator's `reference.rs`, in banks whose floats are poison until something is written, as
//! shaders do it: whole vec4s, of which what is beyond a map's channels means nothing.

use super::super::build::Weights;
use crate::cpu::maps;
use crate::graph::{Graph, Id, Op};
use crate::plan::{Ending, Kernel, Scaling};
use crate::webgpu::model::Model;
use crate::webgpu::plan::Plan;
use kernels::activation::{self, Activation};
use kernels::flatten::Direction;
use kernels::layout::Layout;
use kernels::linear::Linear;
use kernels::{
    adaptive_avg_pool2d, adaptive_max_pool2d, add, avg_pool2d, batch_norm2d, channel_shuffle, conv2d,
    layer_norm2d, linear, local_response_norm, log_softmax, max_pool2d, mul, pad_channels, pad2d, prelu,
    softmax,
};
use std::collections::HashMap;

/// What is in the lanes of a vec4 beyond a map's channels: finite, and noticed where it is used.
const JUNK: f32 = 1e6;

/// All banks, one behind the other.
struct Memory {
    floats: Vec<f32>,
    bases: Vec<u64>,
}

impl Memory {
    fn bank(&self, offset: usize) -> usize {
        self.bases.partition_point(|&base| base <= offset as u64) - 1
    }

    /// A map's numbers in PyTorch's order. Whole vec4s are read: none may hold what is not a number.
    fn read(&self, map: &Layout) -> Vec<f32> {
        let mut numbers = Vec::with_capacity(map.pixels() * map.c);
        for n in 0..map.n {
            for c in 0..map.c {
                for y in 0..map.h {
                    numbers.extend((0..map.w).map(|x| self.floats[map.at(n, y, x) + c]));
                }
            }
        }
        for at in pixels(map) {
            let vec4s = &self.floats[at - at % 4..(at + map.c).next_multiple_of(4)];
            assert!(vec4s.iter().all(|x| x.is_finite()), "a lane of {map:?} was never written");
        }
        numbers
    }

    fn write(&mut self, map: &Layout, numbers: &[f64]) {
        assert_eq!(numbers.len(), map.pixels() * map.c);
        assert_eq!([map.offset % 4, map.pixel % 4], [0; 2], "{map:?} lies between vec4s");
        let mut numbers = numbers.iter();
        for n in 0..map.n {
            for c in 0..map.c {
                for (y, x) in (0..map.h).flat_map(|y| (0..map.w).map(move |x| (y, x))) {
                    self.floats[map.at(n, y, x) + c] = *numbers.next().expect("as many") as f32;
                }
            }
        }
        for at in pixels(map) {
            self.floats[at + map.c..at + map.c.next_multiple_of(4)].fill(JUNK);
        }
    }

    /// As concat.wgsl does.
    fn copy(&mut self, x: &Layout, y: &Layout) {
        let places: Vec<_> = pixels(x).zip(pixels(y)).collect();
        self.read(x);
        for (from, to) in places {
            self.floats.copy_within(from..from + x.c, to);
            self.floats[to + x.c..(to + x.c).next_multiple_of(4)].fill(0.0);
        }
    }
}

fn pixels(map: &Layout) -> impl Iterator<Item = usize> {
    let map = *map;
    (0..map.n).flat_map(move |n| (0..map.h).flat_map(move |y| (0..map.w).map(move |x| map.at(n, y, x))))
}

struct Run<'a> {
    graph: &'a Graph,
    model: &'a Model,
    given: &'a [Option<Weights>],
    memory: Memory,
    /// What convolutions of several stages have summed so far.
    sums: HashMap<Id, Vec<f64>>,
}

/// The outputs' numbers in PyTorch's order, after `steps` of the plan's.
pub fn run(model: &Model, plan: &Plan, given: &[Option<Weights>], x: &[f32]) -> Vec<Vec<f32>> {
    let bases = plan.banks.bases();
    let mut floats = vec![f32::NAN; plan.banks.total() as usize];
    floats[plan.input.offset..][..x.len()].copy_from_slice(x);
    let memory = Memory { floats, bases };
    let mut run = Run { graph: model.gpu().graph, model, given, memory, sums: HashMap::new() };
    for step in &plan.steps {
        if let Some(then) = &step.then {
            run.pair(&step.kernel, then);
            continue;
        }
        run.keeps_apart(&step.kernel);
        run.step(&step.kernel);
    }
    let outputs = plan.outputs.iter();
    outputs.map(|out| run.memory.floats[out.offset..][..out.dims.iter().product()].to_vec()).collect()
}

fn planes(map: &Layout) -> [usize; 2] {
    [map.c, map.h * map.w]
}

impl Run<'_> {
    /// WebGPU refuses a step that reads and writes one buffer.
    fn keeps_apart(&self, kernel: &Kernel) {
        let (xs, y) = maps(kernel);
        let (mut reads, mut writes): (Vec<usize>, Vec<usize>) =
            (xs.iter().map(|x| x.offset).collect(), y.iter().map(|y| y.offset).collect());
        match kernel {
            Kernel::Flatten { direction: Direction::ToChannelsFirst, flat, .. } => writes.push(*flat),
            Kernel::Flatten { flat, .. } => reads.push(*flat),
            &Kernel::Conv2d { stage, temps, .. } => {
                let needs = crate::plan::Device::needs(self.model.gpu(), kernel).expect("a plan");
                if stage > 0 {
                    reads = xs[1..].iter().map(|x| x.offset).filter(|_| stage + 1 == needs.stages).collect();
                    reads.push(temps[stage - 1]);
                }
                if stage + 1 < needs.stages {
                    reads = [&reads[..1], &[][..]].concat();
                    writes = vec![temps[stage]];
                }
            }
            _ => {}
        }
        for &read in &reads {
            assert!(writes.iter().all(|&write| self.memory.bank(read) != self.memory.bank(write)));
        }
    }

    fn weight(&self, id: Id) -> &Weights {
        self.given[id].as_ref().expect("weights for the layer")
    }

    /// A node's scale and shift of each of so many channels.
    fn pairs(&self, id: Id, channels: usize) -> Vec<(f32, f32)> {
        let of = |numbers: &[f32], c: usize| numbers[c % numbers.len()];
        let pair = |c: usize| match self.graph.nodes[id].op {
            Op::Affine { ref scale, ref shift } => (of(scale, c), of(shift, c)),
            Op::LayerScale { .. } => (self.weight(id).weight[c], 0.0),
            Op::LayerNorm2d { channels, .. } => {
                (self.weight(id).weight[c], self.weight(id).weight[channels + c])
            }
            Op::BatchNorm2d { channels, eps, .. } => {
                batch_norm2d::pack(&self.weight(id).weight, channels, eps).expect("memory").at(c)
            }
            _ => unreachable!("no scale"),
        };
        (0..channels).map(pair).collect()
    }

    /// x * scale + shift, by channel.
    fn scaled(&self, scaling: &Scaling, x: Vec<f64>, map: &Layout) -> Vec<f64> {
        let [channels, cells] = planes(map);
        let pairs: Vec<(f32, f32)> = match scaling {
            Scaling::Node(id) => self.pairs(*id, channels).repeat(map.n),
            Scaling::Map(scale) => self.memory.read(scale).into_iter().map(|scale| (scale, 0.0)).collect(),
        };
        let at = |(i, x): (usize, f64)| {
            let (scale, shift) = pairs[i / cells];
            x * scale as f64 + shift as f64
        };
        x.into_iter().enumerate().map(at).collect()
    }

    fn finish(&self, ending: &Ending, mut y: Vec<f64>, map: &Layout) -> Vec<f64> {
        if let Some(scaling) = &ending.scale {
            y = self.scaled(scaling, y, map);
        }
        if let Some(add) = &ending.add {
            y.iter_mut().zip(self.memory.read(add)).for_each(|(y, add)| *y += add as f64);
        }
        active(ending.activation, y)
    }

    /// Two convolutions at once: what the first gives has no place.
    fn pair(&mut self, first: &Kernel, second: &Kernel) {
        let (Kernel::Conv2d { x, .. }, Kernel::Conv2d { node, spec, x: between, y, ending, .. }) =
            (first, second)
        else {
            unreachable!("convolutions");
        };
        assert_ne!(self.memory.bank(x.offset), self.memory.bank(y.offset));
        let (_, numbers) = self.convolution(first).expect("one stage");
        let numbers: Vec<f32> = numbers.into_iter().map(|x| x as f32).collect();
        let Weights { weight, bias } = self.weight(*node);
        let sums = conv2d::reference::conv2d(spec, &numbers, [between.n, 1, 1], weight, bias.as_deref());
        let result = self.finish(ending, sums, y);
        self.memory.write(y, &result);
    }

    fn step(&mut self, kernel: &Kernel) {
        let read = |map: &Layout| self.memory.read(map);
        let wide = |numbers: Vec<f32>| numbers.into_iter().map(f64::from).collect::<Vec<f64>>();
        let (y, numbers) = match kernel {
            Kernel::Conv2d { .. } => match self.convolution(kernel) {
                Some(done) => done,
                None => return,
            },
            Kernel::Linear { node, x, y, ending } => {
                let spec = Linear { in_features: x.c * x.h * x.w, out_features: y.c };
                let Weights { weight, bias } = self.weight(*node);
                let sums = linear::reference::linear(&spec, &read(x), weight, bias.as_deref());
                (*y, self.finish(ending, sums, y))
            }
            Kernel::Elementwise { x, y, ending } => (*y, self.finish(ending, wide(read(x)), y)),
            Kernel::Mul { a, b, y, ending } => {
                let products = match b {
                    b @ Layout { h: 1, w: 1, .. } => self.scaled(&Scaling::Map(*b), wide(read(a)), a),
                    b => mul::reference::mul(&read(a), &read(b)),
                };
                (*y, self.finish(ending, products, y))
            }
            Kernel::Add { xs, y, activation } => {
                let xs: Vec<Vec<f32>> = xs.iter().map(read).collect();
                let xs: Vec<&[f32]> = xs.iter().map(|x| &x[..]).collect();
                (*y, active(*activation, add::reference::add(&xs)))
            }
            Kernel::Activation { x, y, activation } => (*y, active(*activation, wide(read(x)))),
            Kernel::Prelu { node, x, y } => {
                (*y, prelu::reference::prelu(&read(x), &self.weight(*node).weight, planes(x)))
            }
            Kernel::LayerNorm2d { eps, x, y, ending } => {
                let (ones, zeros) = (vec![1.0; x.c], vec![0.0; x.c]);
                let sums = layer_norm2d::reference::layer_norm2d(*eps, &read(x), x.h * x.w, &ones, &zeros);
                (*y, self.finish(ending, sums, y))
            }
            Kernel::LocalResponseNorm { spec, x, y } => {
                (*y, local_response_norm::reference::local_response_norm(spec, &read(x), planes(x)))
            }
            Kernel::MaxPool2d { spec, x, y } => {
                (*y, max_pool2d::reference::max_pool2d(spec, &read(x), [x.h, x.w]))
            }
            Kernel::AvgPool2d { spec, x, y } => {
                (*y, avg_pool2d::reference::avg_pool2d(spec, &read(x), [x.h, x.w]))
            }
            Kernel::AdaptiveAvgPool2d { x, y } => {
                let sides = [x.h, x.w];
                (*y, adaptive_avg_pool2d::reference::adaptive_avg_pool2d([y.h, y.w], &read(x), sides))
            }
            Kernel::AdaptiveMaxPool2d { x, y } => {
                let sides = [x.h, x.w];
                (*y, adaptive_max_pool2d::reference::adaptive_max_pool2d([y.h, y.w], &read(x), sides))
            }
            Kernel::Concat { x, y } => return self.memory.copy(x, y),
            Kernel::Pad2d { spec, x, y } => (*y, wide(pad2d::reference::pad2d(spec, &read(x), [x.h, x.w]))),
            Kernel::PadChannels { before, x, y } => {
                let more = [*before, y.c - before - x.c];
                (*y, wide(pad_channels::reference::pad_channels(&read(x), planes(x), more)))
            }
            Kernel::ChannelShuffle { groups, x, y } => {
                (*y, wide(channel_shuffle::reference::channel_shuffle(*groups, &read(x), planes(x))))
            }
            Kernel::Softmax { x, y } => (*y, softmax::reference::softmax(&read(x), [x.n, x.c, x.h * x.w])),
            Kernel::LogSoftmax { x, y } => {
                (*y, log_softmax::reference::log_softmax(&read(x), [x.n, x.c, x.h * x.w]))
            }
            &Kernel::Flatten { direction, map, flat, image, .. } => {
                let own = map.h * map.w * map.c;
                match direction {
                    Direction::ToChannelsFirst => {
                        let numbers = read(&map);
                        for (n, numbers) in numbers.chunks_exact(own).enumerate() {
                            let place = &mut self.memory.floats[flat + n * image..][..image];
                            place.fill(0.0);
                            place[..own].copy_from_slice(numbers);
                        }
                        return;
                    }
                    Direction::ToChannelsLast => {
                        let images = (0..map.n).map(|n| &self.memory.floats[flat + n * image..][..own]);
                        (map, wide(images.flatten().copied().collect()))
                    }
                }
            }
            Kernel::Halo { .. } | Kernel::HandOn { .. } => {
                unreachable!("maps have no halo here, plans no front")
            }
        };
        self.memory.write(&y, &numbers);
    }

    /// The map that a convolution's last stage writes. Its sums are made in the first; what stages leave for one another is
    /// looked at for being still there.
    fn convolution(&mut self, kernel: &Kernel) -> Option<(Layout, Vec<f64>)> {
        let Kernel::Conv2d { node, spec, x, y, before, ending, stage, temps } = kernel else {
            unreachable!("a convolution");
        };
        let needs = crate::plan::Device::needs(self.model.gpu(), kernel).expect("a plan");
        let sign = |stage: usize| (1000 * node + stage) as f32;
        if *stage == 0 {
            let mut numbers: Vec<f64> = self.memory.read(x).into_iter().map(f64::from).collect();
            if let Some((scaling, activation)) = before {
                numbers = active(*activation, self.scaled(scaling, numbers, x));
            }
            let numbers: Vec<f32> = numbers.into_iter().map(|x| x as f32).collect();
            let Weights { weight, bias } = self.weight(*node);
            let sums = conv2d::reference::conv2d(spec, &numbers, [x.n, x.h, x.w], weight, bias.as_deref());
            self.sums.insert(*node, sums);
        } else {
            let between = &self.memory.floats[temps[stage - 1]..][..needs.temps[stage - 1]];
            assert!(
                between.iter().all(|&x| x == sign(stage - 1)),
                "what stage {stage} reads was overwritten"
            );
        }
        if stage + 1 < needs.stages {
            self.memory.floats[temps[*stage]..][..needs.temps[*stage]].fill(sign(*stage));
            return None;
        }
        let sums = self.sums.remove(node).expect("the first stage's");
        Some((*y, self.finish(ending, sums, y)))
    }
}

fn active(activation: Activation, y: Vec<f64>) -> Vec<f64> {
    y.into_iter().map(|y| activation::reference::of(activation, y)).collect()
}
