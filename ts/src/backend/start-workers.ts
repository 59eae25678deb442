/**
 * Takes the place of wasm-bindgen-rayon's own helper, which wasm-bindgen's glue imports: its workers start from blobs, in
 * browsers only, and can never be ended. Ours are started by `engine.ts`, so all this does is hand over what they need.
 */
export interface PoolBuilder {
  numThreads(): number;
  receiver(): number;
  build(): void;
}

/** What `initThreadPool` resolves to. */
export interface Pool {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly builder: PoolBuilder;
}

export async function startWorkers(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  builder: PoolBuilder,
): Promise<Pool> {
  return { module, memory, builder };
}
