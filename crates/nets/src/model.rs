//! model: what lives from run to run.

use crate::algorithm::{self, Algorithm, Tuning};
use crate::cpu;
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id, Node, Op};
use crate::plan::{Plan, Step, plan};
use crate::shape::infer_needed;
use crate::weights::{self, Packed, Packing};
use kernels::layout::Floats;
use kernels::par::Team;
use serde::Serialize;
use std::sync::Arc;

/// Plans that are kept: enough for a few input sizes and sets of outputs in turn.
const PLANS: usize = 8;

/// Runs of each candidate that a tuning times.
const TUNING_RUNS: usize = 5;

struct Kept {
    handle: u32,
    input: [usize; 4],
    outputs: Vec<Id>,
    plan: Plan,
}

/// How a model is to compute.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Threads of rayon's pool beside the caller.
    pub helpers: usize,
    /// The height and width of the inputs to expect: other sizes work, but algorithms are chosen for this one.
    pub size: [usize; 2],
    /// Whether Winograd's algorithms may be used.
    pub winograd: bool,
    /// Pixels of the direct convolution's tile: 4 or 6, whichever is faster here.
    pub height: usize,
}

/// A network with its packed weights, its plans and the arena that they share.
pub struct Model {
    graph: Graph,
    options: Options,
    /// Height and width of what each node reads, at the size that is expected.
    sizes: Vec<[usize; 2]>,
    /// Of each node that is a convolution.
    algorithms: Vec<Option<Algorithm>>,
    /// Shared with the views of this network.
    packed: Vec<Option<Arc<Packed>>>,
    /// The node whose weights are coming.
    packing: Option<(Id, Packing)>,
    /// The most recently used is last.
    plans: Vec<Kept>,
    next: u32,
    arena: Floats,
    team: Team,
}

impl Model {
    pub fn new(json: &str, options: Options, tuning: &Tuning) -> Result<Self> {
        let graph = Graph::parse(json)?;
        let sizes = sizes(&graph, options.size);
        let algorithms = algorithm::choose(&graph, &sizes, options.winograd, tuning)?;
        Self::with(graph, algorithms, sizes, options)
    }

    fn with(
        graph: Graph,
        algorithms: Vec<Option<Algorithm>>,
        sizes: Vec<[usize; 2]>,
        options: Options,
    ) -> Result<Self> {
        let constants = graph.nodes.iter().zip(graph.channels()).map(|(node, c)| weights::constants(node, c));
        let packed = constants.map(|packed| Ok(packed?.map(Arc::new))).collect::<Result<Vec<_>>>()?;
        Ok(Model {
            sizes,
            algorithms,
            graph,
            options,
            packed,
            packing: None,
            plans: vec![],
            next: 0,
            arena: Floats::default(),
            team: Team::new(options.helpers),
        })
    }

    /// A model of another graph over the weights of this one, by the layers' paths: a linear layer's serve the convolution
    /// that it becomes in a fully convolutional network, and a convolution's serve at another stride or dilation, unless
    /// their algorithm knows no other.
    pub fn view(&self, json: &str) -> Result<Model> {
        let graph = Graph::parse(json)?;
        let sizes = vec![self.options.size; graph.nodes.len()];
        let algorithms = vec![None; graph.nodes.len()];
        let mut view = Model::with(graph, algorithms, sizes, self.options)?;
        for (id, node) in view.graph.nodes.iter().enumerate().filter(|(_, node)| weights::has(node)) {
            view.packed[id] = Some(weights::shared_with(&self.graph, &self.packed, &view.graph, node)?);
        }
        Ok(view)
    }

    /// Packs a piece of a node's weights, those of the outputs from `first` on; they are copied. The first piece brings the
    /// bias.
    pub fn load(&mut self, node: Id, first: usize, weight: &[f32], bias: Option<&[f32]>) -> Result<()> {
        let packing = self.packing.take().filter(|(id, _)| *id == node).map(|(_, packing)| packing);
        let algorithm = self.algorithms.get(node).copied().flatten();
        let packing = weights::load(&self.graph, node, packing, first, weight, bias, algorithm)
            .map_err(|e| self.of_all(e))?;
        if packing.is_finished(&self.graph.nodes[node]) {
            self.plans.clear();
            self.packed[node] = Some(Arc::new(packing.into_packed()));
        } else {
            self.packing = Some((node, packing));
        }
        Ok(())
    }

    /// Where there is no memory for a node's weights, how much all of them take.
    fn of_all(&self, error: Error) -> Error {
        if error.code != Code::TooLarge {
            return error;
        }
        let mib = algorithm::bytes(&self.graph, &self.sizes, &self.algorithms) >> 20;
        Error { message: format!("{}; all of the network's take {mib} MiB", error.message), ..error }
    }

