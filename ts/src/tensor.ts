/** A dense float32 tensor, row-major; images are NCHW as in PyTorch. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** RGB bytes, row-major, three a pixel: what `decode` gives unless asked for one (L) or four (RGBA). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Tensors [n, ...] of the same inner shape, one behind the other. */
export function stack(parts: readonly Tensor[]): Tensor {
  const [first, ...others] = parts;
  if (!first || others.length === 0) return first!;
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { shape: [parts.reduce((sum, part) => sum + part.shape[0]!, 0), ...first.shape.slice(1)], data };
}
