//! All that JavaScript can see of the core.
//!
//! Errors cross as objects { code, message, node }. A panic is a bug: its message is thrown as a plain string, by which the
//! other side knows that this instance can no longer be trusted.

use crate::error::{Code, Error};
use crate::model::{Model, Options};
use js_sys::{Object, Reflect, Uint32Array};
use kernels::resize;
use wasm_bindgen::prelude::*;

#[cfg(feature = "threads")]
pub use wasm_bindgen_rayon::init_thread_pool;

impl From<Error> for JsValue {
    fn from(error: Error) -> JsValue {
        let object = Object::new();
        let set = |key: &str, value: &str| {
            // Setting a property of a fresh plain object cannot fail.
            let _ = Reflect::set(&object, &key.into(), &value.into());
        };
        set("code", error.code.name());
        set("message", &error.to_string());
        if let Some(node) = &error.node {
            set("node", node);
        }
        object.into()
    }
}

/// The time in ms by a function of JavaScript.
fn clock(now: &js_sys::Function) -> f64 {
    now.call0(&JsValue::NULL).ok().and_then(|ms| ms.as_f64()).unwrap_or(f64::NAN)
}

/// Which build this is, in a section of the .wasm that can be read before it is instantiated.
const BUILD: &str = match (cfg!(target_feature = "relaxed-simd"), cfg!(feature = "threads")) {
    (false, false) => "simd128",
    (true, false) => "relaxed-simd",
    (false, true) => "simd128-threads",
    (true, true) => "relaxed-simd-threads",
};

#[used]
#[unsafe(link_section = "convzoo-build")]
static BUILD_SECTION: [u8; BUILD.len()] = *BUILD.as_bytes().first_chunk().expect("all of it");

#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| wasm_bindgen::throw_str(&info.to_string())));
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
        let tuning = tuning.as_deref().map(serde_json::from_str).transpose().map_err(|e| {
            Error::new(Code::BadOption, format!("the tuning is not what a tuned model gives: {e}"))
        })?;
        Ok(Core(Model::new(graph, options, &tuning.unwrap_or_default())?))
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

/// Resizes gray, RGB or RGBA bytes as Pillow does; `filter` is Pillow's name in lower case. Of the result, gives the
/// rectangle of `columns` by `rows` pixels at `left` and `top`.
#[wasm_bindgen]
pub fn resize(
    pixels: Vec<u8>,
    width: usize,
    height: usize,
    channels: usize,
    to_width: usize,
    to_height: usize,
    left: usize,
    top: usize,
    columns: usize,
    rows: usize,
    filter: &str,
) -> Result<Vec<u8>, JsValue> {
    let name = |f: &&resize::Filter| format!("{f:?}").eq_ignore_ascii_case(filter);
    let filter = resize::Filter::ALL.iter().find(name).copied().ok_or_else(|| {
        Error::new(
            Code::BadOption,
            format!("there is no filter {filter:?}: use nearest, box, bilinear, hamming, bicubic or lanczos"),
        )
    })?;
    let wanted = (left..left.saturating_add(columns), top..top.saturating_add(rows));
    resize::resize(pixels, (width, height), channels, (to_width, to_height), wanted, filter).map_err(|e| {
        let code =
            if matches!(e, resize::ResizeError::TooLarge { .. }) { Code::TooLarge } else { Code::BadImage };
        Error::new(code, e.to_string()).into()
    })
}
