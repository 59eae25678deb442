//! An adaptive average pooling's dispatch.

use crate::gpu::{Dispatch, Map, adaptive};

pub fn dispatch(x: Map, y: Map) -> Dispatch {
    adaptive("adaptive_avg_pool2d", x, y)
}
