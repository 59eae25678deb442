//! An adaptive maximum pooling's dispatch.

use crate::gpu::{Dispatch, Limits, Map, adaptive};

pub fn dispatch(limits: &Limits, x: Map, y: Map) -> Dispatch {
    adaptive(["adaptive_max_pool2d", "adaptive_max_pool2d_subgroups"], limits, x, y)
}
