//! shape: the size of every map, for one input size.

use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Node, Op};
use kernels::pad2d::Pad2d;

/// Floats that a plan's maps may have together, and so each of them: addresses are 32 bits in WebAssembly, and weights
/// want room too.
pub const MOST: u64 = 1 << 29;

/// Channels that one number for all of them can be for: it is packed before a flattened map's are known.
pub const MOST_FEATURES: usize = 1 << 16;

/// A batch of maps; `flat` ones are vectors of c * h * w features to PyTorch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub n: usize,
    pub c: usize,
    pub h: usize,
    pub w: usize,
    pub flat: bool,
}

impl Shape {
    pub fn map(n: usize, c: usize, h: usize, w: usize) -> Self {
        Shape { n, c, h, w, flat: false }
    }

    pub fn len(&self) -> usize {
        self.n * self.c * self.h * self.w
    }

    /// Whether it has fewer than `MOST` floats; until that is known, `len` may overflow.
    fn fits(&self) -> bool {
        let Shape { n, c, h, w, .. } = *self;
        let len = [n, c, h, w].iter().try_fold(1u64, |len, &side| len.checked_mul(side as u64));
        len.is_some_and(|len| len < MOST)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dimensions as PyTorch has them.
    pub fn dims(&self) -> Vec<usize> {
        if self.flat { vec![self.n, self.c * self.h * self.w] } else { vec![self.n, self.c, self.h, self.w] }
    }
}

/// The shape of each node, for an input of [n, c, h, w].
pub fn infer(graph: &Graph, input: [usize; 4]) -> Result<Vec<Shape>> {
    infer_needed(graph, input, &vec![true; graph.nodes.len()])
}

/// The shape of each node that is needed; the others, which may not fit (an auxiliary head on a small input), are left empty.
pub fn infer_needed(graph: &Graph, input: [usize; 4], needed: &[bool]) -> Result<Vec<Shape>> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        if !needed[id] {
            shapes.push(Shape::map(0, 0, 0, 0));
            continue;
        }
        let inputs: Vec<Shape> = node.inputs.iter().map(|&i| shapes[i]).collect();
        let shape = match node.op {
            Op::Input { channels } => of_input(channels, input),
            Op::Flatten if graph.flatten_is_free(id) => Ok(Shape { flat: true, ..inputs[0] }),
            _ => of_node(node, &inputs, input).map_err(|e| Error::new(Code::BadShape, e).at(&node.path)),
        }?;
        if !shape.fits() {
            let Shape { n, c, h, w, .. } = shape;
            let message = format!(
                "a map of {:?} needs more memory than there can be: use a smaller input",
                [n, c, h, w]
            );
            return Err(Error::new(Code::TooLarge, message).at(&node.path));
        }
        shapes.push(shape);
    }
    Ok(shapes)
}

fn of_input(channels: usize, [n, c, h, w]: [usize; 4]) -> Result<Shape> {
    let bad = |message: String| Err(Error::new(Code::BadShape, message));
    if c != channels {
        return bad(format!("the network reads {channels} channels, not {c}"));
    }
    if [n, h, w].contains(&0) {
        return bad(format!("the input {:?} is empty", [n, c, h, w]));
    }
    Ok(Shape::map(n, c, h, w))
}

