/** A network of two steps as the core would record it, by hand, and what it computes. */
import type { GpuNetwork, Recording } from "../../src/backend/webgpu/recording.js";

/** y = x * factor + w, the weights over and over. */
const AFFINE = `
override FACTOR: f32;
struct Params { count: u32, weights: u32 }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<f32>;
@group(0) @binding(3) var<storage, read> none: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.count) {
    y[id.x] = x[id.x] * FACTOR + w[id.x % params.weights] + none[0];
  }
}`;

export const network: GpuNetwork = {
  shaders: { affine: AFFINE, broken: "fn main() { nothing of sense }" },
  buffers: [16, 16],
  constants: [{ buffer: 1, offset: 0, bytes: new Uint8Array(new Float32Array([5, 5, 5, 5]).buffer) }],
};

/** Two steps on `count` floats: y = (x * 2 + w) * 3 + 5; the outputs are the second and the first. */
export function recording(count: number, change: Partial<Recording> = {}): Recording {
  const step = (pipeline: number, from: number, to: number, weights: number) => ({
    pipeline,
    grid: [Math.ceil(count / 64), 1, 1] as const,
    bindings: [
      { params: 0, size: 16 },
      { bank: from, offset: 0, size: 4 * count },
      { weights, offset: 0, size: 16 },
      { nothing: true } as const,
      { bank: to, offset: 0, size: 4 * count },
    ],
    ...{ path: `layer${pipeline}`, op: "affine", algorithm: "", shape: [1, count, 1, 1] },
    ...{ macs: 0, products: count, reads: 4 * count + 16, writes: 4 * count },
  });
  return {
    banks: [4 * count, 4 * count, 4 * count],
    input: { bank: 0, offset: 0, floats: count },
    outputs: [
      { bank: 2, offset: 0, shape: [1, count] },
      { bank: 1, offset: 0, shape: [1, count] },
    ],
    pipelines: [
      { shader: "affine", constants: { FACTOR: 2 } },
      { shader: "affine", constants: { FACTOR: 3 } },
    ],
    params: [count, 4, 0, 0],
    steps: [step(0, 0, 1, 0), step(1, 1, 2, 1)],
    ...{ alive: 8 * count, least: 8 * count },
    ...change,
  };
}

export const input = (count: number, from = 0) => ({
  shape: [1, count, 1, 1],
  data: Float32Array.from({ length: count }, (_, i) => from + i),
});
export const weights = [1, 2, 3, 4];
export const wanted = (count: number, from = 0) => [
  input(count, from).data.map((x, i) => (x * 2 + weights[i % 4]!) * 3 + 5),
  input(count, from).data.map((x, i) => x * 2 + weights[i % 4]!),
];
