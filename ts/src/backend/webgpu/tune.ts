/** Which way of computing each convolution and linear layer is the fastest here, by the device's own clock. */
import type { CoreHost, Host } from "../host.js";
import type { Args, Tuning } from "../protocol.js";
import type { Gpu } from "./device.js";
import type { GpuNetwork, Trial } from "./recording.js";
import { Resident } from "./resident.js";

/** Rounds in which candidates are timed in turns; in the first, drivers may still compile. */
const ROUNDS = 4;
/** Milliseconds that a clock can tell apart well: the device's, which browsers round to a tenth, and that of whole submissions. */
const ENOUGH = { device: 2, submission: 10 } as const;
/** Times that a layer is computed for that at most. */
const TIMES = 256;
/** What takes so much longer than the best is timed no more. */
const HOPELESS = 2;

/**
 * A core that finds a tuning on a device when it is given its network, and takes the network again with what was found;
 * `found` is told.
 */
export function tunedOn(
  gpu: Gpu,
  core: CoreHost,
  found: (tuning: Tuning) => void,
  signal?: AbortSignal,
): Host {
  const network = async (args: Args<"network">, options: Parameters<Host["call"]>[2]) => {
    const { shaders } = (await core.call("network", args, options))!;
    const trials = await core.call("trials", {}, options);
    const tuning = await measured(gpu, shaders, trials, signal);
    found(tuning);
    return core.call("network", { ...args, tuning }, options);
  };
  const call: Host["call"] = async (call, args, options) =>
    call === "network"
      ? ((await network(args as Args<"network">, options)) as never)
      : core.call(call, args, options);
  return { place: core.place, call, dispose: () => core.dispose() };
}

/** The fastest candidate of each trial. Rejects as `Resident.run` does, and with the signal's reason. */
async function measured(
  gpu: Gpu,
  shaders: GpuNetwork["shaders"],
  trials: readonly Trial[],
  signal?: AbortSignal,
): Promise<Tuning> {
  const tuning: Record<string, string> = {};
  for (const trial of trials) {
    signal?.throwIfAborted();
    const resident = new Resident(gpu);
    try {
      await resident.begin({ shaders, buffers: trial.buffers, constants: [] });
      // The first bytes make a buffer, which is all zeros.
      const zero = trial.buffers.map((_, buffer) => ({ buffer, offset: 0, bytes: new Uint8Array(4) }));
      await resident.take(zero, trial.key);
      tuning[trial.key] = await fastest(resident, trial, signal);
    } finally {
      resident.destroy();
    }
  }
  return tuning;
}

async function fastest(resident: Resident, { candidates }: Trial, signal?: AbortSignal): Promise<string> {
  const enough = ENOUGH[resident.gpu.device.features.has("timestamp-query") ? "device" : "submission"];
  let left = await Promise.all(
    candidates.map(async ({ name, recording }) => {
      const prepared = await resident.prepare(name, async () => recording);
      // Not what brings the input into its place and the output out of it.
      const steps = [...recording.steps.keys()].filter((i) => recording.steps[i]!.op !== "flatten");
      return { name, prepared, steps, ms: Number.POSITIVE_INFINITY, last: Number.POSITIVE_INFINITY };
    }),
  );
  for (let round = 0; round < ROUNDS; round++) {
    for (const one of left) {
      signal?.throwIfAborted();
      const times = Math.min(TIMES, Math.max(1, Math.ceil(enough / one.last)));
      one.last = await resident.time(one.prepared, one.steps, times);
      if (round > 0) one.ms = Math.min(one.ms, one.last);
    }
    const best = Math.min(...left.map(({ ms }) => ms));
    if (round > 0) left = left.filter(({ ms }) => ms <= HOPELESS * best);
  }
  return left.reduce((best, one) => (one.ms < best.ms ? one : best)).name;
}
