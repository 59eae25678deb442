//! A node from JSON. By hand: what serde derives for an enum of so many operators is an eighth of the whole core.

use super::{Node, Op};
use kernels::storage::Storage;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, serde_json::Error>;

/// What an object has not been asked for yet.
struct Fields(Map<String, Value>);

impl Fields {
    // Once for each type of field, not for each field.
    #[inline(never)]
    fn given<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<Option<T>> {
        self.0.remove(name).map(T::deserialize).transpose()
    }

    #[inline(never)]
    fn take<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T> {
        self.given(name)?.ok_or_else(|| Error::missing_field(name))
    }

    fn storage(&mut self) -> Result<Storage> {
        Ok(self.given::<StorageName>("storage")?.map_or(Storage::default(), |name| name.0))
    }
}

/// How a layer's weights are to be kept.
#[derive(Deserialize)]
struct StorageName(#[serde(with = "Names")] Storage);

#[derive(Deserialize)]
#[serde(remote = "Storage", rename_all = "snake_case")]
enum Names {
    Float32,
    Float16,
    Int8,
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        node(Fields(Map::deserialize(deserializer)?)).map_err(Error::custom)
    }
}

fn node(mut fields: Fields) -> Result<Node> {
    let op = op(&mut fields)?;
    let (inputs, path) = match op {
        Op::Input { .. } => {
            (fields.given("inputs")?.unwrap_or_default(), fields.given("path")?.unwrap_or("input".into()))
        }
        _ => (fields.take("inputs")?, fields.take("path")?),
    };
    match fields.0.keys().next() {
        Some(field) => Err(Error::custom(format!("unknown field `{field}`"))),
        None => Ok(Node { inputs, path, op }),
    }
}

fn op(fields: &mut Fields) -> Result<Op> {
    let name: String = fields.take("op")?;
    Ok(match name.as_str() {
        "input" => Op::Input { channels: fields.take("channels")? },
        "conv2d" => Op::Conv2d {
            in_channels: fields.take("in_channels")?,
            out_channels: fields.take("out_channels")?,
            kernel: fields.take("kernel")?,
            stride: fields.take("stride")?,
            padding: fields.take("padding")?,
            dilation: fields.take("dilation")?,
            groups: fields.take("groups")?,
            bias: fields.take("bias")?,
            same: fields.given("same")?.unwrap_or(false),
            storage: fields.storage()?,
        },
        "linear" => Op::Linear {
            in_features: fields.take("in_features")?,
            out_features: fields.take("out_features")?,
            bias: fields.take("bias")?,
            storage: fields.storage()?,
        },
        "activation" => Op::Activation { kind: fields.take("kind")? },
        "prelu" => Op::Prelu { channels: fields.take("channels")? },
        "batch_norm2d" => Op::BatchNorm2d {
            channels: fields.take("channels")?,
            eps: fields.take("eps")?,
            affine: fields.take("affine")?,
        },
        "layer_scale" => Op::LayerScale { channels: fields.take("channels")? },
        "affine" => Op::Affine { scale: fields.take("scale")?, shift: fields.take("shift")? },
        "layer_norm2d" => Op::LayerNorm2d { channels: fields.take("channels")?, eps: fields.take("eps")? },
        "local_response_norm" => Op::LocalResponseNorm {
            size: fields.take("size")?,
            alpha: fields.take("alpha")?,
            beta: fields.take("beta")?,
            k: fields.take("k")?,
        },
        "max_pool2d" => Op::MaxPool2d {
            kernel: fields.take("kernel")?,
            stride: fields.take("stride")?,
            padding: fields.take("padding")?,
            dilation: fields.take("dilation")?,
            ceil_mode: fields.take("ceil_mode")?,
            same: fields.given("same")?.unwrap_or(false),
        },
        "avg_pool2d" => Op::AvgPool2d {
            kernel: fields.take("kernel")?,
            stride: fields.take("stride")?,
            padding: fields.take("padding")?,
            dilation: fields.given("dilation")?.unwrap_or([1, 1]),
            ceil_mode: fields.take("ceil_mode")?,
            count_include_pad: fields.take("count_include_pad")?,
            same: fields.given("same")?.unwrap_or(false),
        },
        "adaptive_avg_pool2d" => Op::AdaptiveAvgPool2d { output: fields.take("output")? },
        "adaptive_max_pool2d" => Op::AdaptiveMaxPool2d { output: fields.take("output")? },
        "add" => Op::Add,
        "mul" => Op::Mul,
        "concat" => Op::Concat,
        "slice" => Op::Slice { start: fields.take("start")?, end: fields.take("end")? },
        "pad2d" => Op::Pad2d { padding: fields.take("padding")? },
        "pad_channels" => Op::PadChannels { before: fields.take("before")?, after: fields.take("after")? },
        "channel_shuffle" => Op::ChannelShuffle { groups: fields.take("groups")? },
        "softmax" => Op::Softmax,
        "log_softmax" => Op::LogSoftmax,
        "flatten" => Op::Flatten,
        other => return Err(Error::custom(format!("unknown operator `{other}`"))),
    })
}
