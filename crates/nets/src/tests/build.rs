//! What networks for the tests are built of: random numbers, layers, weights that keep numbers in range.

use crate::graph::{Graph, Id, Op};
use crate::shape::{Shape, infer};
use serde_json::{Value, json};
use std::hash::{BuildHasher, Hasher, RandomState};

/// Random numbers (splitmix64).
pub struct Random(u64);

impl Random {
    /// From the seed in the environment variable `SEED` at compile time, else from a new one; a failing test shows it.
    pub fn new() -> Self {
        let seed = match option_env!("SEED") {
            Some(seed) => seed.parse().expect("SEED is a number"),
            None => RandomState::new().build_hasher().finish(),
        };
        #[cfg(target_arch = "wasm32")]
        wasm_bindgen_test::console_log!("SEED={seed}");
        #[cfg(not(target_arch = "wasm32"))]
        println!("SEED={seed}");
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    pub fn within(&mut self, least: usize, most: usize) -> usize {
        least + (self.next() % (most - least + 1) as u64) as usize
    }

    pub fn coin(&mut self) -> bool {
        self.within(0, 1) == 1
    }

    /// Each from `least` to `most`.
    pub fn several<const N: usize>(&mut self, least: usize, most: usize) -> [usize; N] {
        std::array::from_fn(|_| self.within(least, most))
    }

    /// `len` numbers from `least` to `most`.
    pub fn floats(&mut self, len: usize, least: f32, most: f32) -> Vec<f32> {
        let unit = |r: &mut Self| (r.next() >> 40) as f32 / (1 << 24) as f32;
        (0..len).map(|_| least + (most - least) * unit(self)).collect()
    }
}

/// A network being built: each layer's path is `n` and its id, its output that of the last layer.
pub struct Net {
    pub nodes: Vec<Value>,
    pub input: [usize; 4],
}

impl Net {
    pub fn new(input: [usize; 4]) -> Self {
        Net { nodes: vec![json!({ "op": "input", "channels": input[1] })], input }
    }

    pub fn json(&self) -> String {
        json!({ "nodes": self.nodes, "output": self.nodes.len() - 1 }).to_string()
    }

    pub fn graph(&self) -> Graph {
        Graph::parse(&self.json()).expect("a sound graph")
    }

    pub fn shapes(&self) -> Vec<Shape> {
        infer(&self.graph(), self.input).expect("layers that fit")
    }

    pub fn shape(&self, id: Id) -> Shape {
        self.shapes()[id]
    }

    pub fn push(&mut self, op: &str, inputs: &[Id], fields: Value) -> Id {
        let id = self.nodes.len();
        let node = json!({ "op": op, "inputs": inputs, "path": format!("n{id}") });
        self.nodes.push(with(node, fields));
        id
    }

    /// An operator without fields: add, mul, concat, softmax, log_softmax, flatten.
    pub fn plain(&mut self, op: &str, inputs: &[Id]) -> Id {
        self.push(op, inputs, json!({}))
    }

    pub fn activation(&mut self, kind: &str, x: Id) -> Id {
        self.push("activation", &[x], json!({ "kind": kind }))
    }

    pub fn relu(&mut self, x: Id) -> Id {
        self.activation("relu", x)
    }

    /// A convolution with a square kernel, but for the fields that `change` replaces.
    pub fn conv_with(
        &mut self,
        x: Id,
        out: usize,
        [kernel, stride, padding]: [usize; 3],
        change: Value,
    ) -> Id {
        let fields = json!({
            "in_channels": self.shape(x).c, "out_channels": out, "kernel": [kernel, kernel],
            "stride": [stride, stride], "padding": vec![padding; 4], "dilation": [1, 1], "groups": 1, "bias": true,
        });
        self.push("conv2d", &[x], with(fields, change))
    }

    pub fn conv(&mut self, x: Id, out: usize, window: [usize; 3]) -> Id {
        self.conv_with(x, out, window, json!({}))
    }

    pub fn conv_relu(&mut self, x: Id, out: usize, window: [usize; 3]) -> Id {
        let conv = self.conv(x, out, window);
        self.relu(conv)
    }

    /// A convolution without a bias, then a batch norm.
    pub fn conv_norm(&mut self, x: Id, out: usize, window: [usize; 3]) -> Id {
        let conv = self.conv_with(x, out, window, json!({ "bias": false }));
        self.batch_norm(conv)
    }

    /// A convolution of each channel by itself.
    pub fn depthwise(&mut self, x: Id, window: [usize; 3]) -> Id {
        let c = self.shape(x).c;
        self.conv_with(x, c, window, json!({ "groups": c, "bias": false }))
    }

