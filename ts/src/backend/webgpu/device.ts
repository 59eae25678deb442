/** GPUs: one device for all models of a platform, or a caller's own. */
import { ConvzooError } from "../../errors.js";
import type { Platform } from "../../platform.js";
import type { GpuLimits } from "./recording.js";

/** What is asked of an adapter, as much as it has: the first of each that a device gets by itself are the least of all. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupsPerDimension",
] as const;

/** Some that the types do not know yet. */
const FEATURES = ["timestamp-query", "subgroups", "shader-f16"] as GPUFeatureName[];

/** A device that models share. The last one that releases it destroys it, unless it is a caller's. */
export class Gpu {
  readonly device: GPUDevice;
  /** Whether it is a caller's, who alone can make another. */
  readonly isGiven: boolean;
  readonly limits: GpuLimits;
  /** Set once it is lost. */
  lost: GPUDeviceLostInfo | undefined;
  /** Called when it is lost. */
  readonly listeners = new Set<(info: GPUDeviceLostInfo) => void>();
  #users = 0;
  /** Shaders, with what is wrong with their texts. */
  readonly #modules = new Map<string, { module: GPUShaderModule; fault: Promise<GPUError | null> }>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  /** Dawn's device lives no longer than what it came from. */
  readonly #from: unknown;

  constructor(device: GPUDevice, isGiven: boolean, from?: unknown) {
    this.device = device;
    this.isGiven = isGiven;
    this.#from = from;
    this.limits = limitsOf(device);
    void device.lost.then((info) => {
      this.lost = info;
      for (const listener of [...this.listeners]) listener(info);
    });
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users > 0 || this.isGiven || !this.#from) return;
    this.lost ??= { __brand: "GPUDeviceLostInfo", reason: "destroyed", message: "no model uses it" };
    this.device.destroy();
  }

  /** The pipeline of a shader with these constants, made once. */
  pipeline(
    shader: string,
    text: string,
    constants: Readonly<Record<string, number>> = {},
  ): Promise<GPUComputePipeline> {
    const key = `${shader} ${JSON.stringify(constants)}`;
    const known = this.#pipelines.get(key);
    if (known) return known;
    const { device } = this;
    let made = this.#modules.get(shader);
    if (!made) {
      device.pushErrorScope("validation");
      const module = device.createShaderModule({ code: text, label: shader });
      made = { module, fault: device.popErrorScope().catch(() => null) };
      this.#modules.set(shader, made);
    }
    const { module, fault } = made;
    const compute = { module, entryPoint: "main", constants: { ...constants } };
    const pipeline = device
      .createComputePipelineAsync({ layout: "auto", compute, label: key })
      .catch(async (cause) => {
        throw (await fault) ?? cause;
      });
    this.#pipelines.set(key, pipeline);
    pipeline.catch(() => this.#pipelines.delete(key));
    return pipeline;
  }
}

/** Whether an adapter is a program on the CPU; some do not say so themselves. */
function isSoftware(info: GPUAdapterInfo | undefined): boolean {
  const name = `${info?.description} ${info?.device} ${info?.architecture}`;
  return info?.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render/i.test(name);
}

function limitsOf({ limits, features, adapterInfo }: GPUDevice): GpuLimits {
  return {
    binding: limits.maxStorageBufferBindingSize,
    buffer: limits.maxBufferSize,
    workgroupMemory: limits.maxComputeWorkgroupStorageSize,
    invocations: limits.maxComputeInvocationsPerWorkgroup,
    workgroup: [
      limits.maxComputeWorkgroupSizeX,
      limits.maxComputeWorkgroupSizeY,
      limits.maxComputeWorkgroupSizeZ,
    ],
    workgroups: limits.maxComputeWorkgroupsPerDimension,
    storageBuffers: limits.maxStorageBuffersPerShaderStage,
    subgroups: features.has("subgroups" as GPUFeatureName),
    f16: features.has("shader-f16"),
    fallback: isSoftware(adapterInfo),
  };
}

/** The devices that models share, by platform, and callers' own. */
const shared = new WeakMap<Platform, Promise<Gpu>>();
const given = new WeakMap<GPUDevice, Gpu>();

/**
 * A device to use until `release`: the caller's `own`, or that which the platform's models share. Rejects with `unsupported`
 * where there is none to be had, `bad-option` for what is no device, `device-lost` for one of the caller's that is lost.
 */
export async function acquire(platform: Platform, own?: GPUDevice): Promise<Gpu> {
  if (own !== undefined) return acquireOwn(own);
  const known = await shared.get(platform)?.catch(() => undefined);
  if (known && !known.lost) return known.retain();
  const opening = open(platform);
  shared.set(platform, opening);
  opening.catch(() => shared.delete(platform));
  const gpu = (await opening).retain();
  return gpu;
}

async function acquireOwn(own: GPUDevice): Promise<Gpu> {
  if (typeof own?.createComputePipelineAsync !== "function")
    throw new ConvzooError("bad-option", "gpu is a GPUDevice, as requestDevice() gives it.");
  let gpu = given.get(own);
  if (!gpu) {
    gpu = new Gpu(own, true);
    given.set(own, gpu);
    // Lets a device that is lost already say so.
    await Promise.race([own.lost, new Promise((resolve) => setTimeout(resolve))]);
  }
  if (gpu.lost) throw lostError(gpu.lost, "Pass one that is not.");
  return gpu.retain();
}

/** The platform's best adapter, with what it is called. Rejects with `unsupported`. */
export async function findAdapter(
  platform: Platform,
): Promise<{ gpus: GPU; adapter: GPUAdapter; name: string; isSoftware: boolean }> {
  const gpus = await platform.gpu?.();
  if (!gpus) {
    const where = "browsers have it on https pages and localhost, Node with the npm package webgpu installed";
    throw new ConvzooError("unsupported", `This runtime has no WebGPU (${where}).`);
  }
  const adapter = await gpus.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    const why = "no GPU, a driver that it does not trust, or one that is switched off";
    throw new ConvzooError("unsupported", `WebGPU found no adapter: ${why}.`);
  }
  const { info } = adapter;
  const name = info.description || info.device || info.architecture || info.vendor || "unnamed";
  return { gpus, adapter, name, isSoftware: isSoftware(info) };
}

async function open(platform: Platform): Promise<Gpu> {
  const { gpus, adapter, name } = await findAdapter(platform);
  const features = FEATURES.filter((feature) => adapter.features.has(feature));
  const limits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  try {
    const device = await adapter.requestDevice({ requiredFeatures: features, requiredLimits: limits });
    return new Gpu(device, false, [gpus, adapter]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ConvzooError("unsupported", `The GPU ${name} gave no device: ${why}`, { cause });
  }
}

/** For calls that a lost device leaves without an answer. */
export function lostError(info: GPUDeviceLostInfo, advice: string, cause?: unknown): ConvzooError {
  const why = info.message ? `${info.reason}: ${info.message}` : info.reason;
  return new ConvzooError("device-lost", `The GPU device was lost (${why}). ${advice}`, { cause });
}
