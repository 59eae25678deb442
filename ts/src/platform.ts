/** What a runtime supplies: the entry files fill it in, everything else is the same everywhere. */
import type { Channel } from "./backend/channel.js";
import type { NativeDecoding, RawPixels } from "./image/pixels.js";
import type { RegistryPlatform } from "./weights/registered.js";
import type { FilePlatform } from "./weights/source.js";

/** The compiled files that come with the package, by name; see `wasmFileName`. */
export type WasmName = Flavour | "webgpu" | CodecName;

/** The image decoders. */
export type CodecName = "mozjpeg_dec" | "squoosh_png" | "webp_dec";

/** The four builds of the core that compute. The fifth, "webgpu", plans for a GPU. */
export type Flavour = "simd128" | "relaxed-simd" | "simd128-threads" | "relaxed-simd-threads";

/** The name of a compiled file in the package's `wasm` folder. Cores are gzipped, but the one for modules to import. */
export const wasmFileName = (name: WasmName): string =>
  /^relaxed|^webgpu|-threads$/.test(name) ? `${name}.wasm.gz` : `${name}.wasm`;

/** Where a .wasm comes from, if not from the package: its URL or path, the response or bytes, or what was compiled of it. */
export type WasmSource = string | URL | Response | ArrayBuffer | Uint8Array | WebAssembly.Module;

/** Image decoders, by the names of their files in the package's `wasm` folder. */
export type Decoders = Readonly<Partial<Record<CodecName, WasmSource>>>;

export interface Platform extends FilePlatform, RegistryPlatform {
  /** Where a compiled file of the package is, or its bytes; absent or undefined where only the caller has it (edge workers). */
  readonly wasm?: (name: WasmName) => string | URL | Promise<Uint8Array> | undefined;
  /** Where the JavaScript of the image decoders is, which a worker imports with its first image; absent without workers. */
  readonly decoders?: () => URL;
  /** Starts the package's worker, or a copy of it at `url`; absent where there are none. */
  readonly spawn?: (url?: string | URL) => Channel;
  /** Why `spawn` can start none, given a copy's `url` or not; absent or undefined where it can. */
  readonly noWorkers?: (url?: string | URL) => string | undefined;
  /** The runtime's GPUs, or undefined; absent where there are none. */
  readonly gpu?: () => Promise<GPU | undefined>;
  /** Starts the worker whose core plans for a GPU; absent where there is none. */
  readonly spawnPlanner?: () => Channel;
  /** Threads that the machine runs at a time. */
  readonly cores: () => number;
  /** Why there can be no shared memory, or undefined where there can. */
  readonly noThreads: () => string | undefined;
  /** Why there can be no relaxed-simd build of the core; absent where there can. */
  readonly noRelaxedSimd?: () => string;
  /** The pixels of an image that only the runtime can read (an ImageBitmap, a canvas), or undefined. */
  readonly pixels?: (image: object) => RawPixels | undefined;
  /** Decodes a file by the runtime's own means; absent where it has none. */
  readonly decodeNatively?: (bytes: Uint8Array, options: NativeDecoding) => Promise<RawPixels>;
  /** Rejects with `unsupported` where nothing can be imported on demand; absent where all can be. */
  readonly mayImport?: () => Promise<unknown>;
  /** The core in place, where there are no workers. */
  readonly inPlace?: () => Channel | Promise<Channel>;
}
