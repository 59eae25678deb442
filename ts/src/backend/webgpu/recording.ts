/** A run as plain data: what the core plans and `resident.ts` does on a device. crates/nets/src/recording.rs writes it. */

/** What a device allows, as far as a plan depends on it. */
export interface GpuLimits {
  /** Bytes of a binding, and of a buffer. */
  readonly binding: number;
  readonly buffer: number;
  /** Bytes of memory that a workgroup shares. */
  readonly workgroupMemory: number;
  /** Invocations of a workgroup, and how many may be along each axis. */
  readonly invocations: number;
  readonly workgroup: readonly [number, number, number];
  /** Workgroups of a dispatch along each axis. */
  readonly workgroups: number;
  /** Storage buffers of a dispatch. */
  readonly storageBuffers: number;
  /** Whether it has this feature. */
  readonly subgroups: boolean;
  /** Whether it has `shader-f16`; to the core, whether products are to be computed in float16. */
  readonly f16: boolean;
  /** Whether a processor stands in for a GPU. */
  readonly fallback: boolean;
}

/** Bytes for a weight buffer. */
export interface Upload {
  readonly buffer: number;
  readonly offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** What a device holds for a network. */
export interface GpuNetwork {
  /** The texts of all shaders, by name. */
  readonly shaders: Readonly<Record<string, string>>;
  /** Bytes of each weight buffer. */
  readonly buffers: readonly number[];
  /** Weights that are no checkpoint's. */
  readonly constants: readonly Upload[];
}

/** A layer that can be computed in several ways, with what times each; its weights may be zeros. */
export interface Trial {
  /** What a tuning knows the layer by. */
  readonly key: string;
  /** Bytes of each weight buffer. */
  readonly buffers: readonly number[];
  readonly candidates: readonly { readonly name: string; readonly recording: Recording }[];
}

/** What a step reads or writes, in the order of its shader's bindings; the first is its `params`. */
export type Binding =
  | { readonly params: number; readonly size: number }
  | { readonly bank: number; readonly offset: number; readonly size: number }
  | { readonly weights: number; readonly offset: number; readonly size: number }
  /** Zeros, for what a step has not. */
  | { readonly nothing: true };

/** A shader with its override constants. */
export interface RecordedPipeline {
  readonly shader: string;
  readonly constants: Readonly<Record<string, number>>;
}

/** One dispatch. */
export interface RecordedStep {
  /** Index of its pipeline. */
  readonly pipeline: number;
  readonly grid: readonly [number, number, number];
  readonly bindings: readonly Binding[];
  /** The layer's path, its operator, and of a convolution how it is computed. */
  readonly path: string;
  readonly op: string;
  readonly algorithm: string;
  /** Of its output, [N, C, H, W]. */
  readonly shape: readonly number[];
  /** Multiply-adds as the layer's definition counts them, and those that the algorithm needs. */
  readonly macs: number;
  readonly products: number;
  /** Bytes that it reads and writes. */
  readonly reads: number;
  readonly writes: number;
}

/** All that a device does for an input of one shape and one set of outputs: one submission, one readback. */
export interface Recording {
  /** Bytes of each buffer in which maps lie. */
  readonly banks: readonly number[];
  /** Where the input is written, float32 in the order of [N, C, H, W]. */
  readonly input: { readonly bank: number; readonly offset: number; readonly floats: number };
  /** Where the outputs can be read after it, in the same order. */
  readonly outputs: readonly {
    readonly bank: number;
    readonly offset: number;
    readonly shape: readonly number[];
  }[];
  readonly pipelines: readonly RecordedPipeline[];
  /** Uniforms of all steps, in words, each step's at a multiple of 256 bytes. */
  readonly params: readonly number[];
  readonly steps: readonly RecordedStep[];
  /** Bytes of maps that are alive together where they are most; and bytes that such a network must read and write at least. */
  readonly alive: number;
  readonly least: number;
}
