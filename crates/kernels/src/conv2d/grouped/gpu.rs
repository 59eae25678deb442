//! The dispatch of narrow groups and of depthwise convolutions.

use crate::conv2d::Conv2d;
use crate::conv2d::gpu::{Job, Parts, flat, merged, pair};
use crate::gpu::{self, Dispatch, Source};

/// Outputs of a group from which on tiles of a product are full.
const WIDE: usize = 16;
/// Pixels of a row that an invocation computes.
const STRIP: usize = 4;

/// Whether each channel is a group of its own.
pub fn is_depthwise(spec: &Conv2d) -> bool {
    spec.groups == spec.in_channels && spec.groups == spec.out_channels
}

/// Whether a convolution is depthwise, or of groups so narrow that a product's tiles would be half empty.
pub fn fits(spec: &Conv2d) -> bool {
    let merged = merged(spec);
    is_depthwise(spec) || (merged.groups > 1 && merged.out_channels / merged.groups < WIDE)
}

/// The convolution's one dispatch.
pub fn dispatch(job: &Job) -> Dispatch {
    let (spec, merged) = (job.spec, merged(job.spec));
    let depthwise = is_depthwise(spec);
    let (x, y) = (&job.x.layout, &job.y.layout);
    let all = spec.out_channels.div_ceil(4);
    let [channels, outputs] = match depthwise {
        true => [1, 1],
        false => [merged.in_channels, merged.out_channels].map(|c| (c / merged.groups).div_ceil(4)),
    };
    // Where a neighbour's window lies no whole number of taps away it shares no pixel.
    let [stride, dilation] = [spec.stride[1], spec.dilation[1]];
    let step = if stride.is_multiple_of(dilation) { stride / dilation } else { spec.kernel[1] };
    let mut params = job.x.words().to_vec();
    let pairs = [
        flat(&job.y),
        job.summand(),
        pair([x.h, x.w]),
        pair([y.h, y.w]),
        pair(spec.kernel),
        pair(spec.stride),
        pair([spec.padding[0], spec.padding[1]]),
        pair(spec.dilation),
    ];
    params.extend(pairs.as_flattened());
    params.extend([y.n, channels, outputs, all, step, 0, 0, 0].map(|number| number as u32));
    let mut constants = vec![("DEPTHWISE", depthwise as u32 as f64)];
    constants.extend(job.epilogue.constants());
    let parts = Parts::new(spec, job.algorithm, job.storage, job.limits);
    let [affine, summand] = job.epilogue.bindings();
    let [x, to] = [job.x, job.y].map(|map| Source::Buffer(map.buffer));
    let bindings = vec![x, job.weights(0), job.weights(parts.tail()), affine, summand, to];
    let grid = gpu::grid(y.n * y.h * y.w.div_ceil(STRIP) * all, gpu::WORKGROUP);
    Dispatch { shader: "grouped", constants, params, bindings, grid }
}
