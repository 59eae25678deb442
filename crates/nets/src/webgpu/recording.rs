//! A run as plain data: what ts/src/backend/webgpu/recording.ts reads and executes.

use super::dispatch::Gpu;
use super::plan::{Plan, Step};
use crate::plan::Output;
use kernels::gpu::{Dispatch, Source};
use serde::{Serialize, Serializer};

/// Words that each step's params begin at a multiple of: WebGPU's least alignment.
const ALIGNED: usize = 64;

#[derive(Debug, Serialize)]
pub struct Recording {
    /// Bytes of each bank.
    pub banks: Vec<u64>,
    pub input: Input,
    pub outputs: Vec<Place>,
    pub pipelines: Vec<Pipeline>,
    /// Words of all steps.
    pub params: Vec<u32>,
    pub steps: Vec<Recorded>,
    /// For whoever judges it: bytes of maps that are alive together where they are most, and bytes that such a network must read
    /// and write at least.
    pub alive: u64,
    pub least: u64,
}

/// Where n * c * h * w floats go; offsets are bytes.
#[derive(Debug, Serialize)]
pub struct Input {
    pub bank: usize,
    pub offset: u64,
    pub floats: usize,
}

#[derive(Debug, Serialize)]
pub struct Place {
    pub bank: usize,
    pub offset: u64,
    pub shape: Vec<usize>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Pipeline {
    pub shader: &'static str,
    #[serde(serialize_with = "as_object")]
    pub constants: Vec<(&'static str, f64)>,
}

fn as_object<S: Serializer>(constants: &[(&str, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(constants.iter().copied())
}

/// One dispatch.
#[derive(Debug, Serialize)]
pub struct Recorded {
    pub pipeline: usize,
    pub grid: [u32; 3],
    pub bindings: Vec<Binding>,
    pub path: String,
    pub op: &'static str,
    pub algorithm: String,
    /// The output's.
    pub shape: [usize; 4],
    /// Multiply-adds as the layer's definition counts them, and those that the algorithm needs.
    pub macs: u64,
    pub products: u64,
    /// Bytes of maps and weights.
    pub reads: u64,
    pub writes: u64,
}

/// Offsets and sizes are bytes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(untagged)]
pub enum Binding {
    Params { params: usize, size: usize },
    Bank { bank: usize, offset: u64, size: u64 },
    Weights { weights: usize, offset: u64, size: u64 },
    Nothing { nothing: bool },
}

/// Records a plan.
pub fn record(gpu: Gpu, plan: &Plan) -> Recording {
    let bases = plan.banks.bases();
    let place = |output: &Output| {
        let bank = bases.partition_point(|&base| base <= output.offset as u64) - 1;
        (bank, 4 * (output.offset as u64 - bases[bank]))
    };
    let (bank, offset) = place(&plan.input);
    let mut recording = Recording {
        banks: plan.banks.sizes.iter().map(|floats| 4 * floats).collect(),
        input: Input { bank, offset, floats: plan.input.dims.iter().product() },
        outputs: plan
            .outputs
            .iter()
            .map(|output| {
                let (bank, offset) = place(output);
                Place { bank, offset, shape: output.dims.clone() }
            })
            .collect(),
        pipelines: Vec::new(),
        params: Vec::new(),
        steps: Vec::new(),
        alive: 4 * plan.largest_moment,
        least: plan.least,
    };
    for step in &plan.steps {
        let dispatches = gpu.dispatches(step, &bases);
        let count = dispatches.len() as u64;
        for dispatch in dispatches {
            recording.push(gpu, step, dispatch, count);
        }
    }
    recording
}

impl Recording {
    fn push(&mut self, gpu: Gpu, step: &Step, dispatch: Dispatch, of: u64) {
        let pipeline = Pipeline { shader: dispatch.shader, constants: dispatch.constants };
        let known = self.pipelines.iter().position(|other| *other == pipeline);
        let pipeline = known.unwrap_or_else(|| {
            self.pipelines.push(pipeline);
            self.pipelines.len() - 1
        });
        let first = self.params.len();
        let mut weights = 0;
        let mut bindings = vec![Binding::Params { params: 4 * first, size: 4 * dispatch.params.len() }];
        bindings.extend(dispatch.bindings.iter().map(|source| match *source {
            Source::Buffer(bank) => Binding::Bank { bank, offset: 0, size: self.banks[bank] },
            Source::Weights { node, part } => {
                let part = gpu.part(node, part);
                weights += part.size.min(gpu.most_read(node, &step.kernel));
                Binding::Weights { weights: part.buffer, offset: part.offset, size: part.size }
            }
            Source::Nothing => Binding::Nothing { nothing: true },
        }));
        self.params.extend(dispatch.params);
        self.params.resize(self.params.len().next_multiple_of(ALIGNED), 0);
        let [reads, writes] = gpu.floats(step).map(|floats| 4 * floats);
        let last = step.then.as_ref().unwrap_or(&step.kernel);
        self.steps.push(Recorded {
            pipeline,
            grid: dispatch.grid,
            bindings,
            path: step.path.clone(),
            op: step.kernel.name(),
            algorithm: gpu.algorithm_name(step),
            shape: last.shape(),
            macs: step.macs / of,
            products: gpu.products(step) / of,
            reads: reads + weights,
            writes: writes / of,
        });
    }
}
