//! Where the weights of a network lie on the GPU, and how they come there.

use super::tune;
use crate::algorithm::Tuning;
use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Id, Node, Op};
use crate::weights;
use kernels::conv2d::Conv2d;
use kernels::conv2d::gpu::{self as conv2d, Algorithm, Choice, Cut, PANEL};
use kernels::epilogue::Affine;
use kernels::gpu::{Limits, Upload, pack_affine};
use kernels::linear::Linear;
use kernels::linear::gpu as linear;
use kernels::prelu::gpu as prelu;

/// Bytes that a buffer's parts begin at multiples of.
const ALIGNED: u64 = 256;
/// Bytes from which on a part has a buffer of its own; smaller ones share buffers of at most so many.
const LARGE: u64 = 1 << 20;

/// What a node's weights are to its shader.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Nothing,
    Conv2d(Conv2d, Algorithm),
    /// Over a map of so many channels.
    Linear(Linear, usize),
    /// Scales and shifts of so many channels.
    Affine(usize),
    /// Slopes, likewise.
    Prelu(usize),
}

/// Bytes of a weight buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub buffer: usize,
    pub offset: u64,
    pub size: u64,
}

/// A node's weights on the GPU.
#[derive(Clone, Debug)]
pub struct Entry {
    pub kind: Kind,
    pub parts: Vec<Part>,
    /// How a tuning cuts its products, over one map of so many pixels.
    pub cut: Option<(usize, Cut)>,
}

