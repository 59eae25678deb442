/** What a runtime supplies: the entry files fill it in, everything else is the same everywhere. */
import type { Channel } from "./backend/channel.js";
import type { RawPixels } from "./image/pixels.js";
import type { RegistryPlatform } from "./weights/registered.js";
import type { FilePlatform } from "./weights/source.js";

/** The compiled files that come with the package, by name; each lies in `wasm/NAME.wasm`. */
export type WasmName = Flavour | CodecName;

/** The image decoders. */
export type CodecName = "mozjpeg_dec" | "squoosh_png" | "webp_dec";

/** The four builds of the core. */
export type Flavour = "simd128" | "relaxed-simd" | "simd128-threads" | "relaxed-simd-threads";

/** Where a .wasm comes from, if not from the package: its URL or path, the response or bytes, or what was compiled of it. */
export type WasmSource = string | URL | Response | ArrayBuffer | Uint8Array | WebAssembly.Module;

export interface Platform extends FilePlatform, RegistryPlatform {
  /** Where a compiled file of the package is; absent where only the caller has it (edge workers). */
  readonly wasm?: (name: WasmName) => URL;
  /** Starts the package's worker; absent where there are none. */
  readonly spawn?: () => Channel;
  /** Threads that the machine runs at a time. */
  readonly cores: () => number;
  /** Why there can be no shared memory, or undefined where there can. */
  readonly noThreads: () => string | undefined;
  /** The pixels of an image that only the runtime can read (an ImageBitmap, a canvas), or undefined. */
  readonly pixels?: (image: object) => RawPixels | undefined;
  /** The core in place, where there are no workers. */
  readonly inPlace?: () => Channel;
}
