/** What another engine is here: it gets a network as a file of its own kind, and runs it. */

export interface Task {
  /** [1, C, H, W]. */
  readonly input: readonly number[];
  /** In that order. */
  readonly pixels: Float32Array;
  /** The network's file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly threads: number;
}

export interface Started {
  run(): Promise<Float32Array>;
  /** Gives back what it holds. */
  end?(): void | Promise<void>;
}

/** A map [1, C, H, W] as [1, H, W, C], for the engines whose layout that is. */
export function channelsLast(pixels: Float32Array, [, channels = 1]: readonly number[]): Float32Array {
  const area = pixels.length / channels;
  return pixels.map((_, i) => pixels[(i % channels) * area + Math.floor(i / channels)]!);
}
