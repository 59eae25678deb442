//! A network's way to a recording, which JavaScript executes on a GPU: graph -> shape -> fuse -> plan -> recording.
//!
//! `weights` says where each node's weights lie on the GPU and packs them; `banks` gives maps their places; `dispatch` is
//! the whole dispatch of kernels to shaders; `tune` is what is measured; `recording` is what JavaScript gets; `model` keeps what
//! lives between runs.

pub mod banks;
pub mod dispatch;
pub mod model;
pub mod plan;
pub mod recording;
mod traffic;
pub mod tune;
pub mod weights;
