/** The core's side: one instance of the core and the network it runs. Lives in a worker, or in place where there is none. */

import type * as singleGlue from "../../../build/core/single/core.js";
import type * as threadsGlue from "../../../build/core/threads/core.js";
import { ConvzooError } from "../errors.js";
import { stack, type Tensor } from "../tensor.js";
import { type Decoders, type Images, imagesBy } from "./image-calls.js";
import { instantiate } from "./instance.js";
import type { Args, Membership, StepTiming, Tuning } from "./protocol.js";
import type { CallRequest, Served } from "./serve.js";
import type { Pool } from "./start-workers.js";

// Only what is used, so that bundles need not hold the rest.
type SingleGlue = Pick<typeof singleGlue, "Core" | "initSync" | "resize">;
type ThreadsGlue = Pick<typeof threadsGlue, "Core" | "initSync" | "resize" | "initThreadPool">;

/** What the engine is built of, as far as its side of the runtime has it. */
export interface EngineParts {
  /** wasm-bindgen's glue of each kind. */
  readonly single: SingleGlue;
  readonly threads?: ThreadsGlue;
  /** The image decoders, from where `Platform.decoders` says. */
  readonly decoders: Decoders;
}

/** Images run together at most: more would enlarge the arena without making the weights' reading any cheaper. */
const BATCH = 8;

/** The instance, the network and its runs. Calls must not overlap: `serve` sees to that. */
export class Engine implements Served {
  readonly #parts: EngineParts;
  readonly #images: Images;
  #instance:
    | { readonly glue: SingleGlue; readonly memory: WebAssembly.Memory; readonly helpers: number }
    | undefined;
  #core: singleGlue.Core | undefined;
  /** Other graphs over the network's weights, by number. */
  #views: singleGlue.Core[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#images = imagesBy((...args) => this.#ready().glue.resize(...args), parts.decoders);
  }

  perform({ call, args }: CallRequest, turn: () => Promise<void>): unknown {
    switch (call) {
      case "decode":
      case "resize":
      case "preprocess":
        return this.#images[call](args as never);
      case "trials":
      case "record":
        throw new Error("this core plans for no GPU");
      default:
        // A method for each call, of its name.
        return this[call](args as never, turn);
    }
  }

  async start({ module, shared, pool }: Args<"start">): Promise<void> {
    if (!shared) {
      const { single } = this.#parts;
      this.#instance = { glue: single, memory: instantiate(single, module), helpers: 0 };
      return;
    }
    const { threads: glue } = this.#parts;
    if (!glue) throw new ConvzooError("unsupported", "This runtime has no threads; load without them.");
    const memory = instantiate(glue, module);
    if (pool.length > 0) await this.#startPool(glue, pool);
    this.#instance = { glue: glue as unknown as SingleGlue, memory, helpers: pool.length };
  }

  async #startPool(glue: ThreadsGlue, ports: readonly MessagePort[]): Promise<void> {
    const { module, memory, builder } = (await glue.initThreadPool(ports.length)) as Pool;
    const receiver = builder.receiver();
    const joined = ports.map(
      (port) =>
        new Promise<void>((resolve) => {
          port.onmessage = () => {
            port.close();
            resolve();
          };
          port.postMessage({ module, memory, receiver } satisfies Membership);
        }),
    );
    await Promise.all(joined);
    // Every worker now waits for its thread, which this hands out.
    builder.build();
  }

  network({ graph, size: [rows, columns], winograd, height, tuning }: Args<"network">): void {
    const { glue, helpers } = this.#ready();
    this.free();
    const known = tuning && JSON.stringify(tuning);
    this.#core = new glue.Core(graph, helpers, rows, columns, winograd, height, known);
  }

  tune(): Tuning {
    return JSON.parse(this.#loaded().tune(() => performance.now()));
  }

  load({ node, first, weight, bias }: Args<"load">): void {
    this.#loaded().load(node, first, weight, bias);
    // It was given away to be packed. Its memory need not wait for a collector that sees but a small object.
    (weight.buffer as { transfer?(length: number): unknown }).transfer?.(0);
  }

  view({ graph }: Args<"view">): number {
    return this.#views.push(this.#loaded().view(graph)) - 1;
  }

  room({ shape, outputs, view }: Args<"room">): number {
    const [n, c, h, w] = shape as [number, number, number, number];
    return this.#loaded(view).room(n, c, h, w, Uint32Array.from(outputs));
  }

  async run(args: Args<"run">, turn: () => Promise<void>): Promise<readonly Tensor[]> {
    const { outputs, view } = args;
    const input = args.input as Tensor;
    const [n, c, h, w] = input.shape as [number, number, number, number];
    const size = c * h * w;
    const parts: Tensor[][] = [];
    for (let first = 0; first < n; first += BATCH) {
      const count = Math.min(BATCH, n - first);
      const data = input.data.subarray(first * size, (first + count) * size);
      if (first > 0) await turn();
      parts.push(await this.#runTogether(this.#loaded(view), [count, c, h, w], data, outputs, turn));
    }
    return [input, ...outputs.map((_, i) => stack(parts.map((part) => part[i]!)))];
  }

  async #runTogether(
    core: singleGlue.Core,
    [n, c, h, w]: readonly [number, number, number, number],
    data: Float32Array,
    outputs: readonly number[],
    turn: () => Promise<void>,
  ): Promise<Tensor[]> {
    const plan = core.prepare(n, c, h, w, Uint32Array.from(outputs));
    this.#floats(core.input(plan), data.length).set(data);
    for (let slice = 0; core.run(plan, slice); slice++) await turn();
    return outputs.map((_, i) => {
      const shape = [...core.outputShape(plan, i)];
      const length = shape.reduce((product, side) => product * side, 1);
      return { shape, data: this.#floats(core.output(plan, i), length).slice() };
    });
  }

  /** The network must have no more images at a time than run together. */
  profile({ input, outputs, rounds }: Args<"profile">): readonly StepTiming[] {
    const core = this.#loaded();
    const [n, c, h, w] = input.shape as [number, number, number, number];
    const plan = core.prepare(n, c, h, w, Uint32Array.from(outputs));
    this.#floats(core.input(plan), input.data.length).set(input.data);
    return JSON.parse(core.profile(plan, rounds, () => performance.now()));
  }

  bytes(): readonly [number, number, number] {
    const [weights = 0, arena = 0] = this.#loaded().bytes();
    const maps = this.#views.reduce((sum, view) => sum + view.bytes()[1]!, arena);
    return [weights, maps, this.#ready().memory.buffer.byteLength];
  }

  /** Gives the network's memory back, where no worker ends with it. */
  free(): void {
    for (const view of this.#views) view.free();
    this.#views = [];
    this.#core?.free();
    this.#core = undefined;
  }

  /** The core's floats at an address. Made anew each time: memory that grows takes its old views away. */
  #floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#ready().memory.buffer, address, length);
  }

  #ready() {
    if (!this.#instance) throw new Error("start comes first");
    return this.#instance;
  }

  /** The network, or the view of a number. */
  #loaded(view?: number): singleGlue.Core {
    const core = view === undefined ? this.#core : this.#views[view];
    if (!core) throw new Error("network comes first");
    return core;
  }
}