    /// Measures, by the clock `now` in ms, which algorithm is the fastest for each convolution at the size that is expected,
    /// and uses it from here on; comes before the weights.
    pub fn tune(&mut self, now: impl Fn() -> f64) -> Result<Tuning> {
        let mut tuning = Tuning::new();
        for (node, &size) in self.graph.nodes.iter().zip(&self.sizes) {
            let Some(spec) = node.conv2d(size) else { continue };
            let candidates = Algorithm::candidates(&spec, node.storage());
            let candidates = if self.options.winograd { &candidates[..] } else { &candidates[..1] };
            let key = algorithm::key(&spec, size);
            if candidates.len() == 1 || tuning.contains_key(&key) {
                continue;
            }
            let mut best = (f64::INFINITY, Algorithm::Direct);
            for &candidate in candidates {
                let ms = self.time(node, size, candidate, &now)?;
                if ms < best.0 {
                    best = (ms, candidate);
                }
            }
            tuning.insert(key, best.1.name());
        }
        self.algorithms = algorithm::choose(&self.graph, &self.sizes, self.options.winograd, &tuning)?;
        Ok(tuning)
    }

    /// The least time in ms of a few runs of one convolution with weights of zero.
    fn time(
        &self,
        node: &Node,
        size: [usize; 2],
        algorithm: Algorithm,
        now: impl Fn() -> f64,
    ) -> Result<f64> {
        let spec = node.conv2d(size).expect("a convolution");
        let [h, w] = size;
        let input =
            Node { inputs: vec![], path: "input".into(), op: Op::Input { channels: spec.in_channels } };
        let graph = Graph { nodes: vec![input, Node { inputs: vec![0], ..node.clone() }], output: 1 };
        let mut model = Model::with(graph, vec![None, Some(algorithm)], vec![size; 2], self.options)?;
        let full = || Error::new(Code::TooLarge, "there is no memory left to measure it").at(&node.path);
        model.packed[1] = Some(Arc::new(algorithm.zeros(&spec, node.storage()).ok_or_else(full)?));
        let handle = model.prepare([1, spec.in_channels, h, w], &[])?;
        let mut least = f64::INFINITY;
        for _ in 0..TUNING_RUNS {
            let timings = model.profile(handle, 1, &now)?;
            least = least.min(timings.iter().filter(|t| t.op == "conv2d").map(|t| t.ms).sum());
        }
        Ok(least)
    }

    fn weights(&self) -> cpu::Weights<'_> {
        cpu::Weights { packed: &self.packed, height: self.options.height }
    }

    /// A handle to the plan for [n, c, h, w] and these outputs (the network's own where none is named), made if need be.
    pub fn prepare(&mut self, input: [usize; 4], outputs: &[Id]) -> Result<u32> {
        let outputs = requested(&self.graph, outputs)?;
        if let Some(i) = self.plans.iter().position(|kept| kept.input == input && kept.outputs == outputs) {
            let kept = self.plans.remove(i);
            self.plans.push(kept);
        } else {
            let plan = plan(&self.graph, self.weights(), input, &outputs, self.team.members())?;
            self.arena.grow(plan.arena).ok_or_else(|| {
                let message =
                    format!("there is no memory for the {} MiB that this input needs", plan.arena >> 18);
                Error::new(Code::TooLarge, message)
            })?;
            if self.plans.len() == PLANS {
                self.plans.remove(0);
            }
            self.next += 1;
            self.plans.push(Kept { handle: self.next, input, outputs, plan });
        }
        Ok(self.plans.last().expect("just pushed").handle)
    }

    /// Bytes of arena that a plan for [n, c, h, w] and these outputs takes.
    pub fn room(&self, input: [usize; 4], outputs: &[Id]) -> Result<usize> {
        let outputs = requested(&self.graph, outputs)?;
        Ok(4 * plan(&self.graph, self.weights(), input, &outputs, self.team.members())?.arena)
    }

    pub fn plan(&self, handle: u32) -> Result<&Plan> {
        let kept = self.plans.iter().find(|kept| kept.handle == handle);
        kept.map(|kept| &kept.plan)
            .ok_or_else(|| Error::new(Code::BadOption, format!("there is no plan {handle}")))
    }

    /// Where the input goes.
    pub fn input(&mut self, handle: u32) -> Result<&mut [f32]> {
        let place = &self.plan(handle)?.input;
        let (offset, len) = (place.offset, place.dims.iter().product::<usize>());
        Ok(&mut self.arena[offset..offset + len])
    }

    /// Output `i` of the last run.
    pub fn output(&self, handle: u32, i: usize) -> Result<(&[usize], &[f32])> {
        let outputs = &self.plan(handle)?.outputs;
        let place = outputs
            .get(i)
            .ok_or_else(|| Error::new(Code::BadOption, format!("the plan has no output {i}")))?;
        let len = place.dims.iter().product::<usize>();
        Ok((&place.dims, &self.arena[place.offset..place.offset + len]))
    }

    /// Runs a slice of the plan; slice 0 first checks the input. Says whether more slices follow.
    pub fn run(&mut self, handle: u32, slice: usize) -> Result<bool> {
        if slice == 0 {
            let input = self.input(handle)?;
            if let Some(i) = not_finite(input) {
                let message = format!("the input's element {i} is {}: every number must be finite", input[i]);
                return Err(Error::new(Code::NotFinite, message));
            }
        }
        let kept = self.plans.iter().find(|kept| kept.handle == handle);
        let plan = kept
            .map(|kept| &kept.plan)
            .ok_or_else(|| Error::new(Code::BadOption, "there is no such plan"))?;
        if slice >= plan.slices.len() {
            return Err(Error::new(Code::BadOption, format!("the plan has no slice {slice}")));
        }
        let first = if slice == 0 { 0 } else { plan.slices[slice - 1] };
        // Not by `weights`, which would borrow the arena too.
        let weights = cpu::Weights { packed: &self.packed, height: self.options.height };
        cpu::run(plan, first..plan.slices[slice], weights, &mut self.arena, &self.team);
        Ok(slice + 1 < plan.slices.len())
    }

    /// Runs the plan step by step, `rounds` times, and says what each step is and the least time that it took, by the clock
    /// `now` in ms.
    pub fn profile(&mut self, handle: u32, rounds: usize, now: impl Fn() -> f64) -> Result<Vec<Timing>> {
        let kept = self.plans.iter().find(|kept| kept.handle == handle);
        let plan = kept
            .map(|kept| &kept.plan)
            .ok_or_else(|| Error::new(Code::BadOption, "there is no such plan"))?;
        let weights = cpu::Weights { packed: &self.packed, height: self.options.height };
        let steps: Vec<&Step> = plan.steps.iter().flatten().collect();
        let front = plan.steps[..plan.front].iter().map(Vec::len).sum::<usize>();
        let images = |step: usize| if step < front { plan.images } else { 1 };
        let timings = (0..).zip(&steps).map(|(i, step)| Timing::new(step, images(i), weights));
        let mut timings: Vec<Timing> = timings.collect();
        for _ in 0..rounds {
            let mut took = vec![0.0; steps.len()];
            let each = (0..plan.images).flat_map(|image| (0..front).map(move |i| (i, image)));
            for (i, image) in each.chain((front..steps.len()).map(|i| (i, 0))) {
                let before = now();
                cpu::run_step(plan, steps[i], image, weights, &mut self.arena, &self.team);
                took[i] += now() - before;
            }
            timings.iter_mut().zip(took).for_each(|(timing, took)| timing.ms = timing.ms.min(took));
        }
        Ok(timings)
    }

    /// Bytes of weights and arena.
    pub fn bytes(&self) -> [usize; 2] {
        [self.packed.iter().flatten().map(|packed| packed.bytes()).sum(), 4 * self.arena.len()]
    }
}

