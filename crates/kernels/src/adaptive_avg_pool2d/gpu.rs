//! An adaptive average pooling's dispatch.

use crate::gpu::{Dispatch, Limits, Map, adaptive};

pub fn dispatch(limits: &Limits, x: Map, y: Map) -> Dispatch {
    adaptive(["adaptive_avg_pool2d", "adaptive_avg_pool2d_subgroups"], limits, x, y)
}
