//! Networks for the tests: by hand, like those of the zoo but thinner, and at random.

use crate::graph::{Graph, Id, Node};
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
    nodes: Vec<Value>,
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

    pub fn shape(&self, id: Id) -> Shape {
        infer(&self.graph(), self.input).expect("layers that fit")[id]
    }

    pub fn push(&mut self, op: &str, inputs: &[Id], fields: Value) -> Id {
        let id = self.nodes.len();
        let mut node = json!({ "op": op, "inputs": inputs, "path": format!("n{id}") });
        let fields = fields.as_object().expect("fields").clone();
        node.as_object_mut().expect("an object").extend(fields);
        self.nodes.push(node);
        id
    }

    /// A plain layer: relu, softmax, flatten or concat.
    pub fn plain(&mut self, op: &str, inputs: &[Id]) -> Id {
        self.push(op, inputs, json!({}))
    }

    /// A square convolution.
    pub fn conv(&mut self, x: Id, out: usize, [kernel, stride, padding]: [usize; 3]) -> Id {
        let fields = json!({
            "in_channels": self.shape(x).c, "out_channels": out, "kernel": [kernel, kernel],
            "stride": [stride, stride], "padding": vec![padding; 4], "dilation": [1, 1], "groups": 1, "bias": true,
        });
        self.push("conv2d", &[x], fields)
    }

    /// A square convolution and a relu.
    pub fn conv_relu(&mut self, x: Id, out: usize, window: [usize; 3]) -> Id {
        let conv = self.conv(x, out, window);
        self.plain("relu", &[conv])
    }

    pub fn max_pool(&mut self, x: Id, [kernel, stride, padding]: [usize; 3], ceil: bool) -> Id {
        let fields = json!({
            "kernel": [kernel, kernel], "stride": [stride, stride], "padding": vec![padding; 4], "dilation": [1, 1],
            "ceil_mode": ceil,
        });
        self.push("max_pool2d", &[x], fields)
    }

    pub fn adaptive(&mut self, x: Id, output: [usize; 2]) -> Id {
        self.push("adaptive_avg_pool2d", &[x], json!({ "output": output }))
    }

    pub fn linear(&mut self, x: Id, out: usize) -> Id {
        let Shape { c, h, w, .. } = self.shape(x);
        self.push("linear", &[x], json!({ "in_features": c * h * w, "out_features": out, "bias": true }))
    }

    /// SqueezeNet's module: both expansions read the squeeze, and are joined.
    fn fire(&mut self, x: Id, squeeze: usize, expand: usize) -> Id {
        let squeezed = self.conv_relu(x, squeeze, [1, 1, 0]);
        let left = self.conv_relu(squeezed, expand, [1, 1, 0]);
        let right = self.conv_relu(squeezed, expand, [3, 1, 1]);
        self.plain("concat", &[left, right])
    }

    /// Weights for each node that has some. Most of them are positive, and an output's sizes sum to 1.25, so that numbers
    /// neither cancel down to their rounding errors nor grow; every sixth output is turned around, for the relus.
    pub fn weights(&self, random: &mut Random) -> Vec<Option<Weights>> {
        let graph = self.graph();
        let weights = graph.nodes.iter().map(|node| {
            let (depth, outputs, bias) = match node {
                Node::Conv2d { bias, .. } => {
                    let spec = node.conv2d().expect("a conv2d");
                    (spec.depth(), spec.out_channels, *bias)
                }
                Node::Linear { in_features, out_features, bias, .. } => (*in_features, *out_features, *bias),
                _ => return None,
            };
            let mut weight = random.floats(depth * outputs, -0.25, 1.0);
            for (output, row) in weight.chunks_exact_mut(depth).enumerate() {
                let size: f32 = row.iter().map(|w| w.abs()).sum();
                let scale = if output % 6 == 5 { -1.25 } else { 1.25 } / size.max(0.01);
                row.iter_mut().for_each(|w| *w *= scale);
            }
            Some(Weights { weight, bias: bias.then(|| random.floats(outputs, -0.2, 0.2)) })
        });
        weights.collect()
    }

    pub fn numbers(&self, random: &mut Random) -> Vec<f32> {
        random.floats(self.input.iter().product(), -1.0, 1.0)
    }
}

