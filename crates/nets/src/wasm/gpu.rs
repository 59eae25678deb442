//! A network on a GPU: what JavaScript has to do there, as plain data.

use crate::algorithm;
use crate::error::{Code, Error};
use crate::webgpu::model::Model;
use crate::webgpu::weights::Write;
use js_sys::{Array, Object, Reflect, Uint8Array};
use kernels::gpu::{Limits, shaders};
use serde::Deserialize;
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

/// As `ts/src/backend/webgpu/recording.ts` has them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GpuLimits {
    binding: u64,
    buffer: u64,
    workgroup_memory: u32,
    invocations: u32,
    workgroup: [u32; 3],
    workgroups: u32,
    storage_buffers: u32,
    subgroups: bool,
    f16: bool,
    #[serde(default)]
    fallback: bool,
}

impl From<GpuLimits> for Limits {
    fn from(limits: GpuLimits) -> Limits {
        let GpuLimits { binding, buffer, workgroup_memory, invocations, workgroup, workgroups, .. } = limits;
        let GpuLimits { storage_buffers, subgroups, f16, fallback, .. } = limits;
        Limits {
            binding,
            buffer,
            workgroup_memory,
            invocations,
            workgroup,
            workgroups,
            storage_buffers,
            subgroups,
            f16,
            fallback,
        }
    }
}

/// [{ buffer, offset, bytes: Uint8Array }], the bytes outside of this memory.
fn uploads(writes: Vec<Write>) -> Array {
    let upload = |Write { buffer, offset, bytes }: Write| {
        let object = Object::new();
        let set = |key: &str, value: JsValue| {
            // Setting a property of a fresh plain object cannot fail.
            let _ = Reflect::set(&object, &key.into(), &value);
        };
        set("buffer", (buffer as f64).into());
        set("offset", (offset as f64).into());
        set("bytes", Uint8Array::from(&bytes[..]).into());
        JsValue::from(object)
    };
    writes.into_iter().map(upload).collect()
}

/// A network whose weights are on a GPU.
#[wasm_bindgen]
pub struct GpuCore(Model);

#[wasm_bindgen]
impl GpuCore {
    /// `rows` and `columns`: the input's size to expect. `limits`: the device's, as JSON. `tuning`: what was found by
    /// `trials`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        graph: &str,
        rows: usize,
        columns: usize,
        winograd: bool,
        limits: &str,
        tuning: Option<String>,
    ) -> Result<GpuCore, JsValue> {
        let limits: GpuLimits = serde_json::from_str(limits)
            .map_err(|e| Error::new(Code::BadOption, format!("the GPU's limits cannot be read: {e}")))?;
        let tuning = algorithm::tuning(tuning.as_deref())?;
        Ok(GpuCore(Model::new(graph, [rows, columns], winograd, limits.into(), &tuning)?))
    }

    /// What to time for a tuning, as JSON: see `tune.rs`.
    pub fn trials(&self) -> Result<String, JsValue> {
        Ok(serde_json::to_string(&self.0.trials()?).expect("numbers and words"))
    }

    /// A network of another graph over the weights of this one: see `Model::view`.
    pub fn view(&self, graph: &str) -> Result<GpuCore, JsValue> {
        Ok(GpuCore(self.0.view(graph)?))
    }

    /// The text of each shader by its name, as JSON.
    pub fn shaders(&self) -> String {
        let texts: BTreeMap<&str, String> = shaders().collect();
        serde_json::to_string(&texts).expect("words")
    }

    /// Bytes of each weight buffer; all begin as zeros.
    pub fn buffers(&self) -> Vec<f64> {
        self.0.buffers().iter().map(|&bytes| bytes as f64).collect()
    }

    /// What is written to them beside the weights that are loaded.
    pub fn constants(&self) -> Array {
        uploads(self.0.constants())
    }

    /// Packs a piece of a node's weights: those of the outputs from `first` on, the bias with the first piece. Gives what is to be
    /// written.
    pub fn load(
        &mut self,
        node: usize,
        first: usize,
        weight: &[f32],
        bias: Option<Box<[f32]>>,
    ) -> Result<Array, JsValue> {
        Ok(uploads(self.0.load(node, first, weight, bias.as_deref())?))
    }

    /// What is to be done for an input of [n, c, h, w] and the nodes whose maps are wanted (none: the network's output), as JSON:
    /// see `recording.rs`.
    pub fn record(
        &mut self,
        n: usize,
        c: usize,
        h: usize,
        w: usize,
        outputs: &[usize],
    ) -> Result<String, JsValue> {
        Ok(self.0.record([n, c, h, w], outputs)?.to_string())
    }

    /// Bytes of banks that it takes.
    pub fn room(&self, n: usize, c: usize, h: usize, w: usize, outputs: &[usize]) -> Result<f64, JsValue> {
        Ok(self.0.room([n, c, h, w], outputs)? as f64)
    }
}