/// Bytes for a weight buffer.
#[derive(Debug, PartialEq, Eq)]
pub struct Write {
    pub buffer: usize,
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// The weights of all nodes.
#[derive(Clone, Debug)]
pub struct Table {
    pub entries: Vec<Entry>,
    /// Bytes of each buffer.
    pub buffers: Vec<u64>,
}

/// A node's weights while they come, piece by piece.
pub struct Loading {
    node: Id,
    /// Outputs that are there.
    done: usize,
    /// Those of them that do not fill a panel yet.
    rest: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Table {
    /// Finds places for the weights, for maps whose sides are `sizes` where nodes read them.
    pub fn new(
        graph: &Graph,
        sizes: &[[usize; 2]],
        winograd: bool,
        limits: &Limits,
        tuning: &Tuning,
    ) -> Result<Self> {
        let channels = graph.channels();
        let mut table = Table { entries: Vec::new(), buffers: Vec::new() };
        let mut shared = None;
        for (id, node) in graph.nodes.iter().enumerate() {
            if matches!(node.op, Op::Conv2d { .. } | Op::Linear { .. }) {
                weights::check_size(node)?;
            }
            let found = |spec: &Conv2d, size| tune::found(tuning, node, (spec, size), winograd);
            let (kind, cut) = kind(graph, node, channels[id], sizes[id], winograd, limits, found)?;
            let parts = kind.parts(node, limits).into_iter();
            let parts = parts.map(|size| table.place(size, limits, &mut shared)).collect();
            table.entries.push(Entry { kind, parts, cut });
        }
        Ok(table)
    }

    fn place(&mut self, size: u64, limits: &Limits, shared: &mut Option<usize>) -> Part {
        let most = LARGE.min(limits.binding);
        if let Some(buffer) = shared.filter(|_| size < most) {
            let offset = self.buffers[buffer].next_multiple_of(ALIGNED);
            if offset + size <= most {
                self.buffers[buffer] = offset + size;
                return Part { buffer, offset, size };
            }
        }
        self.buffers.push(size);
        let buffer = self.buffers.len() - 1;
        if size < most {
            *shared = Some(buffer);
        }
        Part { buffer, offset: 0, size }
    }

    /// Another graph's, over the same weights: those of the layer of the same path, where they can serve it.
    pub fn view(&self, graph: &Graph, view: &Graph) -> Result<Self> {
        let entry = |node: &Node| {
            if !weights::has(node) && !matches!(node.op, Op::Affine { .. }) {
                return Ok(Entry { kind: Kind::Nothing, parts: vec![], cut: None });
            }
            let same: Vec<_> =
                graph.nodes.iter().zip(&self.entries).filter(|(own, _)| own.path == node.path).collect();
            let is_transformed = |entry: &Entry| matches!(entry.kind, Kind::Conv2d(_, algorithm) if algorithm.is_transformed());
            let serves =
                |own: &Node, entry: &Entry| weights::serves(graph, own, is_transformed(entry), view, node);
            match same.iter().find(|(own, entry)| serves(own, entry)) {
                Some((_, entry)) => Ok(Entry { kind: entry.kind.seen_as(node), ..Entry::clone(entry) }),
                None => Err(weights::not_shared(!same.is_empty()).at(&node.path)),
            }
        };
        let entries = view.nodes.iter().map(entry).collect::<Result<Vec<_>>>()?;
        Ok(Table { entries, buffers: self.buffers.clone() })
    }

    fn writes(&self, node: Id, uploads: Vec<Upload>) -> Vec<Write> {
        let write = |Upload { part, offset, bytes }| {
            let place = self.entries[node].parts[part];
            debug_assert!(offset + bytes.len() as u64 <= place.size);
            Write { buffer: place.buffer, offset: place.offset + offset, bytes }
        };
        uploads.into_iter().map(write).collect()
    }

    /// The constants of a network, which no checkpoint brings.
    pub fn constants(&self, graph: &Graph) -> Vec<Write> {
        let constant = |id: Id| {
            let (Op::Affine { scale, shift }, &Kind::Affine(channels)) =
                (&graph.nodes[id].op, &self.entries[id].kind)
            else {
                return vec![];
            };
            let bytes = pack_affine(channels, |c| (scale[c % scale.len()], shift[c % shift.len()]));
            self.writes(id, vec![Upload { part: 0, offset: 0, bytes }])
        };
        (0..graph.nodes.len()).flat_map(constant).collect()
    }

    /// Packs a piece of a node's weights, those of the outputs from `first` on, as `weights::load` takes them; `loading` is
    /// what the last call left.
    pub fn load(
        &self,
        graph: &Graph,
        limits: &Limits,
        loading: &mut Option<Loading>,
        (id, first): (Id, usize),
        weight: &[f32],
        bias: Option<&[f32]>,
    ) -> Result<Vec<Write>> {
        let node = weights::node(graph, id)?;
        weights::check_size(node)?;
        let before = loading.take().filter(|loading| first > 0 && loading.node == id);
        let done = before.as_ref().map_or(0, |loading| loading.done);
        let count = weights::check_piece(graph, node, [first, done], weight, bias)?;
        let storage = node.storage();
        // No other algorithm keeps weights narrow.
        if let Kind::Conv2d(_, Algorithm::Direct) | Kind::Linear(..) = self.entries[id].kind {
            weights::check_range(node, conv2d::kept(Algorithm::Direct, storage, limits), weight)?;
        }
        let mut now = before.unwrap_or(Loading { node: id, done: 0, rest: vec![], bias: None });
        if first == 0 {
            now.bias = bias.map(<[f32]>::to_vec);
        }
        let [outputs, depth] = weights::rows(node);
        let begin = now.done - now.rest.len() / depth;
        now.done += count;
        let uploads = match &self.entries[id].kind {
            _ if count == 0 => vec![],
            kind @ (Kind::Conv2d(..) | Kind::Linear(..)) => {
                let end = if now.done == outputs { outputs } else { now.done - now.done % PANEL };
                let range = begin..end.max(begin);
                let joined;
                let all = match &now.rest[..] {
                    [] => weight,
                    rest => {
                        joined = [rest, weight].concat();
                        &joined
                    }
                };
                let (ready, rest) = all.split_at(range.len() * depth);
                let (rest, bias) = (rest.to_vec(), if range.is_empty() { None } else { now.bias.take() });
                let uploads = match kind {
                    _ if range.is_empty() => vec![],
                    Kind::Conv2d(spec, algorithm) => {
                        conv2d::pack(spec, *algorithm, storage, limits, range, ready, bias.as_deref())
                    }
                    Kind::Linear(spec, channels) => {
                        linear::pack(spec, *channels, storage, limits, range, ready, bias.as_deref())
                    }
                    _ => unreachable!("one of these"),
                };
                now.rest = rest;
                uploads
            }
            Kind::Affine(channels) => {
                let full =
                    || Error::new(Code::TooLarge, "there is no memory left for its weights").at(&node.path);
                let affine: Affine = weights::affine_of(node, weight).ok_or_else(full)?;
                vec![Upload { part: 0, offset: 0, bytes: pack_affine(*channels, |c| affine.at(c)) }]
            }
            Kind::Prelu(channels) => {
                vec![Upload { part: 0, offset: 0, bytes: prelu::pack(weight, *channels) }]
            }
            Kind::Nothing => unreachable!("checked above"),
        };
        if now.done < outputs {
            *loading = Some(now);
        }
        Ok(self.writes(id, uploads))
    }
}

fn kind(
    graph: &Graph,
    node: &Node,
    channels: Option<usize>,
    size: [usize; 2],
    winograd: bool,
    limits: &Limits,
    found: impl Fn(&Conv2d, [usize; 2]) -> Result<Option<Choice>>,
) -> Result<(Kind, Option<(usize, Cut)>)> {
    let cut = |choice: Option<Choice>, [h, w]: [usize; 2]| Some((h * w, choice?.cut?));
    let kind = match node.op {
        Op::Conv2d { .. } => {
            // Weights do not depend on the size of maps; what a padding to the same size comes to, does.
            let spec = node.conv2d([1, 1]).expect("a conv2d");
            let exact = node.conv2d(size).expect("a conv2d");
            let choice = found(&exact, size)?;
            let counted = || conv2d::choose(&exact, size, node.storage(), winograd, limits);
            let algorithm = choice.map_or_else(counted, |choice| choice.algorithm);
            return Ok((Kind::Conv2d(spec, algorithm), cut(choice, size)));
        }
        Op::Linear { in_features, out_features, .. } => {
            let spec = Linear { in_features, out_features };
            let is_map = graph.flatten_is_free(node.inputs[0]);
            // Other features are the channels of one pixel.
            let channels = graph.channels()[node.inputs[0]].filter(|_| is_map);
            let channels = channels.unwrap_or(in_features);
            let (seen, sides) = linear::as_conv2d(&spec, channels);
            let choice = found(&seen, sides)?;
            return Ok((Kind::Linear(spec, channels), cut(choice, sides)));
        }
        Op::BatchNorm2d { channels, .. } | Op::LayerNorm2d { channels, .. } | Op::LayerScale { channels } => {
            Kind::Affine(channels)
        }
        Op::Affine { ref scale, .. } if scale.len() == 1 => Kind::Affine(weights::shared(channels)),
        Op::Affine { ref scale, .. } => Kind::Affine(scale.len()),
        Op::Prelu { channels: 1 } => Kind::Prelu(weights::shared(channels)),
        Op::Prelu { channels } => Kind::Prelu(channels),
        _ => Kind::Nothing,
    };
    Ok((kind, None))
}

impl Kind {
    /// Bytes of each part of the weights.
    fn parts(&self, node: &Node, limits: &Limits) -> Vec<u64> {
        let storage = node.storage();
        let vec4s = |channels: usize| channels.div_ceil(4) as u64;
        match self {
            Kind::Nothing => vec![],
            Kind::Conv2d(spec, algorithm) => conv2d::parts(spec, *algorithm, storage, limits),
            Kind::Linear(spec, channels) => linear::parts(spec, *channels, storage, limits),
            Kind::Affine(channels) => vec![32 * vec4s(*channels)],
            Kind::Prelu(channels) => vec![16 * vec4s(*channels)],
        }
    }

    /// The same weights for a node that they can serve.
    fn seen_as(&self, node: &Node) -> Kind {
        match (self, node.conv2d([1, 1])) {
            (Kind::Linear(..), Some(spec)) => Kind::Conv2d(spec, Algorithm::Direct),
            (Kind::Conv2d(_, algorithm), Some(spec)) => Kind::Conv2d(spec, *algorithm),
            _ => self.clone(),
        }
    }
}
