//! What lives from run to run: where weights are, and recordings.

use super::dispatch::Gpu;
use super::plan::{Plan, plan};
use super::recording::record;
use super::weights::{Loading, Table, Write};
use crate::algorithm::Tuning;
use crate::error::Result;
use crate::graph::{Graph, Id};
use crate::model::{requested, sizes};
use kernels::gpu::Limits;

/// Recordings that are kept.
const RECORDINGS: usize = 8;

struct Kept {
    input: [usize; 4],
    outputs: Vec<Id>,
    json: String,
}

/// A network whose weights are on a GPU.
pub struct Model {
    pub(super) graph: Graph,
    pub(super) table: Table,
    pub(super) limits: Limits,
    /// Height and width of what each node reads, at the size that is expected, and whether Winograd's algorithms may be used.
    pub(super) sizes: Vec<[usize; 2]>,
    pub(super) winograd: bool,
    loading: Option<Loading>,
    /// The most recently used is last.
    recordings: Vec<Kept>,
}

impl Model {
    /// `size`: the height and width of the inputs to expect. Other sizes work, but algorithms are chosen for this one.
    pub fn new(
        json: &str,
        size: [usize; 2],
        winograd: bool,
        limits: Limits,
        tuning: &Tuning,
    ) -> Result<Self> {
        Self::with(Graph::parse(json)?, size, winograd, limits, tuning)
    }

    pub(super) fn with(
        graph: Graph,
        size: [usize; 2],
        winograd: bool,
        limits: Limits,
        tuning: &Tuning,
    ) -> Result<Self> {
        let sizes = sizes(&graph, size);
        let table = Table::new(&graph, &sizes, winograd, &limits, tuning)?;
        Ok(Model { graph, table, limits, sizes, winograd, loading: None, recordings: vec![] })
    }

    /// A model of another graph over the weights of this one, by the layers' paths.
    pub fn view(&self, json: &str) -> Result<Self> {
        let graph = Graph::parse(json)?;
        let table = self.table.view(&self.graph, &graph)?;
        let Model { limits, winograd, .. } = *self;
        Ok(Model { graph, table, limits, sizes: vec![], winograd, loading: None, recordings: vec![] })
    }

    /// Bytes of each weight buffer; all begin as zeros.
    pub fn buffers(&self) -> &[u64] {
        &self.table.buffers
    }

    /// What is written to them beside the weights that are loaded.
    pub fn constants(&self) -> Vec<Write> {
        self.table.constants(&self.graph)
    }

    /// Packs a piece of a node's weights, those of the outputs from `first` on; the first piece brings the bias. Gives what is to
    /// be written.
    pub fn load(
        &mut self,
        node: Id,
        first: usize,
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Vec<Write>> {
        self.table.load(&self.graph, &self.limits, &mut self.loading, (node, first), weight, bias)
    }

    pub fn gpu(&self) -> Gpu<'_> {
        Gpu { graph: &self.graph, table: &self.table, limits: &self.limits }
    }

    /// The plan for [n, c, h, w] and these outputs (the network's own where none is named).
    pub fn plan(&self, input: [usize; 4], outputs: &[Id]) -> Result<Plan> {
        plan(self.gpu(), input, &requested(&self.graph, outputs)?)
    }

    /// Its recording, as JSON.
    pub fn record(&mut self, input: [usize; 4], outputs: &[Id]) -> Result<&str> {
        let outputs = requested(&self.graph, outputs)?;
        let known = self.recordings.iter().position(|kept| kept.input == input && kept.outputs == outputs);
        let kept = match known {
            Some(i) => self.recordings.remove(i),
            None => {
                let recording = record(self.gpu(), &self.plan(input, &outputs)?);
                let json = serde_json::to_string(&recording).expect("numbers and words");
                Kept { input, outputs, json }
            }
        };
        if self.recordings.len() == RECORDINGS {
            self.recordings.remove(0);
        }
        self.recordings.push(kept);
        Ok(&self.recordings.last().expect("just pushed").json)
    }

    /// Bytes of banks that a run takes.
    pub fn room(&self, input: [usize; 4], outputs: &[Id]) -> Result<u64> {
        Ok(4 * self.plan(input, outputs)?.banks.total())
    }
}
