//! model: what lives from run to run.

use crate::cpu;
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id};
use crate::plan::{Plan, plan};
use crate::weights::{self, Packed};
use kernels::layout::Floats;
use kernels::par::Team;

/// Plans that are kept: enough for a few input sizes and sets of outputs in turn.
const PLANS: usize = 8;

struct Kept {
    handle: u32,
    input: [usize; 4],
    outputs: Vec<Id>,
    plan: Plan,
}

/// A network with its packed weights, its plans and the arena that they share.
pub struct Model {
    graph: Graph,
    packed: Vec<Option<Packed>>,
    /// The most recently used is last.
    plans: Vec<Kept>,
    next: u32,
    arena: Floats,
    team: Team,
}

impl Model {
    /// A model of `json`'s network, run by the caller and `helpers` threads of rayon's pool.
    pub fn new(json: &str, helpers: usize) -> Result<Self> {
        let graph = Graph::parse(json)?;
        let packed = graph.nodes.iter().map(|_| None).collect();
        Ok(Model {
            graph,
            packed,
            plans: vec![],
            next: 0,
            arena: Floats::default(),
            team: Team::new(helpers),
        })
    }

    /// Packs the weights of a node; they are copied.
    pub fn load(&mut self, node: Id, weight: &[f32], bias: Option<&[f32]>) -> Result<()> {
        let packed = weights::pack(&self.graph, node, weight, bias)?;
        self.plans.clear();
        self.packed[node] = Some(packed);
        Ok(())
    }

    /// A handle to the plan for [n, c, h, w] and these outputs (the network's own where none is named), made if need be.
    pub fn prepare(&mut self, input: [usize; 4], outputs: &[Id]) -> Result<u32> {
        let outputs = if outputs.is_empty() { vec![self.graph.output] } else { outputs.to_vec() };
        if let Some(&id) = outputs.iter().find(|&&id| id >= self.graph.nodes.len()) {
            return Err(Error::new(Code::BadNet, format!("there is no node {id}")));
        }
        if let Some(i) = self.plans.iter().position(|kept| kept.input == input && kept.outputs == outputs) {
            let kept = self.plans.remove(i);
            self.plans.push(kept);
        } else {
            let plan = plan(&self.graph, &self.packed, input, &outputs)?;
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
            if let Some(i) = input.iter().position(|x| !x.is_finite()) {
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
        cpu::run(plan, slice, &self.packed, &mut self.arena, &self.team);
        Ok(slice + 1 < plan.slices.len())
    }

    /// Bytes of weights and arena.
    pub fn bytes(&self) -> [usize; 2] {
        [self.packed.iter().flatten().map(weights::bytes).sum(), 4 * self.arena.len()]
    }
}
