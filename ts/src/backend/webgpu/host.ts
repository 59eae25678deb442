/** A model's host whose network is on a GPU: a core plans and packs in its worker, the device is the caller's thread's. */
import type { OpenWeights } from "../../checkpoint.js";
import { ConvzooError, disposed } from "../../errors.js";
import type { Graph } from "../../graph.js";
import type { View } from "../../image/crop.js";
import type { PreprocessOptions } from "../../image/preprocess.js";
import type { LoadOptions } from "../../load.js";
import { stack, type Tensor } from "../../tensor.js";
import type { CallOptions, CoreHost, Host, Place } from "../host.js";
import type { Args, CallName, Result, Tuning } from "../protocol.js";
import { type Gpu, lostError } from "./device.js";
import { Lost } from "./faults.js";
import { frameTensor, isFrame } from "./frame.js";
import type { Kit } from "./index.js";
import type { GpuLimits } from "./recording.js";
import { type GpuInput, type Prepared, Resident } from "./resident.js";
import { tunedOn } from "./tune.js";
import { Turns } from "./turns.js";

/** What a network on a GPU is made of, as often as that must be. */
export interface Recipe {
  readonly graph: Graph;
  /** Channels, height and width of the inputs to expect. */
  readonly input: readonly [number, number, number];
  readonly options: LoadOptions;
  readonly send: Kit["send"];
  /** Starts the core that plans. */
  core(): Promise<CoreHost>;
  /** A device to use. */
  gpu(): Promise<Gpu>;
  /** Opens the weights. */
  weights(again: boolean): Promise<OpenWeights>;
  /** The network on the CPU, for where there is no device any more. */
  wasm(): Promise<Host>;
}

/** Images run together at most. */
const BATCH = 16;
/** Losses of the device after which a network is built no more: what it is asked for may be what kills it. */
const PATIENCE = 3;

/** A network that runs: on a device, or in the end on the CPU. */
type Seat = Resident | Host;

export class GpuHost implements Host {
  readonly #recipe: Recipe;
  readonly #core: CoreHost;
  readonly #turns = new Turns();
  #seat: Promise<Seat>;
  /** The seat while it is one on a device. */
  #resident: Resident | undefined;
  #place: Place;
  /** Graphs of the views, which are made again with every core. */
  readonly #views: string[] = [];
  /** Losses since a run came to its end. */
  #losses = 0;
  #disposed = false;
  /** What `load` was given or found. */
  #tuning: Tuning | undefined;

  private constructor(recipe: Recipe, core: CoreHost) {
    this.#recipe = recipe;
    this.#core = core;
    this.#place = core.place;
    const { tune } = recipe.options;
    if (typeof tune === "object") this.#tuning = tune;
    this.#seat = this.#build(false);
    this.#seat.catch(() => undefined);
  }