/// The shape that an operator gives for these inputs, or why it gives none.
fn of_node(node: &Node, inputs: &[Shape], [_, _, h, w]: [usize; 4]) -> std::result::Result<Shape, String> {
    let x = *inputs.first().ok_or("a layer reads nothing")?;
    let map = || match x.flat {
        true => Err(format!("reads a map, not flat features {:?}", x.dims())),
        false => Ok(x),
    };
    let channels = |wanted: usize| match x.c == wanted {
        true => Ok(x),
        false => Err(format!("expects {wanted} channels, got {}", x.c)),
    };
    let one_for_all = || match x.c <= MOST_FEATURES {
        true => Ok(x),
        false => Err(format!("one number serves at most {MOST_FEATURES} channels, not {}", x.c)),
    };
    match node.op {
        Op::Input { .. } => unreachable!("only node 0 is the input"),
        Op::Linear { in_features, out_features, .. } => {
            let features = x.c * x.h * x.w;
            if !x.flat {
                return Err(format!("a linear layer reads flat features, not a map {:?}", x.dims()));
            }
            if features != in_features {
                return Err(format!("expects {in_features} features, got {features}"));
            }
            Ok(Shape { c: out_features, h: 1, w: 1, ..x })
        }
        Op::Flatten => Ok(Shape { c: x.c * x.h * x.w, h: 1, w: 1, flat: true, n: x.n }),
        Op::Activation { .. } | Op::Softmax | Op::LogSoftmax => Ok(x),
        Op::LocalResponseNorm { .. } => Ok(x),
        Op::Prelu { channels: 1 } => one_for_all(),
        Op::Prelu { channels: c }
        | Op::BatchNorm2d { channels: c, .. }
        | Op::LayerScale { channels: c }
        | Op::LayerNorm2d { channels: c, .. } => channels(c),
        Op::Affine { ref scale, .. } if scale.len() == 1 => one_for_all(),
        Op::Affine { ref scale, .. } => channels(scale.len()),
        Op::Add | Op::Mul => {
            let scales = matches!(node.op, Op::Mul).then_some(Shape { h: 1, w: 1, ..x });
            match inputs[1..].iter().find(|&&other| other != x && Some(other) != scales) {
                None => Ok(x),
                Some(other) => Err(format!("cannot combine {:?} and {:?}", x.dims(), other.dims())),
            }
        }
        Op::Concat => {
            if let Some(other) = inputs.iter().find(|&&other| Shape { c: x.c, ..other } != x) {
                return Err(format!("cannot join {:?} and {:?}", x.dims(), other.dims()));
            }
            let channels: u64 = inputs.iter().map(|input| input.c as u64).sum();
            Ok(Shape { c: usize::try_from(channels).unwrap_or(usize::MAX), ..x })
        }
        Op::Slice { start, end } if end <= x.c => Ok(Shape { c: end - start, ..map()? }),
        Op::Slice { start, end } => Err(format!("has no channels {start} to {end}: there are {}", x.c)),
        Op::Pad2d { padding } => match (Pad2d { padding }).output(map()?.h, x.w) {
            Some([h, w]) => Ok(Shape { h, w, ..x }),
            None => Err(format!("nothing is left of {} x {}", x.h, x.w)),
        },
        Op::PadChannels { before, after } => Ok(Shape { c: x.c + before + after, ..map()? }),
        Op::ChannelShuffle { groups } if x.c % groups == 0 => map(),
        Op::ChannelShuffle { groups } => Err(format!("{groups} groups do not divide {} channels", x.c)),
        Op::AdaptiveAvgPool2d { output: [h, w] } | Op::AdaptiveMaxPool2d { output: [h, w] } => {
            Ok(Shape { h, w, ..map()? })
        }
        Op::Conv2d { in_channels, .. } if channels(in_channels).is_err() => channels(in_channels),
        Op::Conv2d { .. } | Op::MaxPool2d { .. } | Op::AvgPool2d { .. } => {
            let x = map()?;
            let [v, s] = node.windows([x.h, x.w]).expect("convolutions and poolings have windows");
            let c = if let Op::Conv2d { out_channels, .. } = node.op { out_channels } else { x.c };
            match (v.count(x.h), s.count(x.w)) {
                (Some(h), Some(w)) => Ok(Shape { c, h, w, ..x }),
                _ => Err(format!(
                    "a window of {} x {} does not fit its input of {} x {}: the network's input of {h} x {w} is too small",
                    v.reach(),
                    s.reach(),
                    x.h,
                    x.w
                )),
            }
        }
    }
}
