//! What plans compute, against the interpreter.

use super::build::{Net, Random, Weights};
use super::engine::{pack, run_in, same_bits, tiles};
use super::interpreter::{Value, interpret};
use super::nets::named;
use super::random::random_net;
use super::smallest::smallest;
use crate::cpu;
use crate::graph::Id;
use crate::plan::plan;
use crate::weights::Packed;
use kernels::par::Team;
use serde_json::json;
use std::sync::Arc;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// Random nets of a run: fewer where they are interpreted as wasm, and few by Miri.
const NETS: usize = match (cfg!(miri), cfg!(target_arch = "wasm32")) {
    (true, _) => 16,
    (_, true) => 300,
    _ => 2500,
};

pub fn assert_close(what: impl Fn() -> String, dims: &[usize], got: &[f32], want: &Value) {
    assert_eq!(dims, want.dims, "{}", what());
    assert_eq!(got.len(), want.numbers.len(), "{}", what());
    for (i, (&got, &y)) in got.iter().zip(&want.numbers).enumerate() {
        let off = (got as f64 - y as f64).abs();
        assert!(off <= want.error, "{}: number {i} is {got}, not {y} to within {:e}", what(), want.error);
    }
}

/// A net with its weights, packed for an engine, and an input with what it gives.
struct Case {
    name: &'static str,
    net: Net,
    given: Vec<Option<Weights>>,
    winograd: bool,
    size: [usize; 2],
    packed: Vec<Option<Arc<Packed>>>,
    x: Vec<f32>,
    values: Vec<Value>,
}

impl Case {
    fn new(name: &'static str, net: Net, winograd: bool, random: &mut Random) -> Self {
        let [_, _, h, w] = net.input;
        // A model may run on other sizes than its algorithms were chosen for.
        let size = if random.coin() { [h, w] } else { random.several(1, 40) };
        Self::packed_for(size, name, net, winograd, random)
    }

    fn packed_for(
        size: [usize; 2],
        name: &'static str,
        net: Net,
        winograd: bool,
        random: &mut Random,
    ) -> Self {
        let given = net.weights(random);
        let packed = pack(&net, &given, winograd, size, None);
        let x = net.numbers(random);
        let values = interpret(&net.graph(), &given, &tiles(&packed), net.input, &x);
        Case { name, net, given, winograd, size, packed, x, values }
    }

    /// Runs a plan for these outputs, and gives what it computes if that is what the interpreter does.
    fn check(&self, outputs: &[Id], random: &mut Random) -> Vec<Vec<f32>> {
        let weights = cpu::Weights { packed: &self.packed, height: 4 };
        let plan = plan(&self.net.graph(), weights, self.net.input, outputs, 1).expect("a plan");
        let poison = if random.coin() { f32::NAN } else { f32::INFINITY };
        let got = run_in(poison, &plan, weights, &self.x, &Team::new(0));
        for ((numbers, out), &id) in got.iter().zip(&plan.outputs).zip(outputs) {
            let what = || {
                let Case { name, winograd, size, .. } = self;
                format!("{name}, {winograd} {size:?}: {outputs:?}: node {id} of {}", self.net.json())
            };
            assert_close(what, &out.dims, numbers, &self.values[id]);
        }
        got
    }

    fn all(&self) -> Vec<Id> {
        (0..self.values.len()).collect()
    }

    fn last(&self) -> Id {
        self.values.len() - 1
    }

    /// The node by its algorithm.
    fn has(&self, algorithm: impl Fn(&Packed) -> bool) -> bool {
        self.packed.iter().flatten().any(|packed| algorithm(packed))
    }
}

/// A bound that says little would let a wrong result pass.
fn is_sharp(value: &Value) -> bool {
    value.error <= 0.01 * value.numbers.iter().fold(0.0f32, |max, x| x.abs().max(max)) as f64
}

#[track_caller]
fn assert_most(sharp: &[bool]) {
    let count = sharp.iter().filter(|&&is_sharp| is_sharp).count();
    assert!(count * 20 > sharp.len() * 19, "only {count} of {} bounds say much", sharp.len());
}

#[test]
fn nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    let mut sharp = Vec::new();
    for winograd in [false, true] {
        for (name, net) in named() {
            let case = Case::new(name, net, winograd, random);
            sharp.extend(case.values.iter().map(is_sharp));
            let (all, last) = (case.all(), case.last());
            case.check(&[last], random);
            case.check(&all, random);
            case.check(&[last, 2, 0, 2], random);
            for &id in &all {
                case.check(&[id], random);
            }
        }
    }
    assert_most(&sharp);
}

