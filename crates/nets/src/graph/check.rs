//! Numbers that no kernel could have, refused before anything is computed with them.

use super::{Node, Op};

type Checked = Result<(), String>;

/// Refuses an operator with impossible numbers, or one that reads too few nodes or too many.
pub fn node(node: &Node) -> Checked {
    let (least, most) = match node.op {
        Op::Input { .. } => (0, 0),
        Op::Concat => (1, usize::MAX),
        Op::Add => (2, usize::MAX),
        Op::Mul => (2, 2),
        _ => (1, 1),
    };
    let count = node.inputs.len();
    if count < least || count > most {
        return Err(format!("the operator cannot read {count} maps"));
    }
    match &node.op {
        Op::Input { channels } | Op::Prelu { channels } | Op::LayerScale { channels } => {
            positive("channels", &[*channels])
        }
        Op::Conv2d { in_channels, out_channels, kernel, stride, padding, dilation, groups, .. } => {
            positive("channels and groups", &[*in_channels, *out_channels, *groups])?;
            positive("kernel, stride and dilation", &[*kernel, *stride, *dilation].concat())?;
            reach(kernel, dilation)?;
            below(padding, *kernel)?;
            if in_channels % groups != 0 || out_channels % groups != 0 {
                return Err(format!(
                    "{groups} groups do not divide {in_channels} and {out_channels} channels"
                ));
            }
            Ok(())
        }
        Op::Linear { in_features, out_features, .. } => positive("features", &[*in_features, *out_features]),
        Op::BatchNorm2d { channels, eps, .. } | Op::LayerNorm2d { channels, eps } => {
            positive("channels", &[*channels])?;
            finite("eps", &[*eps])
        }
        Op::Affine { scale, shift } => {
            if scale.len() != shift.len() || scale.is_empty() {
                return Err("an affine needs as many scales as shifts".into());
            }
            let numbers: Vec<f64> = scale.iter().chain(shift).map(|&x| x as f64).collect();
            finite("scale and shift", &numbers)
        }
        Op::LocalResponseNorm { size, alpha, beta, k } => {
            positive("size", &[*size])?;
            finite("alpha, beta and k", &[*alpha, *beta, *k])
        }
        Op::MaxPool2d { kernel, stride, padding, dilation, .. }
        | Op::AvgPool2d { kernel, stride, padding, dilation, .. } => {
            positive("kernel, stride and dilation", &[*kernel, *stride, *dilation].concat())?;
            reach(kernel, dilation)?;
            within(padding, kernel, dilation)
        }
        Op::AdaptiveAvgPool2d { output } | Op::AdaptiveMaxPool2d { output } => {
            positive("output size", output)
        }
        Op::Slice { start, end } => {
            let good = start < end && *end <= MOST;
            good.then_some(()).ok_or_else(|| format!("there are no channels {start} to {end}"))
        }
        Op::Pad2d { padding } => {
            let good = padding.iter().all(|p| p.unsigned_abs() <= 1 << 12);
            good.then_some(()).ok_or_else(|| format!("padding {padding:?} is beyond reason"))
        }
        Op::PadChannels { before, after } => {
            let good = before.max(after) <= &MOST;
            good.then_some(()).ok_or_else(|| format!("{before} and {after} more channels are beyond reason"))
        }
        Op::ChannelShuffle { groups } => positive("groups", &[*groups]),
        Op::Activation { .. }
        | Op::Add
        | Op::Mul
        | Op::Concat
        | Op::Softmax
        | Op::LogSoftmax
        | Op::Flatten => Ok(()),
    }
}

/// Far above any network, and low enough that no product of sizes overflows before it is checked.
const MOST: usize = 1 << 20;

fn positive(what: &str, values: &[usize]) -> Checked {
    let good = values.iter().all(|v| (1..=MOST).contains(v));
    good.then_some(()).ok_or_else(|| format!("{what} must be from 1 to 2^20, not {values:?}"))
}

fn finite(what: &str, values: &[f64]) -> Checked {
    let good = values.iter().all(|v| v.is_finite());
    good.then_some(()).ok_or_else(|| format!("{what} must be finite, not {values:?}"))
}

fn reach(kernel: &[usize; 2], dilation: &[usize; 2]) -> Checked {
    let good = kernel.iter().zip(dilation).all(|(&k, &d)| (k as u64 - 1) * (d as u64) < MOST as u64);
    good.then_some(())
        .ok_or_else(|| format!("a kernel of {kernel:?} dilated by {dilation:?} is beyond reason"))
}

fn below(padding: &[usize; 4], reach: [usize; 2]) -> Checked {
    let good = padding.iter().enumerate().all(|(i, &p)| p < reach[i % 2].max(1) + (1 << 12));
    good.then_some(()).ok_or_else(|| format!("padding {padding:?} is beyond reason"))
}

/// What every pooling's window must do, or it could lie in the padding alone: reach over the end of it.
fn within(padding: &[usize; 4], kernel: &[usize; 2], dilation: &[usize; 2]) -> Checked {
    let good = padding.iter().enumerate().all(|(i, &p)| p <= (kernel[i % 2] - 1) * dilation[i % 2]);
    good.then_some(()).ok_or_else(|| format!("padding {padding:?} is as wide as a window of {kernel:?}"))
}
