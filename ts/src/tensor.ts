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