#[test]
fn random_nets_give_what_their_layers_say() {
    let random = &mut Random::new();
    let (mut sharp, mut winograd, mut grouped) = (Vec::new(), 0, 0);
    for _ in 0..NETS {
        let net = random_net(random);
        let allows_winograd = random.within(0, 3) > 0;
        let case = Case::new("random", net, allows_winograd, random);
        sharp.extend(case.values.iter().map(is_sharp));
        winograd += usize::from(case.has(|packed| matches!(packed, Packed::Winograd(_))));
        grouped += usize::from(case.has(|packed| matches!(packed, Packed::Grouped(_))));
        let last = case.last();
        let some: Vec<Id> = (0..random.within(1, 4)).map(|_| random.within(0, last)).collect();
        case.check(&some, random);
        case.check(&case.all(), random);
        let want = case.check(&[last], random);

        // Neither the pieces that weights come in nor the tile's height change a bit.
        let packed = pack(&case.net, &case.given, case.winograd, case.size, Some(random));
        let weights = cpu::Weights { packed: &packed, height: 6 };
        let plan = plan(&case.net.graph(), weights, case.net.input, &[last], 1).expect("a plan");
        let got = run_in(f32::NAN, &plan, weights, &case.x, &Team::new(0));
        assert!(same_bits(&got, &want), "pieces or the height of tiles change {}", case.net.json());
    }
    assert_most(&sharp);
    let are_many = winograd * 20 > NETS && grouped * 20 > NETS;
    assert!(cfg!(miri) || are_many, "{winograd} and {grouped} of {NETS}");
}

/// Every operator once, over two images of which the first steps take one after the other: few enough for Miri.
#[test]
fn every_operator_gives_what_it_says() {
    let random = &mut Random::new();
    for (name, net) in smallest() {
        let case = Case::packed_for([24, 24], name, net, true, random);
        for is_there in [
            case.has(|packed| matches!(packed, Packed::Direct(_))),
            case.has(|packed| matches!(packed, Packed::Grouped(_))),
            case.has(|packed| matches!(packed, Packed::Winograd(_))),
        ] {
            assert_eq!(is_there, name == "sums");
        }
        case.check(&[case.last()], random);
        case.check(&case.all(), random);
    }
}

#[test]
fn a_requested_flatten_keeps_the_raw_map() {
    // The flatten is the convolution's own map under another shape, so the relu must not replace it.
    let random = &mut Random::new();
    let mut net = Net::new([1, 2, 4, 4]);
    let conv = net.conv(0, 3, [3, 1, 1]);
    let relu = net.relu(conv);
    let flat = net.plain("flatten", &[conv]);
    let case = Case::new("flatten", net, true, random);
    case.check(&[relu, flat], random);
    case.check(&[flat], random);
}

#[test]
fn a_requested_slice_keeps_the_raw_map() {
    let random = &mut Random::new();
    let mut net = Net::new([2, 2, 4, 4]);
    let conv = net.conv(0, 4, [1, 1, 0]);
    let slice = net.push("slice", &[conv], json!({ "start": 1, "end": 3 }));
    let relu = net.relu(conv);
    let sum = net.plain("add", &[relu, conv]);
    let case = Case::new("slice", net, true, random);
    case.check(&[relu, slice], random);
    case.check(&[sum, slice], random);
    case.check(&[slice], random);
}

#[test]
fn flattened_maps_are_joined_image_by_image() {
    let random = &mut Random::new();
    let mut net = Net::new([3, 2, 3, 2]);
    let a = net.plain("flatten", &[0]);
    let relu = net.relu(0);
    let b = net.plain("flatten", &[relu]);
    let joined = net.plain("concat", &[a, b]);
    Case::new("joined", net, true, random).check(&[joined], random);
}

/// One number for all channels, where the number of channels is known only with the input's size.
#[test]
fn one_number_serves_all_features() {
    let random = &mut Random::new();
    let [h, w] = if cfg!(miri) { [3, 5] } else { [21, 37] };
    let mut net = Net::new([2, 3, h, w]);
    let flat = net.plain("flatten", &[0]);
    let scaled = net.push("affine", &[flat], json!({ "scale": [0.5], "shift": [0.25] }));
    net.push("prelu", &[scaled], json!({ "channels": 1 }));
    let case = Case::new("flat", net, true, random);
    case.check(&[2], random);
    case.check(&[3], random);
}