    pub fn batch_norm(&mut self, x: Id) -> Id {
        let c = self.shape(x).c;
        self.push("batch_norm2d", &[x], json!({ "channels": c, "eps": 1e-5, "affine": true }))
    }

    /// An operator of one number or more for each channel: layer_scale, prelu.
    pub fn of_channels(&mut self, op: &str, x: Id) -> Id {
        let c = self.shape(x).c;
        self.push(op, &[x], json!({ "channels": c }))
    }

    pub fn max_pool(&mut self, x: Id, [kernel, stride, padding]: [usize; 3], ceil: bool) -> Id {
        let fields = json!({
            "kernel": [kernel, kernel], "stride": [stride, stride], "padding": vec![padding; 4], "dilation": [1, 1],
            "ceil_mode": ceil,
        });
        self.push("max_pool2d", &[x], fields)
    }

    pub fn avg_pool(&mut self, x: Id, [kernel, stride, padding]: [usize; 3]) -> Id {
        let fields = json!({
            "kernel": [kernel, kernel], "stride": [stride, stride], "padding": vec![padding; 4],
            "ceil_mode": false, "count_include_pad": false,
        });
        self.push("avg_pool2d", &[x], fields)
    }

    pub fn adaptive(&mut self, x: Id, output: [usize; 2]) -> Id {
        self.push("adaptive_avg_pool2d", &[x], json!({ "output": output }))
    }

    /// The average over all pixels, as a vector.
    pub fn global(&mut self, x: Id) -> Id {
        let mean = self.adaptive(x, [1, 1]);
        self.plain("flatten", &[mean])
    }

    pub fn linear(&mut self, x: Id, out: usize) -> Id {
        let Shape { c, h, w, .. } = self.shape(x);
        self.push("linear", &[x], json!({ "in_features": c * h * w, "out_features": out, "bias": true }))
    }

    /// Weights for each node that has some. Most of them are positive, and an output's sizes sum to 1.25, so that numbers
    /// neither cancel down to their rounding errors nor grow; every sixth output is turned around, for the relus.
    pub fn weights(&self, random: &mut Random) -> Vec<Option<Weights>> {
        let graph = self.graph();
        graph.nodes.iter().map(|node| weights(&node.op, random)).collect()
    }

    pub fn numbers(&self, random: &mut Random) -> Vec<f32> {
        random.floats(self.input.iter().product(), -1.0, 1.0)
    }
}

/// A JSON object with some fields replaced or added.
pub fn with(mut object: Value, change: Value) -> Value {
    let change = change.as_object().expect("fields").clone();
    object.as_object_mut().expect("an object").extend(change);
    object
}

/// A layer's weights as `weights::load` takes them: several arrays lie one behind the other.
pub struct Weights {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

fn weights(op: &Op, random: &mut Random) -> Option<Weights> {
    let (depth, outputs, bias) = match *op {
        Op::Conv2d { in_channels, out_channels, groups, kernel: [kh, kw], bias, .. } => {
            (in_channels / groups * kh * kw, out_channels, bias)
        }
        Op::Linear { in_features, out_features, bias, .. } => (in_features, out_features, bias),
        _ => return arrays(op, random).map(|weight| Weights { weight, bias: None }),
    };
    let mut weight = random.floats(depth * outputs, -0.25, 1.0);
    for (output, row) in weight.chunks_exact_mut(depth).enumerate() {
        let size: f32 = row.iter().map(|w| w.abs()).sum();
        let scale = if output % 6 == 5 { -1.25 } else { 1.25 } / size.max(0.01);
        row.iter_mut().for_each(|w| *w *= scale);
    }
    Some(Weights { weight, bias: bias.then(|| random.floats(outputs, -0.2, 0.2)) })
}

/// The arrays of what has some numbers for each channel.
fn arrays(op: &Op, random: &mut Random) -> Option<Vec<f32>> {
    let (channels, ranges): (usize, &[[f32; 2]]) = match *op {
        Op::BatchNorm2d { channels, affine: true, .. } => {
            (channels, &[[0.7, 1.1], [-0.2, 0.2], [-0.3, 0.3], [0.8, 1.5]])
        }
        Op::BatchNorm2d { channels, .. } => (channels, &[[-0.3, 0.3], [0.8, 1.5]]),
        Op::LayerNorm2d { channels, .. } => (channels, &[[0.5, 1.2], [-0.2, 0.2]]),
        Op::LayerScale { channels } => (channels, &[[-0.5, 1.2]]),
        Op::Prelu { channels } => (channels, &[[-0.2, 0.5]]),
        _ => return None,
    };
    Some(ranges.iter().flat_map(|&[least, most]| random.floats(channels, least, most)).collect())
}