/// A layer's weights as a checkpoint has them.
pub struct Weights {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

pub fn lenet5() -> Net {
    let mut net = Net::new([2, 1, 28, 28]);
    let mut x = net.conv_relu(0, 6, [5, 1, 2]);
    x = net.max_pool(x, [2, 2, 0], false);
    x = net.conv_relu(x, 16, [5, 1, 0]);
    x = net.max_pool(x, [2, 2, 0], false);
    x = net.plain("flatten", &[x]);
    for out in [120, 84] {
        x = net.linear(x, out);
        x = net.plain("relu", &[x]);
    }
    net.linear(x, 10);
    net
}

pub fn alexnet() -> Net {
    let mut net = Net::new([1, 3, 79, 95]);
    let mut x = net.conv_relu(0, 8, [11, 4, 2]);
    x = net.max_pool(x, [3, 2, 0], false);
    x = net.conv_relu(x, 24, [5, 1, 2]);
    x = net.max_pool(x, [3, 2, 0], false);
    for out in [48, 32, 32] {
        x = net.conv_relu(x, out, [3, 1, 1]);
    }
    x = net.adaptive(x, [6, 6]);
    x = net.plain("flatten", &[x]);
    for out in [64, 50] {
        x = net.linear(x, out);
        x = net.plain("relu", &[x]);
    }
    net.linear(x, 30);
    net
}

pub fn squeezenet() -> Net {
    let mut net = Net::new([1, 3, 63, 58]);
    let mut x = net.conv_relu(0, 8, [3, 2, 0]);
    for fires in [&[(4, 8), (4, 8)][..], &[(6, 16), (6, 16)], &[(8, 24), (8, 24), (9, 32), (9, 32)]] {
        x = net.max_pool(x, [3, 2, 0], true);
        for &(squeeze, expand) in fires {
            x = net.fire(x, squeeze, expand);
        }
    }
    x = net.conv_relu(x, 30, [1, 1, 0]);
    x = net.adaptive(x, [1, 1]);
    net.plain("flatten", &[x]);
    net
}

/// Joined maps in joined maps, one of them twice, one with a halo inside another's, and a flatten that a softmax reads.
pub fn knots() -> Net {
    let mut net = Net::new([2, 3, 7, 6]);
    let a = net.conv_relu(0, 5, [3, 1, 1]);
    let b = net.conv(0, 4, [1, 1, 0]);
    let twice = net.plain("concat", &[a, a]);
    let mixed = net.plain("concat", &[b, twice, 0, b]);
    let wide = net.conv_relu(mixed, 6, [5, 1, 2]);
    let narrow = net.conv(twice, 3, [1, 1, 0]);
    let all = net.plain("concat", &[mixed, wide, narrow, a]);
    let last = net.conv(all, 5, [3, 2, 1]);
    let flat = net.plain("flatten", &[last]);
    let other = net.plain("flatten", &[narrow]);
    let joined = net.plain("concat", &[flat, other, flat]);
    net.plain("softmax", &[joined]);
    net
}

pub fn named() -> [(&'static str, Net); 4] {
    [("lenet5", lenet5()), ("alexnet", alexnet()), ("squeezenet", squeezenet()), ("knots", knots())]
}

/// A net of some layers that fit, each reading the last one or any earlier.
pub fn random_net(random: &mut Random) -> Net {
    let input = [random.within(1, 3), random.within(1, 5), random.within(3, 10), random.within(3, 10)];
    let mut net = Net::new(input);
    let layers = random.within(3, 14);
    while net.nodes.len() <= layers {
        random_layer(&mut net, random);
        let fits = Graph::parse(&net.json()).is_ok_and(|graph| infer(&graph, input).is_ok());
        if !fits {
            net.nodes.pop();
        }
    }
    net
}

fn random_layer(net: &mut Net, random: &mut Random) {
    let any = |random: &mut Random| random.within(0, net.nodes.len() - 1);
    let x = if random.coin() { net.nodes.len() - 1 } else { any(random) };
    let inputs: Vec<Id> = [x].into_iter().chain((0..random.within(0, 3)).map(|_| any(random))).collect();
    let Shape { c, h, w, .. } = net.shape(x);
    let kernel: [usize; 2] = random.several(1, 3);
    match random.within(0, 11) {
        0..=2 => {
            let groups = if c % 2 == 0 && random.coin() { 2 } else { 1 };
            let fields = json!({
                "in_channels": c, "out_channels": groups * random.within(1, 6), "kernel": kernel,
                "stride": random.several::<2>(1, 2), "padding": random.several::<4>(0, 2),
                "dilation": random.several::<2>(1, 2), "groups": groups, "bias": random.coin(),
            });
            net.push("conv2d", &[x], fields)
        }
        3 => net.plain("relu", &[x]),
        4 => net.plain("softmax", &[x]),
        5 => net.plain("flatten", &[x]),
        6 => net.adaptive(x, random.several(1, 4)),
        7 => {
            let padding = std::array::from_fn::<_, 4, _>(|i| random.within(0, kernel[i % 2] / 2));
            let fields = json!({
                "kernel": kernel, "stride": random.several::<2>(1, 3), "padding": padding, "dilation": [1, 1],
                "ceil_mode": random.coin(),
            });
            net.push("max_pool2d", &[x], fields)
        }
        8 => {
            let padding = std::array::from_fn::<_, 4, _>(|i| random.within(0, kernel[i % 2] / 2));
            let fields = json!({
                "kernel": kernel, "stride": random.several::<2>(1, 3), "padding": padding,
                "ceil_mode": random.coin(), "count_include_pad": random.coin(),
            });
            net.push("avg_pool2d", &[x], fields)
        }
        9 => {
            let fields = json!({
                "in_features": c * h * w, "out_features": random.within(1, 20), "bias": random.coin(),
            });
            net.push("linear", &[x], fields)
        }
        _ => net.plain("concat", &inputs),
    };
}
