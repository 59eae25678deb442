/** What the caller's side and the core's side say to each other. */
import type { ErrorCode } from "../errors.js";
import type { Wanted } from "../image/codec.js";
import type { View } from "../image/crop.js";
import type { Filter, PreprocessOptions } from "../image/preprocess.js";
import type { Pixels, Tensor } from "../tensor.js";
import type { GpuLimits, GpuNetwork, Recording, Trial, Upload } from "./webgpu/recording.js";
import type { GpuInput } from "./webgpu/resident.js";

/** An image on its way to the core's side: as pixels, or encoded, with the codec that it needs if any and the decoders' URL. */
export type ImageMessage =
  | { readonly bytes: Uint8Array; readonly codec?: WebAssembly.Module; readonly decoders: string }
  | { readonly pixels: Pixels };

/** A step of a run: a kernel call, or a stage of one. */
export interface StepTiming {
  /** The layer's path; "input" for what comes before the first. */
  readonly path: string;
  readonly op: string;
  /** Of a convolution: direct, depthwise, or Winograd's with the outputs of a tile. */
  readonly algorithm: string;
  /** Of its output, [N, C, H, W]. */
  readonly shape: readonly number[];
  /** The least of several runs. */
  readonly ms: number;
  /** Multiply-adds as the layer's definition counts them, and those that the algorithm needs. */
  readonly macs: number;
  readonly products: number;
  /** Of its maps and weights. */
  readonly bytes: number;
}

/** Which algorithm is the fastest, by convolution: plain data, good for machines of the same kind. */
export type Tuning = Readonly<Record<string, string>>;

/** The calls: what each takes and gives. */
export interface Calls {
  /** Instantiates the core, and hands its pool's threads to the workers that wait for them. Comes first. */
  start(args: {
    readonly module: WebAssembly.Module;
    readonly shared: boolean;
    /** One to each worker of the pool. */
    readonly pool: readonly MessagePort[];
    /** Counts the aborts that were sent, where memory can be shared: a run then stops for messages only where there is one. */
    readonly aborts?: Int32Array<SharedArrayBuffer>;
  }): void;
  /**
   * Sets the network, as the graph's JSON, with the height and width of the inputs to expect. The core that plans for a GPU
   * gives what its device is to hold.
   */
  network(args: {
    readonly graph: string;
    readonly size: readonly [number, number];
    readonly winograd: boolean;
    /** Pixels of a tile of a product of matrices. */
    readonly height: 4 | 6;
    /** What an earlier tuning gave. */
    readonly tuning?: Tuning;
    /** What the GPU allows. */
    readonly limits?: GpuLimits;
  }): GpuNetwork | undefined;
  /** Finds the fastest algorithm for each convolution; comes before the weights. */
  tune(args: Record<never, never>): Tuning;
  /** What is to be timed on a GPU for that, of the network that was set. */
  trials(args: Record<never, never>): readonly Trial[];
  /**
   * Packs a piece of the weights of a node: those of its outputs from `first` on. The first piece brings the bias. What a GPU
   * is to hold is given away.
   */
  load(args: {
    readonly node: number;
    readonly first: number;
    readonly weight: Float32Array;
    readonly bias?: Float32Array;
  }): readonly Upload[] | undefined;
  /** Makes another graph over the network's weights, as JSON, and gives its number. */
  view(args: { readonly graph: string }): number;
  /** Bytes of arena that a run on [N, C, H, W] takes; of the view of that number, where there is one. */
  room(args: {
    readonly shape: readonly number[];
    readonly outputs: readonly number[];
    readonly view?: number;
  }): number;
  /**
   * Runs the network, or a view of it, and gives the maps of these nodes, and before them the input, for the next run: in a buffer that goes to
   * and fro no page is fresh, and fresh pages are what messages of this size cost.
   */
  run(args: {
    readonly input: Tensor | GpuInput;
    readonly outputs: readonly number[];
    readonly view?: number;
  }): readonly Tensor[];
  /** What a GPU has to do for such a run. */
  record(args: {
    readonly shape: readonly number[];
    readonly outputs: readonly number[];
    readonly view?: number;
  }): Recording;
  /** Runs the network step by step and times each. */
  profile(args: {
    readonly input: Tensor;
    readonly outputs: readonly number[];
    readonly rounds: number;
  }): readonly StepTiming[];
  decode(args: { readonly image: ImageMessage; readonly wanted: Wanted }): Pixels;
  /** Gives the pixels back before the new ones, as `run` does its input. */
  resize(args: {
    readonly pixels: Pixels;
    readonly width: number;
    readonly height: number;
    readonly filter: Filter;
  }): readonly [given: Pixels, made: Pixels];
  /** The input has an image for each view, the one in the centre unless given. */
  preprocess(args: {
    readonly image: ImageMessage;
    readonly options: PreprocessOptions;
    readonly views?: readonly View[];
    readonly wanted?: Wanted;
  }): Tensor;
  /** Bytes of packed weights, of the arena, and of all the memory that the core has. */
  bytes(args: Record<never, never>): readonly [number, number, number];
}

export type CallName = keyof Calls;
export type Args<K extends CallName> = Parameters<Calls[K]>[0];
export type Result<K extends CallName> = ReturnType<Calls[K]>;

/** To the core's side: a call, or the wish that one should end. */
export type Request =
  | { readonly [K in CallName]: { readonly id: number; readonly call: K; readonly args: Args<K> } }[CallName]
  | { readonly abort: number };

/** An error that can be told apart on the other side. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly node?: string;
}

/** From the core's side: a result, a refusal, or the news that the core trapped and is lost. */
export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly refused: Refusal }
  | { readonly id: number; readonly trapped: string };

/** To a worker that is to join the pool of another, which tells it by this port of what. */
export interface Join {
  readonly join: MessagePort;
}

/** What that is; the worker answers once it waits for its thread, and is heard no more. */
export interface Membership {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly receiver: number;
}
