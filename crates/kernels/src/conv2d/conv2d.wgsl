// conv2d as a matrix product that is never laid out: pixels by the numbers of their windows times these by output channels.
// A workgroup computes a tile of pixels and output channels. It goes through the windows' numbers in steps; what a step
// reads comes through workgroup memory, pixels and channels in the order in which invocations take them from there, a
// vec4 apart: neighbours read neighbours or the same.
//
// Where there are few tiles, SPLIT teams of a workgroup take turns with the steps and add their sums up at the end.
//
// float32.wgsl or float16.wgsl has what products are computed in.

struct Params {
  x: vec4<u32>,
  /// Offset of the first pixel and from pixel to pixel.
  y: vec2<u32>,
  summand: vec2<u32>,
  /// Offset of the first image's scales, and from image to image.
  scales: vec2<u32>,
  /// Pairs are (vertical, horizontal).
  input: vec2<u32>,
  output: vec2<u32>,
  kernel: vec2<u32>,
  stride: vec2<u32>,
  padding: vec2<u32>,
  dilation: vec2<u32>,
  /// Of all images.
  pixels: u32,
  /// vec4s of channels that a window sees, and of outputs: those of a layer.
  channels: u32,
  outputs: u32,
  /// The first output among those of the node, and how many these are.
  first: u32,
  all: u32,
  /// From output to output in the weights.
  column: u32,
  /// From layer to layer: a layer is a group, or a position of Winograd's.
  weight_layer: u32,
  x_layer: u32,
  y_layer: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tail: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> before: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> summand: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;

/// Invocations of a team across output channels and pixels; WIDTH (1 or 2) vec4s of the former and HEIGHT (4 or 8) of the latter
/// are an invocation's. Teams.
override COLUMNS: u32 = 8;
override ROWS: u32 = 8;
override WIDTH: u32 = 1;
override HEIGHT: u32 = 4;
override SPLIT: u32 = 1;
/// vec4s of a window that a step takes.
override DEPTH: u32 = 4;
override STORAGE: u32 = 0;
/// Whether factors and biases follow the sums.
override HAS_TAIL: bool = true;
/// 1: what is read is scaled and shifted by channel; 2: scaled by image and channel.
override BEFORE: u32 = 0;
override BEFORE_ACTIVATION: u32 = 0;
/// vec4s of workgroup memory, and pixels of a tile.
override TILES: u32 = 720;
override PIXELS: u32 = 32;

/// A step's pixels, [DEPTH][PIXELS], then its weights, [4 DEPTH][COLUMNS * WIDTH], for each team; rows are longer than that, so
/// that those who write them hit different banks.
var<workgroup> tiles: array<Factors, TILES>;
/// Where each pixel's window begins: row and column in the image, the image's offset, and the image.
var<workgroup> corners: array<vec4<i32>, PIXELS>;

/// Of a window, the vec4 `channel` at a row and column of the kernel; zeros outside the image.
fn fetch(corner: vec4<i32>, row: u32, column: u32, channel: u32) -> vec4<f32> {
  let iy = u32(corner.x + i32(row * params.dilation.x));
  let ix = u32(corner.y + i32(column * params.dilation.y));
  // What is above or left of the image is a very large number here. No branch: where there is nothing, the image's first vec4
  // is read all the same.
  let inside = row < params.kernel.x && iy < params.input.x && ix < params.input.y;
  let place = select(0, iy * params.x.z + ix * params.x.w + channel, inside);
  var value = x[u32(corner.z) + place];
  if BEFORE == 1 {
    value = activation(BEFORE_ACTIVATION, fma(value, before[2 * channel], before[2 * channel + 1]));
  }
  if BEFORE == 2 {
    let scale = before[params.scales.x + u32(corner.w) * params.scales.y + channel];
    value = activation(BEFORE_ACTIVATION, value * scale);
  }
  return select(vec4<f32>(), value, inside);
}

@compute @workgroup_size(COLUMNS, ROWS, SPLIT)
fn main(
  @builtin(workgroup_id) workgroup: vec3<u32>,
  @builtin(num_workgroups) workgroups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let outputs = COLUMNS * WIDTH;
  let across = (params.outputs + outputs - 1) / outputs;
  let tile = index(workgroup, workgroups);
  let layer = workgroup.z;
  let first_output = tile % across * outputs;
  let first_pixel = tile / across * PIXELS;
  let team = COLUMNS * ROWS;
  let own = local.y * COLUMNS + local.x;

  let image_size = params.output.x * params.output.y;
  for (var i = local.z * team + own; i < PIXELS; i += SPLIT * team) {
    let pixel = min(first_pixel + i, params.pixels - 1);
    let image = pixel / image_size;
    let rest = pixel % image_size;
    let place = vec2(rest / params.output.y, rest % params.output.y);
    let corner = vec2<i32>(place * params.stride) - vec2<i32>(params.padding);
    let offset = params.x.x + image * params.x.y + layer * params.x_layer;
    // What is no pixel has its window far outside.
    let top = select(-0x40000000, corner.x, pixel == first_pixel + i);
    corners[i] = vec4(top, corner.y, i32(offset), i32(image));
  }
  workgroupBarrier();

  let depth = params.kernel.x * params.kernel.y * params.channels;
  let steps = (depth + SPLIT * DEPTH - 1) / (SPLIT * DEPTH);
  let pixel_pitch = PIXELS + 2;
  let weight_pitch = outputs + 1;
  let own_pixels = local.z * DEPTH * (pixel_pitch + 4 * weight_pitch);
  let own_weights = own_pixels + DEPTH * pixel_pitch;

  // The vec4 of a window that this invocation fetches: neighbours fetch neighbours.
  let lane = own % DEPTH;
  var k = local.z * DEPTH + lane;
  var channel = k % params.channels;
  var column = k / params.channels;
  var row = column / params.kernel.y;
  column = column % params.kernel.y;
  // The same for weights.
  let weight_lane = own % (4 * DEPTH);
  var weight_k = local.z * 4 * DEPTH + weight_lane;

  // Sums, and behind them those of the products that are not added to them yet: all, unless these are narrow.
  var s0 = vec4<f32>();
  var s1 = vec4<f32>();
  var s2 = vec4<f32>();
  var s3 = vec4<f32>();
  var s4 = vec4<f32>();
  var s5 = vec4<f32>();
  var s6 = vec4<f32>();
  var s7 = vec4<f32>();
  var t0 = vec4<f32>();
  var t1 = vec4<f32>();
  var t2 = vec4<f32>();
  var t3 = vec4<f32>();
  var t4 = vec4<f32>();
  var t5 = vec4<f32>();
  var t6 = vec4<f32>();
  var t7 = vec4<f32>();
  var p0 = Factors();
  var p1 = Factors();
  var p2 = Factors();
  var p3 = Factors();
  var p4 = Factors();
  var p5 = Factors();
  var p6 = Factors();
  var p7 = Factors();
  var q0 = Factors();
  var q1 = Factors();
  var q2 = Factors();
  var q3 = Factors();
  var q4 = Factors();
  var q5 = Factors();
  var q6 = Factors();
  var q7 = Factors();
  var largest = vec4<f32>();
  for (var step = 0u; step < steps; step++) {
    for (var i = own / DEPTH; i < PIXELS; i += team / DEPTH) {
      let numbers = fetch(corners[i], row, column, channel);
      largest = max(largest, abs(numbers));
      tiles[own_pixels + lane * pixel_pitch + i] = narrowed(numbers);
    }
    for (var i = own / (4 * DEPTH); i < outputs; i += team / (4 * DEPTH)) {
      let output = min(first_output + i, params.outputs - 1);
      var w = Factors();
      if weight_k < 4 * depth {
        let at = layer * params.weight_layer + output * params.column + weight_k;
        w = weight(weights[at >> STORAGE], at);
      }
      tiles[own_weights + weight_lane * weight_pitch + i] = w;
    }
    weight_k += SPLIT * 4 * DEPTH;
    channel += SPLIT * DEPTH;
    while channel >= params.channels {
      channel -= params.channels;
      column++;
      if column == params.kernel.y {
        column = 0;
        row++;
      }
    }
    workgroupBarrier();
    for (var i = 0u; i < DEPTH; i++) {
      let w = own_weights + 4 * i * weight_pitch + local.x;
      let w0 = tiles[w];
      let w1 = tiles[w + weight_pitch];
      let w2 = tiles[w + 2 * weight_pitch];
      let w3 = tiles[w + 3 * weight_pitch];
      let p = own_pixels + i * pixel_pitch + local.y;
      let x0 = tiles[p];
      let x1 = tiles[p + ROWS];
      let x2 = tiles[p + 2 * ROWS];
      let x3 = tiles[p + 3 * ROWS];
      p0 = with_step(p0, x0, w0, w1, w2, w3);
      p1 = with_step(p1, x1, w0, w1, w2, w3);
      p2 = with_step(p2, x2, w0, w1, w2, w3);
      p3 = with_step(p3, x3, w0, w1, w2, w3);
      if WIDTH == 2 {
        let v = w + COLUMNS;
        let v0 = tiles[v];
        let v1 = tiles[v + weight_pitch];
        let v2 = tiles[v + 2 * weight_pitch];
        let v3 = tiles[v + 3 * weight_pitch];
        q0 = with_step(q0, x0, v0, v1, v2, v3);
        q1 = with_step(q1, x1, v0, v1, v2, v3);
        q2 = with_step(q2, x2, v0, v1, v2, v3);
        q3 = with_step(q3, x3, v0, v1, v2, v3);
      }
      if HEIGHT == 8 {
        let x4 = tiles[p + 4 * ROWS];
        let x5 = tiles[p + 5 * ROWS];
        let x6 = tiles[p + 6 * ROWS];
        let x7 = tiles[p + 7 * ROWS];
        p4 = with_step(p4, x4, w0, w1, w2, w3);
        p5 = with_step(p5, x5, w0, w1, w2, w3);
        p6 = with_step(p6, x6, w0, w1, w2, w3);
        p7 = with_step(p7, x7, w0, w1, w2, w3);
        if WIDTH == 2 {
          let v = w + COLUMNS;
          let v0 = tiles[v];
          let v1 = tiles[v + weight_pitch];
          let v2 = tiles[v + 2 * weight_pitch];
          let v3 = tiles[v + 3 * weight_pitch];
          q4 = with_step(q4, x4, v0, v1, v2, v3);
          q5 = with_step(q5, x5, v0, v1, v2, v3);
          q6 = with_step(q6, x6, v0, v1, v2, v3);
          q7 = with_step(q7, x7, v0, v1, v2, v3);
        }
      }
    }
    if IS_NARROW {
      // Added up before they are many.
      s0 += vec4<f32>(p0);
      s1 += vec4<f32>(p1);
      s2 += vec4<f32>(p2);
      s3 += vec4<f32>(p3);
      p0 = Factors();
      p1 = Factors();
      p2 = Factors();
      p3 = Factors();
      if WIDTH == 2 {
        t0 += vec4<f32>(q0);
        t1 += vec4<f32>(q1);
        t2 += vec4<f32>(q2);
        t3 += vec4<f32>(q3);
        q0 = Factors();
        q1 = Factors();
        q2 = Factors();
        q3 = Factors();
      }
      if HEIGHT == 8 {
        s4 += vec4<f32>(p4);
        s5 += vec4<f32>(p5);
        s6 += vec4<f32>(p6);
        s7 += vec4<f32>(p7);
        p4 = Factors();
        p5 = Factors();
        p6 = Factors();
        p7 = Factors();
        if WIDTH == 2 {
          t4 += vec4<f32>(q4);
          t5 += vec4<f32>(q5);
          t6 += vec4<f32>(q6);
          t7 += vec4<f32>(q7);
          q4 = Factors();
          q5 = Factors();
          q6 = Factors();
          q7 = Factors();
        }
      }
    }
    workgroupBarrier();
  }

  s0 += vec4<f32>(p0);
  s1 += vec4<f32>(p1);
  s2 += vec4<f32>(p2);
  s3 += vec4<f32>(p3);
  s4 += vec4<f32>(p4);
  s5 += vec4<f32>(p5);
  s6 += vec4<f32>(p6);
  s7 += vec4<f32>(p7);
  t0 += vec4<f32>(q0);
  t1 += vec4<f32>(q1);
  t2 += vec4<f32>(q2);
  t3 += vec4<f32>(q3);
  t4 += vec4<f32>(q4);
  t5 += vec4<f32>(q5);
  t6 += vec4<f32>(q6);
  t7 += vec4<f32>(q7);

  // Number i is of pixel i % HEIGHT and, of the invocation's outputs, i / HEIGHT.
  var sums = array(s0, s1, s2, s3, t0, t1, t2, t3, s4, s5, s6, s7, t4, t5, t6, t7);
  if HEIGHT == 8 {
    sums = array(s0, s1, s2, s3, s4, s5, s6, s7, t0, t1, t2, t3, t4, t5, t6, t7);
  }
  let count = HEIGHT * WIDTH;
  if IS_NARROW {
    note(largest);
    workgroupBarrier();
  }
  for (var half = SPLIT / 2; half > 0; half /= 2) {
    if local.z >= half && local.z < 2 * half {
      for (var i = 0u; i < count; i++) {
        hand_over(((local.z - half) * count + i) * team + own, sums[i]);
      }
    }
    workgroupBarrier();
    if local.z < half {
      for (var i = 0u; i < count; i++) {
        sums[i] += handed_over((local.z * count + i) * team + own);
      }
    }
    workgroupBarrier();
  }
  if local.z > 0 {
    return;
  }

  for (var i = 0u; i < count; i++) {
    let output = first_output + i / HEIGHT * COLUMNS + local.x;
    let pixel = first_pixel + i % HEIGHT * ROWS + local.y;
    if output < params.outputs && pixel < params.pixels {
      let group = params.first + layer * params.outputs + output;
      let to = params.y.x + layer * params.y_layer + output + pixel * params.y.y;
      let add = params.summand.x + group + pixel * params.summand.y;
      let weights_at = layer * params.weight_layer + output * params.column;
      var sum = checked(sums[i], corners[pixel - first_pixel], weights_at);
      if HAS_TAIL {
        sum = ended(STORAGE, sum, tail[group], tail[params.all + group]);
      }
      y[to] = finish(sum, group, add);
    }
  }
}

/// A sum with the products of a vec4 and four quadruples.
fn with_step(sum: Factors, x: Factors, w0: Factors, w1: Factors, w2: Factors, w3: Factors) -> Factors {
  return added(added(added(added(sum, x.x, w0), x.y, w1), x.z, w2), x.w, w3);
}
