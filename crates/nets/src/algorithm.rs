//! algorithm: by which algorithm each convolution is computed, decided once, before its weights come.

use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Node, Op};
use crate::weights::Packed;
use kernels::conv2d::winograd::{self, Tile, Winograd};
use kernels::conv2d::{self, Conv2d, grouped};
use kernels::simd::Best;
use kernels::storage::Storage;
use std::collections::BTreeMap;

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Direct,
    Grouped,
    Winograd(Tile),
}

/// Algorithms by convolution, as `key` writes one: what a measurement found, for the next time.
pub type Tuning = BTreeMap<String, String>;

/// A tuning from its JSON; an empty one where there is none.
pub fn tuning(json: Option<&str>) -> Result<Tuning> {
    let parsed = json.map(serde_json::from_str).transpose();
    let not_one = |e| Error::new(Code::BadOption, format!("the tuning is not what a tuned model gives: {e}"));
    Ok(parsed.map_err(not_one)?.unwrap_or_default())
}

/// Bytes that transformed weights may have together with all others; above that, Winograd's algorithms are given up where
/// their weights are largest.
const ROOM: u64 = 2 << 30;
/// Bytes that the weights may have: WebAssembly's memory less some room for maps.
const MOST: u64 = (4 << 30) - (128 << 20);

impl Algorithm {
    pub fn name(self) -> String {
        match self {
            Algorithm::Direct => "direct".into(),
            Algorithm::Grouped => "grouped".into(),
            Algorithm::Winograd(Tile([rows, columns])) => format!("winograd {rows} x {columns}"),
        }
    }

    /// Room for the weights. `None` where there is no memory.
    pub fn zeros(self, spec: &Conv2d, storage: Storage) -> Option<Packed> {
        match self {
            Algorithm::Direct => conv2d::zeros::<Best>(spec, storage).map(Packed::Direct),
            Algorithm::Grouped => grouped::Weights::zeros::<Best>(spec).map(Packed::Grouped),
            Algorithm::Winograd(tile) => {
                Winograd::zeros::<Best>(spec, tile).map(Box::new).map(Packed::Winograd)
            }
        }
    }

    /// Bytes of the weights: panels are filled up to less than 16 columns more.
    fn bytes(self, spec: &Conv2d, storage: Storage) -> u64 {
        let columns = (spec.groups * (spec.out_channels / spec.groups).next_multiple_of(16)) as u64;
        // Beyond 64 bits is far too many all the same.
        let depth = match self {
            Algorithm::Winograd(tile) => Winograd::floats(spec, tile),
            _ => spec.kernel.iter().fold((spec.in_channels / spec.groups) as u64, |depth, &side| {
                depth.saturating_mul(side as u64)
            }),
        };
        let each = if self == Algorithm::Direct { storage.bytes() as u64 } else { 4 };
        depth.saturating_mul(each * columns)
    }

    /// All that could compute a convolution, the plainest first. Who keeps weights narrow wants memory, of which transformed
    /// ones take four times as much as the others.
    pub fn candidates(spec: &Conv2d, storage: Storage) -> Vec<Algorithm> {
        if grouped::fits::<Best>(spec) {
            return vec![Algorithm::Grouped];
        }
        let tiles = if storage == Storage::Float32 { winograd::tiles(spec) } else { &[] };
        [Algorithm::Direct].into_iter().chain(tiles.iter().copied().map(Algorithm::Winograd)).collect()
    }

    fn default(spec: &Conv2d, [h, w]: [usize; 2]) -> Algorithm {
        if grouped::fits::<Best>(spec) {
            return Algorithm::Grouped;
        }
        winograd::choose(spec, h, w).map_or(Algorithm::Direct, Algorithm::Winograd)
    }
}

/// What a tuning knows a convolution by: two with the same key take the same time.
pub fn key(spec: &Conv2d, [h, w]: [usize; 2]) -> String {
    let Conv2d { in_channels, out_channels, kernel: [kh, kw], stride, padding, dilation, groups } = spec;
    let numbers = format!("stride {stride:?} padding {padding:?} dilation {dilation:?} groups {groups}");
    format!("{in_channels} x {h} x {w} to {out_channels}, {kh} x {kw}, {numbers}")
}

/// The algorithm of each node that is a convolution; `sizes` are those of what the nodes read. Refuses a network whose weights
/// cannot be held.
pub fn choose(
    graph: &Graph,
    sizes: &[[usize; 2]],
    winograd: bool,
    tuning: &Tuning,
) -> Result<Vec<Option<Algorithm>>> {
    let mut algorithms = Vec::with_capacity(graph.nodes.len());
    for (node, &size) in graph.nodes.iter().zip(sizes) {
        let algorithm = node.conv2d(size).map(|spec| one(node, &spec, size, winograd, tuning));
        algorithms.push(algorithm.transpose()?);
    }
    let mut bytes = bytes(graph, sizes, &algorithms);
    while bytes > ROOM {
        let specs = graph.nodes.iter().zip(sizes).map(|(node, &size)| node.conv2d(size));
        let transformed = specs.zip(&mut algorithms).filter_map(|(spec, algorithm)| match algorithm {
            Some(Algorithm::Winograd(_)) => spec.map(|spec| (spec, algorithm)),
            _ => None,
        });
        let Some((spec, Some(algorithm))) = transformed
            .max_by_key(|(spec, algorithm)| algorithm.map_or(0, |a| a.bytes(spec, Storage::Float32)))
        else {
            break;
        };
        bytes -= algorithm.bytes(&spec, Storage::Float32);
        *algorithm = Algorithm::Direct;
        bytes += algorithm.bytes(&spec, Storage::Float32);
    }
    if bytes > MOST {
        let message = format!(
            "the network's weights need {} MiB, and WebAssembly's memory holds {} MiB of them at most",
            bytes >> 20,
            MOST >> 20
        );
        return Err(Error::new(Code::TooLarge, message));
    }
    Ok(algorithms)
}

/// Bytes that all weights of a network take, packed for these algorithms.
pub fn bytes(graph: &Graph, sizes: &[[usize; 2]], algorithms: &[Option<Algorithm>]) -> u64 {
    let each = graph.nodes.iter().zip(sizes).zip(algorithms).map(|((node, &size), algorithm)| {
        match (node.conv2d(size), algorithm) {
            (Some(spec), Some(algorithm)) => algorithm.bytes(&spec, node.storage()),
            _ => of_linear(node),
        }
    });
    each.fold(0, u64::saturating_add)
}

fn one(node: &Node, spec: &Conv2d, size: [usize; 2], winograd: bool, tuning: &Tuning) -> Result<Algorithm> {
    let storage = node.storage();
    let found = match tuning.get(&key(spec, size)) {
        None => Algorithm::default(spec, size),
        Some(name) => {
            let candidates = Algorithm::candidates(spec, Storage::Float32);
            *candidates.iter().find(|candidate| candidate.name() == *name).ok_or_else(|| {
                let message = format!("the tuning has {name:?}, which cannot compute this convolution");
                Error::new(Code::BadOption, message).at(&node.path)
            })?
        }
    };
    Ok(match found {
        Algorithm::Winograd(_) if !winograd || storage != Storage::Float32 => Algorithm::Direct,
        found => found,
    })
}

fn of_linear(node: &Node) -> u64 {
    match node.op {
        Op::Linear { in_features, out_features, storage, .. } => {
            (storage.bytes() * in_features) as u64 * out_features.next_multiple_of(16) as u64
        }
        _ => 0,
    }
}
