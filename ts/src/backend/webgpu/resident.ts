/** A network on a device: its weights, the buffers of its maps, and its runs. The one file that gives a device work. */
import type { ConvzooError } from "../../errors.js";
import type { Tensor } from "../../tensor.js";
import type { StepTiming } from "../protocol.js";
import type { Gpu } from "./device.js";
import { Lost, refusal, watch } from "./faults.js";
import type { Binding, GpuNetwork, RecordedPipeline, Recording, Upload } from "./recording.js";
import { readTimes, type Timer, timerOf } from "./timer.js";

/** An input on the device: floats in the order of [N, C, H, W], from `offset` on. */
export interface GpuInput {
  readonly shape: readonly number[];
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** A recording that can run: what does not change from run to run. */
export interface Prepared {
  readonly recording: Recording;
  readonly pipelines: readonly GPUComputePipeline[];
  readonly params: GPUBuffer;
  groups: readonly GPUBindGroup[];
  /** Of the banks that `groups` name. */
  version: number;
}

/** Bytes that may be on their way to the device before it is waited for. */
const AHEAD = 64 << 20;
/** Recordings that are kept. */
const KEPT = 8;

const STORAGE = 0x80;
const UNIFORM = 0x40;
const COPY_SRC = 4;
const COPY_DST = 8;
const MAP_READ = 1;

export class Resident {
  readonly gpu: Gpu;
  #network: GpuNetwork | undefined;
  #weights: (GPUBuffer | undefined)[] = [];
  #banks: GPUBuffer[] = [];
  /** Counts the times that banks were replaced. */
  #version = 0;
  #ahead = 0;
  readonly #nothing: GPUBuffer;
  /** All that is to be destroyed. */
  readonly #buffers = new Set<GPUBuffer>();
  /** Buffers for answers that no run has. */
  readonly #idle: GPUBuffer[] = [];
  readonly #prepared = new Map<string, Promise<Prepared>>();
  #destroyed = false;

  constructor(gpu: Gpu) {
    this.gpu = gpu;
    this.#nothing = this.#create(16, STORAGE);
  }

  /** Takes what the core says the device is to hold. */
  async begin(network: GpuNetwork): Promise<void> {
    this.#network = network;
    await this.take(network.constants, "");
  }

