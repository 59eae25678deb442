//! tune: what a GPU is to be timed with, to find how each convolution and linear layer is computed fastest there.

use super::model::Model;
use super::recording::{Recording, record};
use super::weights::Kind;
use crate::algorithm::{self, Tuning};
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id, Node, Op};
use kernels::conv2d::Conv2d;
use kernels::conv2d::gpu::{Choice, choices};
use kernels::linear::gpu::as_conv2d;
use kernels::storage::Storage;
use serde::Serialize;

/// A layer's candidates, for which all buffers of weights are zeros.
#[derive(Debug, Serialize)]
pub struct Trial {
    /// What a tuning knows the layer by.
    pub key: String,
    /// Bytes of each weight buffer, enough for every candidate.
    pub buffers: Vec<u64>,
    pub candidates: Vec<Candidate>,
}

#[derive(Debug, Serialize)]
pub struct Candidate {
    pub name: String,
    /// The layer alone, on one map.
    pub recording: Recording,
}

/// What a tuning knows a layer by: no key of the CPU's begins so, and how weights are kept makes another.
fn key(spec: &Conv2d, size: [usize; 2], storage: Storage) -> String {
    let kept = match storage {
        Storage::Float32 => "",
        Storage::Float16 => ", float16",
        Storage::Int8 => ", int8",
    };
    format!("webgpu: {}{kept}", algorithm::key(spec, size))
}

/// What a tuning says of a node that is this convolution over a map of these sides. Refuses what cannot compute it.
pub fn found(
    tuning: &Tuning,
    node: &Node,
    (spec, size): (&Conv2d, [usize; 2]),
    winograd: bool,
) -> Result<Option<Choice>> {
    let Some(name) = tuning.get(&key(spec, size, node.storage())) else { return Ok(None) };
    let choice = Choice::named(spec, node.storage(), name).ok_or_else(|| {
        let message = format!("the tuning has {name:?}, which cannot compute this layer");
        Error::new(Code::BadOption, message).at(&node.path)
    })?;
    Ok(Some(choice).filter(|choice| winograd || !choice.algorithm.is_transformed()))
}

impl Model {
    /// What to time: a trial for each layer that can be computed in several ways, of those that take the same time one.
    pub fn trials(&self) -> Result<Vec<Trial>> {
        let mut trials: Vec<Trial> = Vec::new();
        for id in 0..self.graph.nodes.len() {
            let Some((spec, size)) = self.convolution(id) else { continue };
            let storage = self.graph.nodes[id].storage();
            let (key, choices) =
                (key(&spec, size, storage), choices(&spec, size, storage, self.winograd, &self.limits));
            if choices.len() == 1 || trials.iter().any(|trial| trial.key == key) {
                continue;
            }
            let mut trial = Trial { key, buffers: vec![], candidates: vec![] };
            for choice in choices {
                let name = choice.name();
                let tuning = Tuning::from([(trial.key.clone(), name.clone())]);
                let alone = self.alone(id, spec.in_channels);
                let model = Model::with(alone, size, self.winograd, self.limits, &tuning)?;
                trial.buffers.resize(trial.buffers.len().max(model.buffers().len()), 0);
                for (most, &bytes) in trial.buffers.iter_mut().zip(model.buffers()) {
                    *most = bytes.max(*most);
                }
                let plan = model.plan([1, spec.in_channels, size[0], size[1]], &[])?;
                trial.candidates.push(Candidate { name, recording: record(model.gpu(), &plan) });
            }
            trials.push(trial);
        }
        Ok(trials)
    }

    /// The convolution that a node is, over a map of the sides to expect.
    fn convolution(&self, id: Id) -> Option<(Conv2d, [usize; 2])> {
        match &self.table.entries[id].kind {
            Kind::Conv2d(..) => Some((self.graph.nodes[id].conv2d(self.sizes[id])?, self.sizes[id])),
            Kind::Linear(spec, channels) => Some(as_conv2d(spec, *channels)),
            _ => None,
        }
    }

    /// A node that reads an input of so many channels.
    fn alone(&self, id: Id, channels: usize) -> Graph {
        let input = Node { inputs: vec![], path: "input".into(), op: Op::Input { channels } };
        let mut nodes = vec![input];
        if let Op::Linear { .. } = self.graph.nodes[id].op {
            nodes.push(Node { inputs: vec![0], path: "flatten".into(), op: Op::Flatten });
        }
        nodes.push(Node { inputs: vec![nodes.len() - 1], ..self.graph.nodes[id].clone() });
        Graph { output: nodes.len() - 1, nodes }
    }
}