/// The place of a number that is infinite or none. Looked for block by block, which is many at a time to the compiler.
fn not_finite(numbers: &[f32]) -> Option<usize> {
    let is_bad = |block: &[f32]| block.iter().fold(false, |bad, x| bad | !x.is_finite());
    let block = numbers.chunks(256).position(is_bad)?;
    numbers.iter().skip(block * 256).position(|x| !x.is_finite()).map(|i| block * 256 + i)
}

/// A step in a profile; of one that runs image by image, what it took for all of them.
#[derive(Debug, Serialize)]
pub struct Timing {
    pub path: String,
    pub op: &'static str,
    pub algorithm: String,
    /// The output's.
    pub shape: Vec<usize>,
    pub ms: f64,
    /// Multiply-adds of the layer as its definition counts them.
    pub macs: u64,
    /// Those that the algorithm needs, but for transforms.
    pub products: u64,
    /// Bytes of its maps and weights.
    pub bytes: u64,
}

impl Timing {
    /// Of a step that runs once for each of so many images.
    fn new(step: &Step, images: usize, weights: cpu::Weights) -> Self {
        let [n, c, h, w] = step.kernel.shape();
        let times = images as u64;
        Timing {
            path: step.path.clone(),
            op: step.kernel.name(),
            algorithm: weights.algorithm(&step.kernel),
            shape: vec![n * images, c, h, w],
            ms: f64::INFINITY,
            macs: times * step.macs,
            products: times * weights.products(&step.kernel).unwrap_or(step.macs),
            bytes: times * weights.bytes(&step.kernel),
        }
    }
}

/// These outputs, or the network's own where none is named.
pub fn requested(graph: &Graph, outputs: &[Id]) -> Result<Vec<Id>> {
    match outputs.iter().find(|&&id| id >= graph.nodes.len()) {
        Some(id) => Err(Error::new(Code::BadNet, format!("there is no node {id}"))),
        None if outputs.is_empty() => Ok(vec![graph.output]),
        None => Ok(outputs.to_vec()),
    }
}

/// Height and width of what each node reads in an input of this size; where it does not fit the network, the input's own.
pub fn sizes(graph: &Graph, size: [usize; 2]) -> Vec<[usize; 2]> {
    let Op::Input { channels } = graph.nodes[0].op else { unreachable!("node 0 is the input") };
    let needed = graph.needed(&[graph.output]);
    let shapes = infer_needed(graph, [1, channels, size[0], size[1]], &needed);
    let size_of = |node: &Node| match (&shapes, node.inputs.first()) {
        (Ok(shapes), Some(&x)) if !shapes[x].is_empty() => [shapes[x].h, shapes[x].w],
        _ => size,
    };
    graph.nodes.iter().map(size_of).collect()
}
