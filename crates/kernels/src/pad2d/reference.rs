//! The specification of pad2d.

use super::Pad2d;

/// `x` is [planes, h, w]; gives [planes, oh, ow].
pub fn pad2d(spec: &Pad2d, x: &[f32], [h, w]: [usize; 2]) -> Vec<f32> {
    let [oh, ow] = spec.output(h, w).expect("something is left");
    let [top, left, _, _] = spec.padding;
    let mut y = Vec::new();
    for plane in x.chunks_exact(h * w) {
        for oy in 0..oh as isize {
            for ox in 0..ow as isize {
                let (iy, ix) = (oy - top, ox - left);
                let inside = (0..h as isize).contains(&iy) && (0..w as isize).contains(&ix);
                y.push(if inside { plane[iy as usize * w + ix as usize] } else { 0.0 });
            }
        }
    }
    y
}