  /** Takes weights of the layer of this path; their buffers come into being with the first of them. Rejects with `too-large`. */
  async take(uploads: readonly Upload[], path: string): Promise<void> {
    const { device } = this.gpu;
    const { fault } = watch(device, () => {
      for (const { buffer, offset, bytes } of uploads) {
        this.#weights[buffer] ??= this.#create(this.#network!.buffers[buffer]!, STORAGE | COPY_DST);
        device.queue.writeBuffer(this.#weights[buffer]!, offset, bytes);
        this.#ahead += bytes.length;
      }
    });
    const error = await fault;
    if (error) throw refusal(error, "the layer's weights", path);
    if (this.#ahead > AHEAD) {
      this.#ahead = 0;
      await device.queue.onSubmittedWorkDone();
    }
    this.#check();
  }

  /** A recording made ready, once; the eight used last are kept. `key` names it; `record` gives it. */
  prepare(
    key: string,
    record: () => Promise<Recording>,
    onPipeline?: (done: number, all: number) => void,
  ): Promise<Prepared> {
    const known = this.#prepared.get(key);
    this.#prepared.delete(key);
    const prepared = known ?? record().then((recording) => this.#prepare(recording, onPipeline));
    this.#prepared.set(key, prepared);
    prepared.catch(() => this.#prepared.delete(key));
    for (const [oldest, one] of this.#prepared) {
      if (this.#prepared.size <= KEPT) break;
      this.#prepared.delete(oldest);
      one.then(
        ({ params }) => this.#destroy(params),
        () => undefined,
      );
    }
    return prepared;
  }

  async #prepare(recording: Recording, onPipeline?: (done: number, all: number) => void): Promise<Prepared> {
    const all = recording.pipelines.length;
    let done = 0;
    const make = async (wanted: RecordedPipeline, index: number) => {
      const { shader, constants } = wanted;
      const pipeline = await this.gpu
        .pipeline(shader, this.#network!.shaders[shader] ?? "", constants)
        .catch(async (cause: Error) => {
          await this.#unlessLost();
          const step = recording.steps.find((one) => one.pipeline === index);
          throw refusal(cause, `the shader ${shader}`, step?.path);
        });
      onPipeline?.(++done, all);
      return pipeline;
    };
    const pipelines = await Promise.all(recording.pipelines.map(make));
    this.#check();
    const words = Uint32Array.from(recording.params);
    const { value, fault } = watch(this.gpu.device, () => {
      this.#grow(recording.banks);
      const params = this.#create(Math.max(16, words.byteLength), UNIFORM | COPY_DST);
      this.gpu.device.queue.writeBuffer(params, 0, words);
      return params;
    });
    const error = await fault;
    this.#check();
    if (error) {
      this.#destroy(value);
      this.#drop();
      throw refusal(error, "the network's maps");
    }
    return { recording, pipelines, params: value, groups: [], version: -1 };
  }

  /** Makes banks of at least these sizes. */
  #grow(sizes: readonly number[]): void {
    for (const [i, size] of sizes.entries()) {
      const bank = this.#banks[i];
      if (bank && bank.size >= size) continue;
      if (bank) this.#destroy(bank);
      this.#banks[i] = this.#create(Math.max(16, size), STORAGE | COPY_SRC | COPY_DST);
      this.#version++;
    }
  }

  /** Gives the banks up, which the next run makes anew. */
  #drop(): void {
    for (const bank of this.#banks) this.#destroy(bank);
    this.#banks = [];
    this.#version++;
  }

  /** Runs a recording; the maps of its outputs. Rejects with `Lost`, `too-large`, `device-failed`. */
  async run(prepared: Prepared, input: Tensor | GpuInput): Promise<Tensor[]> {
    const { device } = this.gpu;
    this.#check();
    const { outputs } = prepared.recording;
    const places: number[] = [];
    let bytes = 0;
    for (const { shape } of outputs) {
      places.push(bytes);
      bytes += 4 * count(shape);
    }
    const { value: answer, fault } = watch(device, () => {
      const answer = this.#answer(bytes);
      this.#write(prepared, input);
      const encoder = device.createCommandEncoder();
      if ("buffer" in input) this.#copyInput(encoder, prepared, input);
      this.#encode(encoder, prepared);
      for (const [i, { bank, offset, shape }] of outputs.entries())
        encoder.copyBufferToBuffer(this.#banks[bank]!, offset, answer, places[i]!, 4 * count(shape));
      device.queue.submit([encoder.finish()]);
      return answer;
    });
    try {
      await answer.mapAsync(MAP_READ, 0, bytes);
    } catch (cause) {
      this.#destroy(answer);
      await this.#unlessLost();
      throw await this.#fault(prepared, (await fault) ?? (cause as Error));
    }
    const maps = answer.getMappedRange(0, bytes).slice(0);
    answer.unmap();
    this.#idle.push(answer);
    const error = await fault;
    this.#check();
    if (error) throw await this.#fault(prepared, error);
    return outputs.map(({ shape }, i) => {
      return { shape, data: new Float32Array(maps, places[i], count(shape)) };
    });
  }

  #write({ recording }: Prepared, input: Tensor | GpuInput): void {
    this.#grow(recording.banks);
    if ("buffer" in input) return;
    const { bank, offset } = recording.input;
    const { buffer, byteOffset, byteLength } = input.data;
    this.gpu.device.queue.writeBuffer(this.#banks[bank]!, offset, buffer, byteOffset, byteLength);
  }

  #copyInput(encoder: GPUCommandEncoder, { recording }: Prepared, { buffer, offset }: GpuInput): void {
    const { bank, offset: to, floats } = recording.input;
    encoder.copyBufferToBuffer(buffer, offset, this.#banks[bank]!, to, 4 * floats);
  }

  /** All steps in one pass; with a timer, each in a pass of its own. */
  #encode(encoder: GPUCommandEncoder, prepared: Prepared, timer?: Timer): void {
    let pass = timer ? undefined : encoder.beginComputePass();
    for (const i of prepared.recording.steps.keys()) {
      if (timer) pass = encoder.beginComputePass({ timestampWrites: timer.writes(i) });
      this.#dispatch(pass!, prepared, i);
      if (timer) pass!.end();
    }
    if (!timer) pass!.end();
  }

  #dispatch(pass: GPUComputePassEncoder, prepared: Prepared, i: number): void {
    const { recording, pipelines } = prepared;
    if (prepared.version !== this.#version) {
      prepared.groups = recording.steps.map((_, i) => this.#group(prepared, i));
      prepared.version = this.#version;
    }
    const { pipeline, grid } = recording.steps[i]!;
    pass.setPipeline(pipelines[pipeline]!);
    pass.setBindGroup(0, prepared.groups[i]!);
    pass.dispatchWorkgroups(...grid);
  }

  #group({ recording, pipelines, params }: Prepared, i: number): GPUBindGroup {
    const { bindings, pipeline, path } = recording.steps[i]!;
    const resource = (binding: Binding): GPUBufferBinding => {
      if ("params" in binding) return { buffer: params, offset: binding.params, size: binding.size };
      if ("nothing" in binding) return { buffer: this.#nothing };
      const { offset, size } = binding;
      if ("bank" in binding) return { buffer: this.#banks[binding.bank]!, offset, size };
      return { buffer: this.#weights[binding.weights]!, offset, size };
    };
    const entries = bindings.map((one, binding) => ({ binding, resource: resource(one) }));
    return this.gpu.device.createBindGroup({
      label: path,
      layout: pipelines[pipeline]!.getBindGroupLayout(0),
      entries,
    });
  }

  /** The error for what a run's submission met: each step is tried by itself, to name the first that is refused. */
  async #fault(prepared: Prepared, error: GPUError | Error): Promise<ConvzooError> {
    const { device } = this.gpu;
    for (const [i, { pipeline, grid, path, op }] of prepared.recording.steps.entries()) {
      const { fault } = watch(device, () => {
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(prepared.pipelines[pipeline]!);
        pass.setBindGroup(0, this.#group(prepared, i));
        pass.dispatchWorkgroups(...grid);
        pass.end();
        device.queue.submit([encoder.finish()]);
      });
      const found = await fault;
      if (found) return refusal(found, `a step (${op})`, path);
    }
    return refusal(error, "a run");
  }

  /** Runs step by step; the least time of each in so many rounds. Rejects with `unsupported` too. */
  async profile(prepared: Prepared, input: Tensor, rounds: number): Promise<StepTiming[]> {
    const { device } = this.gpu;
    const { steps } = prepared.recording;
    const timer = timerOf(device, steps.length);
    try {
      const least = steps.map(() => Number.POSITIVE_INFINITY);
      for (let round = 0; round < rounds; round++) {
        this.#check();
        const { fault } = watch(device, () => {
          this.#write(prepared, input);
          const encoder = device.createCommandEncoder();
          this.#encode(encoder, prepared, timer);
          timer.resolve(encoder);
          device.queue.submit([encoder.finish()]);
        });
        const times = await readTimes(timer).catch(async (cause) => {
          await this.#unlessLost();
          throw await this.#fault(prepared, (await fault) ?? cause);
        });
        const error = await fault;
        if (error) throw await this.#fault(prepared, error);
        for (const [i, ms] of times.entries()) least[i] = Math.min(least[i]!, ms);
      }
      return steps.map(({ path, op, algorithm, shape, macs, products, reads, writes }, i) => {
        return { path, op, algorithm, shape, ms: least[i]!, macs, products, bytes: reads + writes };
      });
    } finally {
      timer.destroy();
    }
  }

  /** Milliseconds that some steps take, the mean of so many times one behind the other. Rejects as `run` does. */
  async time(prepared: Prepared, steps: readonly number[], times: number): Promise<number> {
    const { device } = this.gpu;
    this.#check();
    const timer = device.features.has("timestamp-query") ? timerOf(device, 1) : undefined;
    try {
      const start = performance.now();
      const { fault } = watch(device, () => {
        this.#grow(prepared.recording.banks);
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass(timer ? { timestampWrites: timer.writes(0) } : {});
        for (let i = 0; i < times; i++) for (const step of steps) this.#dispatch(pass, prepared, step);
        pass.end();
        timer?.resolve(encoder);
        device.queue.submit([encoder.finish()]);
      });
      const done = timer
        ? readTimes(timer).then(([ms]) => ms!)
        : device.queue.onSubmittedWorkDone().then(() => performance.now() - start);
      const ms = await done.catch(async (cause) => {
        await this.#unlessLost();
        throw await this.#fault(prepared, (await fault) ?? cause);
      });
      const error = await fault;
      this.#check();
      if (error) throw await this.#fault(prepared, error);
      return ms / times;
    } finally {
      timer?.destroy();
    }
  }

  /** Bytes of weights, of maps, and of all its buffers. */
  bytes(): readonly [number, number, number] {
    const sum = (buffers: Iterable<GPUBuffer | undefined>) =>
      [...buffers].reduce((total, buffer) => total + (buffer?.size ?? 0), 0);
    return [sum(this.#weights), sum(this.#banks), sum(this.#buffers)];
  }

  destroy(): void {
    this.#destroyed = true;
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
  }

  /** A buffer to map, that no other run uses. */
  #answer(bytes: number): GPUBuffer {
    const at = this.#idle.findIndex(({ size }) => size >= bytes);
    if (at >= 0) return this.#idle.splice(at, 1)[0]!;
    // Those that are too small for this are so for what follows.
    for (const small of this.#idle.splice(0)) this.#destroy(small);
    return this.#create(bytes, MAP_READ | COPY_DST);
  }

  #create(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const buffer = this.gpu.device.createBuffer({ size: Math.ceil(size / 4) * 4, usage });
    this.#buffers.add(buffer);
    return buffer;
  }

  #destroy(buffer: GPUBuffer): void {
    buffer.destroy();
    this.#buffers.delete(buffer);
  }

  #check(): void {
    if (this.gpu.lost || this.#destroyed) throw new Lost();
  }

  /** Throws `Lost` where that is why something failed; the device may need a moment to say so. */
  async #unlessLost(): Promise<void> {
    const moment = new Promise((resolve) => setTimeout(resolve, 200));
    await Promise.race([this.gpu.device.lost, moment]);
    this.#check();
  }
}

const count = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
