//! shape: the size of every map, for one input size.

use crate::error::{Code, Error, Result};
use crate::graph::{Graph, Node};

/// Floats that a plan's maps may have together, and so each of them: addresses are 32 bits in WebAssembly, and weights
/// want room too.
pub const MOST: u64 = 1 << 29;

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
pub fn infer(graph: &Graph, [n, c, h, w]: [usize; 4]) -> Result<Vec<Shape>> {
    let mut shapes: Vec<Shape> = Vec::with_capacity(graph.nodes.len());
    for (id, node) in graph.nodes.iter().enumerate() {
        let bad = |message: String| Error::new(Code::BadShape, message).at(node.path());
        let input = node.inputs().first().map(|&i| shapes[i]);
        let shape = match (node, input) {
            (Node::Input { channels }, _) => {
                if c != *channels {
                    return Err(Error::new(
                        Code::BadShape,
                        format!("the network reads {channels} channels, not {c}"),
                    ));
                }
                if [n, h, w].contains(&0) {
                    return Err(Error::new(Code::BadShape, format!("the input {:?} is empty", [n, c, h, w])));
                }
                Shape::map(n, c, h, w)
            }
            (_, None) => return Err(bad("a layer reads nothing".into())),
            (Node::Linear { in_features, out_features, .. }, Some(x)) => {
                let features = x.c * x.h * x.w;
                if !x.flat {
                    return Err(bad(format!("a linear layer reads flat features, not a map {:?}", x.dims())));
                }
                if features != *in_features {
                    return Err(bad(format!("expects {in_features} features, got {features}")));
                }
                Shape { c: *out_features, h: 1, w: 1, ..x }
            }
            (Node::Flatten { .. }, Some(x)) if graph.flatten_is_free(id) => Shape { flat: true, ..x },
            (Node::Flatten { .. }, Some(x)) => Shape { c: x.c * x.h * x.w, h: 1, w: 1, flat: true, n: x.n },
            (Node::Relu { .. } | Node::Softmax { .. }, Some(x)) => x,
            (Node::Concat { inputs, .. }, Some(x)) => {
                for other in inputs.iter().map(|&i| shapes[i]) {
                    if (Shape { c: x.c, ..other }) != x {
                        return Err(bad(format!("cannot join {:?} and {:?}", x.dims(), other.dims())));
                    }
                }
                let channels: u64 = inputs.iter().map(|&i| shapes[i].c as u64).sum();
                Shape { c: usize::try_from(channels).unwrap_or(usize::MAX), ..x }
            }
            (Node::Conv2d { .. } | Node::MaxPool2d { .. } | Node::AvgPool2d { .. }, Some(x)) => {
                if x.flat {
                    return Err(bad(format!("reads a map, not flat features {:?}", x.dims())));
                }
                let conv = node.conv2d();
                if let Some(conv) = conv.as_ref().filter(|conv| conv.in_channels != x.c) {
                    return Err(bad(format!("expects {} channels, got {}", conv.in_channels, x.c)));
                }
                let windows = node.windows().or(conv.as_ref().map(|conv| [conv.window(0), conv.window(1)]));
                let [v, s] = windows.expect("convolutions and poolings have windows");
                match (v.count(x.h), s.count(x.w)) {
                    (Some(h), Some(w)) => Shape { c: conv.map_or(x.c, |conv| conv.out_channels), h, w, ..x },
                    _ => {
                        return Err(bad(format!(
                            "a window of {} x {} does not fit its input of {} x {}: the network's input of {h} x {w} is too small",
                            v.reach(),
                            s.reach(),
                            x.h,
                            x.w
                        )));
                    }
                }
            }
            (Node::AdaptiveAvgPool2d { output: [h, w], .. }, Some(x)) => {
                if x.flat {
                    return Err(bad(format!("reads a map, not flat features {:?}", x.dims())));
                }
                Shape { h: *h, w: *w, ..x }
            }
        };
        if !shape.fits() {
            let Shape { n, c, h, w, .. } = shape;
            let message = format!(
                "a map of {:?} needs more memory than there can be: use a smaller input",
                [n, c, h, w]
            );
            return Err(Error::new(Code::TooLarge, message).at(node.path()));
        }
        shapes.push(shape);
    }
    Ok(shapes)
}