  /** The network on its device, warmed up. Rejects as `load` does; nothing is left then. */
  static async start(recipe: Recipe): Promise<GpuHost> {
    const host = new GpuHost(recipe, await recipe.core());
    try {
      await host.#seat.catch((error) => {
        if (!(error instanceof Lost) || recipe.options.recover === false) throw error;
        host.#seat = host.#build(true);
        return host.#seat;
      });
      return host;
    } catch (error) {
      host.dispose();
      if (error instanceof Lost)
        throw new ConvzooError("device-lost", "The GPU device was lost while the network was loaded.");
      throw error;
    }
  }

  get place(): Place {
    return this.#place;
  }

  get tuning(): Tuning | undefined {
    return this.#tuning;
  }

  async call<K extends CallName>(call: K, args: Args<K>, options: CallOptions = {}): Promise<Result<K>> {
    if (this.#disposed) throw disposed();
    options.signal?.throwIfAborted();
    return (await this.#perform(call, args, options)) as Result<K>;
  }

  #perform<K extends CallName>(call: K, args: Args<K>, options: CallOptions): Promise<unknown> {
    switch (call) {
      case "run":
        return this.#turns.take((signal) => this.#run(args as Args<"run">, signal), options.signal);
      case "profile":
        return this.#turns.take(() => this.#profile(args as Args<"profile">), options.signal);
      case "view":
        return this.#view(args as Args<"view">);
      case "bytes":
        return this.#onSeat(async (seat) => (isHost(seat) ? seat.call("bytes", {}) : seat.bytes()));
      case "room":
        return this.#onSeat((seat) => (isHost(seat) ? seat : this.#core).call(call, args, options));
      default:
        // Images, which need no device.
        return (this.#place.device === "webgpu" ? Promise.resolve(this.#core) : this.#seat).then((host) =>
          (host as Host).call(call, args, options),
        );
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#turns.end(disposed());
    this.#leave();
    this.#core.dispose();
    this.#seat.then(
      (seat) => isHost(seat) && seat.dispose(),
      () => undefined,
    );
  }

  /**
   * An image that is on the GPU, or on its way there, as an input of it: resized and normalised in float32; undefined for
   * any other image. The buffer is the caller's to destroy.
   */
  async frame(
    image: unknown,
    options: () => PreprocessOptions,
    views?: readonly View[],
  ): Promise<GpuInput | undefined> {
    const resident = this.#resident;
    if (!resident || !isFrame(image)) return undefined;
    return frameTensor(resident.gpu, image, options(), views);
  }

  /** Does something on the seat, again where its device is lost meanwhile. */
  async #onSeat<T>(work: (seat: Seat) => Promise<T>, signal?: AbortSignal, isBound = false): Promise<T> {
    for (;;) {
      const seat = await this.#seat;
      signal?.throwIfAborted();
      try {
        return await work(seat);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        if (this.#disposed) throw disposed();
        const info = (seat as Resident).gpu.lost;
        if (isBound) throw lostError(info!, "The input was on it: make it again on the model's device.");
      }
    }
  }

  async #run(args: Args<"run">, signal: AbortSignal): Promise<readonly Tensor[]> {
    const { input, outputs, view } = args;
    const isBound = "buffer" in input;
    const run = async (seat: Seat): Promise<readonly Tensor[]> => {
      if (isHost(seat)) {
        if (isBound)
          throw new ConvzooError("device-lost", "The model runs on the CPU now: pass the input's data.");
        const transfer = [input.data.buffer as ArrayBuffer];
        return seat.call("run", args, { signal, transfer });
      }
      const maps = await this.#together(seat, input, BATCH, { outputs, view, signal });
      this.#losses = 0;
      return isBound ? maps : [input, ...maps];
    };
    return this.#onSeat(run, signal, isBound);
  }

  /** Runs at most so many images at a time, or half as many where their maps are larger than a buffer can be. */
  async #together(
    resident: Resident,
    input: Tensor | GpuInput,
    most: number,
    { outputs, view, signal }: Pick<Args<"run">, "outputs" | "view"> & { readonly signal: AbortSignal },
  ): Promise<Tensor[]> {
    const parts: Tensor[][] = [];
    for (const part of partsOf(input, most)) {
      const prepared = await this.#prepared(resident, part.shape, outputs, view).catch((error) => {
        if (error instanceof ConvzooError && error.code === "too-large" && part.shape[0]! > 1)
          return undefined;
        throw error;
      });
      signal.throwIfAborted();
      const half = Math.ceil(part.shape[0]! / 2);
      parts.push(
        prepared
          ? await resident.run(prepared, part)
          : await this.#together(resident, part, half, { outputs, view, signal }),
      );
    }
    return outputs.map((_, i) => stack(parts.map((part) => part[i]!)));
  }

  #profile({ input, outputs, rounds }: Args<"profile">) {
    return this.#onSeat(async (seat) => {
      if (isHost(seat)) return seat.call("profile", { input, outputs, rounds });
      return seat.profile(await this.#prepared(seat, input.shape, outputs), input, rounds);
    });
  }

  #prepared(
    resident: Resident,
    shape: readonly number[],
    outputs: readonly number[],
    view?: number,
    onPipeline?: (done: number, all: number) => void,
  ): Promise<Prepared> {
    const key = JSON.stringify([shape, outputs, view]);
    const record = () => this.#core.call("record", { shape, outputs, view });
    return resident.prepare(key, record, onPipeline);
  }

  /** The number of a view is the same in every core, since all make them in the same order. */
  async #view({ graph }: Args<"view">): Promise<number> {
    return this.#onSeat(async (seat) => {
      const id = await (isHost(seat) ? seat : this.#core).call("view", { graph });
      this.#views[id] = graph;
      return id;
    });
  }

  /** Puts the network on a device. Rejects with `Lost` where that is lost meanwhile. */
  async #build(again: boolean): Promise<Resident> {
    const { graph, input, options } = this.#recipe;
    const { signal, onProgress } = again ? {} : options;
    const opening = this.#recipe.weights(again);
    opening.catch(() => undefined);
    let resident: Resident | undefined;
    try {
      const gpu = await this.#recipe.gpu();
      resident = new Resident(gpu);
      const limits = limitsFor(gpu, options);
      const { weights } = await opening;
      const [channels, ...size] = input;
      const warmUp = { shape: [1, channels, ...size], outputs: [graph.output] };
      let warm: Promise<Prepared> | undefined;
      const begin = (network: Parameters<Resident["begin"]>[0]) => {
        const begun = resident!.begin(network);
        // While the weights come: it takes the graph alone.
        const report = (loaded: number, total: number) => onProgress?.({ phase: "compile", loaded, total });
        warm = begun.then(() => this.#prepared(resident!, warmUp.shape, warmUp.outputs, undefined, report));
        warm.catch(() => undefined);
      };
      const take: Resident["take"] = (uploads, path) => resident!.take(uploads, path);
      const found = (tuning: Tuning) => {
        this.#tuning = tuning;
      };
      const isToTune = options.tune === true && !this.#tuning;
      const core = isToTune ? tunedOn(gpu, this.#core, found, signal) : this.#core;
      await this.#recipe.send(core, graph, weights, {
        ...options,
        tune: this.#tuning ?? false,
        size: size as unknown as readonly [number, number],
        signal,
        onProgress,
        gpu: { limits, begin, take },
      });
      for (const view of this.#views) await this.#core.call("view", { graph: view });
      await this.#warm(resident, warm!, warmUp.shape);
      if (this.#disposed) throw disposed();
      this.#resident = resident;
      this.#place = this.#core.place;
      gpu.listeners.add(this.#onLost);
      if (gpu.lost) throw new Lost();
      return resident;
    } catch (error) {
      this.#resident = undefined;
      if (resident) discard(resident, this.#onLost);
      throw error;
    } finally {
      void opening.then(({ close }) => close()).catch(() => undefined);
    }
  }

  /** The first run, which no caller should wait for. A network that takes no input of the size to expect has none. */
  async #warm(resident: Resident, warm: Promise<Prepared>, shape: readonly number[]): Promise<void> {
    const prepared = await warm.catch((error) => {
      if (error instanceof ConvzooError && error.code === "bad-shape") return undefined;
      throw error;
    });
    if (!prepared) return;
    await resident.run(prepared, { shape, data: new Float32Array(prepared.recording.input.floats) });
  }

  readonly #onLost = (info: GPUDeviceLostInfo): void => {
    if (this.#disposed) return;
    const isGiven = this.#resident?.gpu.isGiven;
    this.#leave();
    this.#seat = this.#again(info, isGiven === true);
    this.#seat.catch(() => undefined);
  };

  /** The network on another device, or where there is none on the CPU. Rejects with `device-lost`. */
  async #again(info: GPUDeviceLostInfo, isGiven: boolean): Promise<Seat> {
    const { recover = true, onDeviceLost } = this.#recipe.options;
    const tell = (device: Place["device"] | undefined) =>
      onDeviceLost?.({ reason: info.reason, message: info.message, device });
    if (isGiven || !recover) {
      tell(undefined);
      throw lostError(info, "Load the model again.");
    }
    while (++this.#losses < PATIENCE) {
      try {
        const seat = await this.#build(true);
        tell("webgpu");
        return seat;
      } catch (error) {
        if (this.#disposed) throw disposed();
        if (!(error instanceof Lost)) break;
      }
    }
    try {
      const host = await this.#recipe.wasm();
      if (this.#disposed) {
        host.dispose();
        throw disposed();
      }
      for (const graph of this.#views) await host.call("view", { graph });
      this.#place = host.place;
      this.#core.dispose();
      tell("wasm");
      return host;
    } catch (cause) {
      if (this.#disposed) throw disposed();
      tell(undefined);
      throw lostError(info, "The network could not be loaded again: load it anew.", cause);
    }
  }

  #leave(): void {
    const resident = this.#resident;
    this.#resident = undefined;
    if (resident) discard(resident, this.#onLost);
  }
}

function discard(resident: Resident, onLost: (info: GPUDeviceLostInfo) => void): void {
  resident.gpu.listeners.delete(onLost);
  resident.destroy();
  resident.gpu.release();
}

/** The limits to plan for. Throws `unsupported` where the device has not what is to be multiplied in. */
function limitsFor({ limits, isGiven }: Gpu, { arithmetic }: LoadOptions): GpuLimits {
  if (arithmetic !== "float16") return { ...limits, f16: false };
  if (limits.f16) return limits;
  const advice = isGiven
    ? 'ask for it with requiredFeatures: ["shader-f16"] if its adapter has it, or'
    : "this GPU computes in float32:";
  const message = `arithmetic: "float16" takes a device with shader-f16; ${advice} leave arithmetic out.`;
  throw new ConvzooError("unsupported", message);
}

const isHost = (seat: Seat): seat is Host => !(seat instanceof Resident);

/** An input cut so that at most so many images are in a part. */
function* partsOf(input: Tensor | GpuInput, most: number): Generator<Tensor | GpuInput> {
  const [n = 0, ...sides] = input.shape;
  const size = sides.reduce((product, side) => product * side, 1);
  for (let first = 0; first < n; first += most) {
    const shape = [Math.min(most, n - first), ...sides];
    if ("buffer" in input) yield { ...input, shape, offset: input.offset + 4 * first * size };
    else yield { shape, data: input.data.subarray(first * size, (first + shape[0]!) * size) };
  }
}
