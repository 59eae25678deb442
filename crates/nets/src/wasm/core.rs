//! A network on the CPU.

use crate::algorithm;
use crate::error::{Code, Error};
use crate::model::{Model, Options};
use js_sys::Uint32Array;
use wasm_bindgen::prelude::*;

/// The time in ms by a function of JavaScript.
fn clock(now: &js_sys::Function) -> f64 {
    now.call0(&JsValue::NULL).ok().and_then(|ms| ms.as_f64()).unwrap_or(f64::NAN)
}

/// A network with its weights and plans.
#[wasm_bindgen]
pub struct Core(Model);

#[wasm_bindgen]
impl Core {
    /// `helpers`: threads beside the caller; the pool must have been started with as many. `rows` and `columns`: the input's
    /// size to expect. `height`: see `tileHeight`. `tuning`: what `tune` gave.
    #[wasm_bindgen(constructor)]
    pub fn new(
        graph: &str,
        helpers: usize,
        rows: usize,
        columns: usize,
        winograd: bool,
        height: usize,
        tuning: Option<String>,
    ) -> Result<Core, JsValue> {
        let options = Options { helpers, size: [rows, columns], winograd, height };
        Ok(Core(Model::new(graph, options, &algorithm::tuning(tuning.as_deref())?)?))
    }

    /// A network of another graph over the weights of this one: see `Model::view`.
    pub fn view(&self, graph: &str) -> Result<Core, JsValue> {
        Ok(Core(self.0.view(graph)?))
    }

    /// Bytes of arena that an input of [n, c, h, w] and the nodes whose maps are wanted take.
    pub fn room(&self, n: usize, c: usize, h: usize, w: usize, outputs: &[usize]) -> Result<usize, JsValue> {
        Ok(self.0.room([n, c, h, w], outputs)?)
    }

    /// Finds the fastest algorithm for each convolution by the clock `now`; comes before the weights. Gives what it found, as
    /// JSON.
    pub fn tune(&mut self, now: &js_sys::Function) -> Result<String, JsValue> {
        let tuning = self.0.tune(|| clock(now))?;
        Ok(serde_json::to_string(&tuning).expect("words"))
    }

    /// Packs a piece of a node's weights: those of the outputs from `first` on, the bias with the first piece.
    pub fn load(
        &mut self,
        node: usize,
        first: usize,
        weight: &[f32],
        bias: Option<Box<[f32]>>,
    ) -> Result<(), JsValue> {
        Ok(self.0.load(node, first, weight, bias.as_deref())?)
    }

    /// A handle to the plan for an input of [n, c, h, w] and the nodes whose maps are wanted (none: the network's output).
    pub fn prepare(
        &mut self,
        n: usize,
        c: usize,
        h: usize,
        w: usize,
        outputs: &[usize],
    ) -> Result<u32, JsValue> {
        Ok(self.0.prepare([n, c, h, w], outputs)?)
    }

    /// The address of the plan's input.
    pub fn input(&mut self, plan: u32) -> Result<*mut f32, JsValue> {
        Ok(self.0.input(plan)?.as_mut_ptr())
    }

    /// Runs a slice of the plan; true where another follows.
    pub fn run(&mut self, plan: u32, slice: usize) -> Result<bool, JsValue> {
        Ok(self.0.run(plan, slice)?)
    }

    /// The plan's steps with the least time that each took in `rounds` runs, as JSON: see `model::Timing`.
    pub fn profile(&mut self, plan: u32, rounds: usize, now: &js_sys::Function) -> Result<String, JsValue> {
        let timings = self.0.profile(plan, rounds, || clock(now))?;
        Ok(serde_json::to_string(&timings).expect("numbers and words"))
    }

    /// The address of output `i`.
    pub fn output(&self, plan: u32, i: usize) -> Result<*const f32, JsValue> {
        Ok(self.0.output(plan, i)?.1.as_ptr())
    }

    /// The dimensions of output `i`.
    #[wasm_bindgen(js_name = outputShape)]
    pub fn output_shape(&self, plan: u32, i: usize) -> Result<Uint32Array, JsValue> {
        let dims: Vec<u32> = self.0.output(plan, i)?.0.iter().map(|&d| d as u32).collect();
        Ok(Uint32Array::from(&dims[..]))
    }

    /// Bytes of packed weights, and of the arena.
    pub fn bytes(&self) -> Vec<usize> {
        self.0.bytes().to_vec()
    }
}
