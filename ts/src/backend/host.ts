/** The caller's end of the conversation with a core: calls as promises, and the core's end. */
import { ConvzooError, disposed } from "../errors.js";
import type { View } from "../image/crop.js";
import type { PreprocessOptions } from "../image/preprocess.js";
import type { Flavour } from "../platform.js";
import type { Channel } from "./channel.js";
import type { Channels } from "./place.js";
import type { Args, CallName, Join, Reply, Request, Result, Tuning } from "./protocol.js";
import type { GpuInput } from "./webgpu/resident.js";

/** Where a network computes. */
export interface Place {
  readonly device: "wasm" | "webgpu";
  /** The build of the core that runs it, or plans for the GPU. */
  readonly core: Flavour | "webgpu";
  readonly threads: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly transfer?: readonly Transferable[];
}

/** What a model computes by: a core, or a GPU with a core that plans for it. */
export interface Host {
  readonly place: Place;
  /** By which a GPU computes, if any. */
  readonly tuning?: Tuning | undefined;
  /**
   * Performs a call, in the order in which they are made. Throws (rejects with) `disposed` or `poisoned` once the host is gone,
   * and with the signal's reason once aborted.
   */
  call<K extends CallName>(call: K, args: Args<K>, options?: CallOptions): Promise<Result<K>>;
  /** See `GpuHost.frame`; absent where there is no GPU. */
  frame?(
    image: unknown,
    options: () => PreprocessOptions,
    views?: readonly View[],
  ): Promise<GpuInput | undefined>;
  /** Ends it, with its threads and its memory. What is under way rejects with `disposed`, as does whatever comes later. */
  dispose(): void;
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** A core in a worker (or in place). */
export class CoreHost implements Host {
  readonly place: Place;
  readonly #channel: Channel;
  readonly #aborts: Int32Array;
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;
  #ended: ConvzooError | undefined;

  /** `aborts` counts them where the other side sees it. */
  constructor(channel: Channel, place: Place, aborts: Int32Array = new Int32Array(1)) {
    this.place = place;
    this.#aborts = aborts;
    this.#channel = channel;
    channel.listen(
      (message) => this.#receive(message as Reply),
      (error) => this.#end(gone(error)),
    );
    channel.hold(false);
  }

  call<K extends CallName>(
    call: K,
    args: Args<K>,
    { signal, transfer }: CallOptions = {},
  ): Promise<Result<K>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) throw this.#ended;
      signal?.throwIfAborted();
      const id = this.#next++;
      const abort = () => {
        this.#channel.post({ abort: id } satisfies Request);
        Atomics.add(this.#aborts, 0, 1);
        this.#settle(id)?.reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", abort);
      this.#waiting.set(id, {
        resolve(result) {
          done();
          resolve(result as Result<K>);
        },
        reject(error) {
          done();
          reject(error);
        },
      });
      signal?.addEventListener("abort", abort);
      this.#channel.hold(true);
      try {
        this.#channel.post({ id, call, args } as Request, transfer);
      } catch (error) {
        this.#settle(id)?.reject(error);
      }
    });
  }

  dispose(): void {
    this.#end(disposed());
  }

  #receive(reply: Reply): void {
    const waiting = this.#settle(reply.id);
    if ("result" in reply) {
      waiting?.resolve(reply.result);
    } else if ("refused" in reply) {
      const { code, message, node } = reply.refused;
      waiting?.reject(new ConvzooError(code, message, { node }));
    } else {
      const error = gone(reply.trapped);
      waiting?.reject(error);
      this.#end(error);
    }
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#channel.hold(false);
    return waiting;
  }

  #end(error: ConvzooError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#channel.end();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(error);
  }
}

/** A core to start: its module, and the build that it is. */
export interface Build extends Place {
  readonly module: WebAssembly.Module;
  /** Whether the build is one with threads. */
  readonly shared: boolean;
}

/**
 * A core that has started over the first channel, with the others' workers as its pool. Rejects with `bad-wasm`, `too-large`,
 * `unsupported` where a worker does not come up, or the signal's reason; nothing is left running then.
 */
export async function startHost(
  [channel, ...members]: Channels,
  { module, shared, ...place }: Build,
  signal?: AbortSignal,
): Promise<CoreHost> {
  const { device } = place;
  const pool = members.map((member) => {
    const { port1, port2 } = new MessageChannel();
    member.post({ join: port2 } satisfies Join, [port2]);
    return port1;
  });
  const aborts = shared ? new Int32Array(new SharedArrayBuffer(4)) : undefined;
  const host = new CoreHost(withPool(channel, members), place, aborts);
  try {
    await host.call("start", { module, shared, pool, aborts }, { signal, transfer: pool });
    return host;
  } catch (error) {
    host.dispose();
    // A core that trapped says so in words; only a worker that is gone or never came is an error of the channel.
    if (!(error instanceof ConvzooError && error.code === "poisoned" && error.cause instanceof Error))
      throw error;
    const why = error.cause.message;
    const file = device === "webgpu" ? "worker-webgpu.js" : "worker.js";
    const advice = `Is ${file} deployed beside the package's JavaScript, and does the page's policy allow workers from there?`;
    throw new ConvzooError("unsupported", `The core's worker did not start: ${why}. ${advice}`, {
      cause: error.cause,
    });
  }
}

/**
 * `channel`, which is also told when a worker of the core's pool fails, and ends them with it. The core waits inside
 * WebAssembly for those that share its work, where it hears nothing: they are the caller's workers, not its own.
 */
function withPool(channel: Channel, members: readonly Channel[]): Channel {
  return {
    ...channel,
    listen(onMessage, onError) {
      channel.listen(onMessage, onError);
      for (const member of members) {
        // All that a member says here is why it failed.
        member.listen((why) => onError(String(why)), onError);
        // Only calls keep the process alive.
        member.hold(false);
      }
    },
    end() {
      for (const each of [channel, ...members]) each.end();
    },
  };
}

function gone(cause: unknown): ConvzooError {
  const what = cause instanceof Error ? cause.message : String(cause);
  const message = `The core failed and its memory was dropped; load the model again. Please report this: ${what}`;
  return new ConvzooError("poisoned", message, { cause });
}
