// conv2d of narrow groups, and depthwise: too few products for tiles of workgroup memory. An invocation computes a vec4 of
// outputs for four pixels of a row; as the kernel moves along the row, so do the inputs, which are read once.

struct Params {
  x: vec4<u32>,
  /// Offset of the first pixel and from pixel to pixel.
  y: vec2<u32>,
  summand: vec2<u32>,
  /// Pairs are (vertical, horizontal).
  input: vec2<u32>,
  output: vec2<u32>,
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
  dilation: vec2<u32>,
  images: u32,
  /// vec4s of a group's inputs and outputs, and of all outputs.
  channels: u32,
  outputs: u32,
  all: u32,
  /// Columns of the kernel from one that reads a pixel to the next that reads it for the neighbouring output.
  step: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tail: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4<f32>>;

/// Whether each channel is a group.
override DEPTHWISE: bool = false;

/// The vec4 of a row of the input, which begins at `row`, at a column; zeros outside.
fn fetch(row: u32, column: i32) -> vec4<f32> {
  // What is left of the row is a very large number here. No branch: some cell of the row is read all the same.
  let inside = min(u32(column), params.input.y - 1);
  return select(vec4<f32>(), x[row + inside * params.x.w], inside == u32(column));
}

fn weight(i: u32) -> vec4<f32> {
  return quadruple(0, weights[i], i);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_index) own: u32,
) {
  let i = index(workgroup, workgroups) * 64 + own;
  let strips = (params.output.y + 3) / 4;
  let output = i % params.all;
  let strip = i / params.all;
  let oy = strip / strips % params.output.x;
  let image = strip / strips / params.output.x;
  if image >= params.images {
    return;
  }
  let ox = strip % strips * 4;
  let top = i32(oy * params.stride.x) - i32(params.padding.x);
  let left = i32(ox * params.stride.y) - i32(params.padding.y);
  let stride = i32(params.stride.y);
  let taps = params.kernel.x * params.kernel.y;
  let first = params.x.x + image * params.x.y + output / params.outputs * params.channels;
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  for (var c = 0u; c < params.channels; c++) {
    for (var ky = 0u; ky < params.kernel.x; ky++) {
      let iy = u32(top + i32(ky * params.dilation.x));
      if iy >= params.input.x {
        continue;
      }
      let row = first + c + iy * params.x.z;
      for (var phase = 0u; phase < min(params.step, params.kernel.y); phase++) {
        var column = left + i32(phase * params.dilation.y);
        var x0 = fetch(row, column);
        var x1 = fetch(row, column + stride);
        var x2 = fetch(row, column + 2 * stride);
        for (var kx = phase; kx < params.kernel.y; kx += params.step) {
          let x3 = fetch(row, column + 3 * stride);
          let tap = ky * params.kernel.y + kx;
          if DEPTHWISE {
            let w = weight(tap * params.all + output);
            s0 += x0 * w;
            s1 += x1 * w;
            s2 += x2 * w;
            s3 += x3 * w;
          } else {
            let at = 4 * ((output * taps + tap) * params.channels + c);
            let w0 = weight(at);
            let w1 = weight(at + 1);
            let w2 = weight(at + 2);
            let w3 = weight(at + 3);
            s0 = with_products(s0, x0, w0, w1, w2, w3);
            s1 = with_products(s1, x1, w0, w1, w2, w3);
            s2 = with_products(s2, x2, w0, w1, w2, w3);
            s3 = with_products(s3, x3, w0, w1, w2, w3);
          }
          x0 = x1;
          x1 = x2;
          x2 = x3;
          column += stride;
        }
      }
    }
  }
  let sums = array(s0, s1, s2, s3);
  for (var p = 0u; p < min(4, params.output.y - ox); p++) {
    let pixel = (image * params.output.x + oy) * params.output.y + ox + p;
    let sum = sums[p] + tail[params.all + output];
    let add = params.summand.x + pixel * params.summand.y + output;
    y[params.y.x + pixel * params.y.y + output] = finish(sum, output, add);
  }
}
