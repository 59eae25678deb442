/** What an engine is to the benchmark, and how it is timed: the same in Node and in a page. */
import type { Task as FileTask, Started } from "../ts/src/cli/bench/engine.js";
import type { ZooName } from "../ts/src/zoo/index.js";
import type { Work } from "./roofline.js";

export interface Settings {
  readonly engine: keyof typeof ENGINES;
  readonly model: ZooName;
  readonly threads: number;
  /** [1, C, H, W]. */
  readonly input: readonly number[];
  /** Runs before the timed ones, the first included. */
  readonly warmups: number;
  /** The address of node_modules where engines must fetch their .wasm: on a page. */
  readonly modules?: string;
  /** The built package: its entry, by name or address, and its version. */
  readonly convzoo: { readonly entry: string; readonly version: string };
}

/** What an engine gets: the contents of the file that it asked for, and the input. */
export type Task = FileTask & Pick<Settings, "modules">;
/** What ours and the machine's get. */
export type Given = Settings & Task;

export interface Engine extends Started {
  readonly version: string;
  /** What runs: the build, the number of threads. */
  readonly how: string;
  /** What it computes, where it can say. */
  work?(): Promise<readonly Work[]>;
}

/** `file` is what makeFiles is to write for it. */
interface EngineModule {
  readonly file: string;
  start(given: Given): Promise<Engine>;
}

export const ENGINES = {
  "peak-flops": async (): Promise<EngineModule> => (await import("./engines/peak.js")).flops,
  "peak-bandwidth": async (): Promise<EngineModule> => (await import("./engines/peak.js")).bandwidth,
  convzoo: async (): Promise<EngineModule> => (await import("./engines/convzoo.js")).wasm,
  litert: async (): Promise<EngineModule> => (await import("./engines/litert.js")).wasm,
  "onnxruntime-web": async (): Promise<EngineModule> => (await import("./engines/onnxruntime-web.js")).wasm,
  "tfjs-wasm": async (): Promise<EngineModule> => (await import("./engines/tfjs.js")).wasm,
  "convzoo-webgpu": async (): Promise<EngineModule> => (await import("./engines/convzoo.js")).webgpu,
  "litert-webgpu": async (): Promise<EngineModule> => (await import("./engines/litert.js")).webgpu,
  "onnxruntime-webgpu": async (): Promise<EngineModule> =>
    (await import("./engines/onnxruntime-web.js")).webgpu,
  "tfjs-webgpu": async (): Promise<EngineModule> => (await import("./engines/tfjs.js")).webgpu,
};

/** What is known of an engine before the timed rounds. */
export interface Opened {
  readonly version: string;
  readonly how: string;
  /** From the file's bytes in memory to an engine that can run. */
  readonly loadMs: number;
  readonly firstMs: number;
  readonly output: readonly number[];
  /** What it computes, where it can say. */
  readonly work?: readonly Work[];
}

/** Milliseconds of each of `runs`, after one that is not counted, for others ran since the last ones. */
export type Time = (runs: number) => Promise<number[]>;

/** Loads and warms up an engine. */
export async function open(
  settings: Settings,
  read: (name: string) => Promise<Uint8Array<ArrayBuffer>>,
): Promise<{ opened: Opened; time: Time }> {
  const { file, start } = await ENGINES[settings.engine]();
  const bytes = await read(file);
  const pixels = new Float32Array((await read("input.bin")).slice().buffer);
  let begin = performance.now();
  const engine = await start({ ...settings, bytes, pixels });
  const { version, how, run } = engine;
  const loadMs = performance.now() - begin;
  begin = performance.now();
  const output = [...(await run())];
  const firstMs = performance.now() - begin;
  const work = await engine.work?.();
  for (let i = 1; i < settings.warmups; i++) await run();
  const time = async (runs: number): Promise<number[]> => {
    await run();
    const ms: number[] = [];
    for (let i = 0; i < runs; i++) {
      const before = performance.now();
      await run();
      ms.push(performance.now() - before);
    }
    return ms;
  };
  return { opened: { version, how, loadMs, firstMs, output, work }, time };
}
