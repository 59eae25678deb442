/** Where a core runs. */
import { ConvzooError } from "../errors.js";
import type { Platform } from "../platform.js";
import type { Channel } from "./channel.js";

/** Whether a worker can be started. */
export const hasWorkers = (platform: Platform): boolean =>
  platform.spawn !== undefined && !platform.noWorkers?.();

/** To an engine of its own, then to the workers that are to be its pool. */
export type Channels = readonly [Channel, ...Channel[]];

/** Channels for so many threads: to workers where any can be started, else to an engine in the caller's thread. */
export async function placesFor(platform: Platform, threads: number): Promise<Channels> {
  if (hasWorkers(platform)) {
    const spawn = () => platform.spawn!();
    return [spawn(), ...Array.from({ length: threads - 1 }, spawn)];
  }
  const channel = await platform.inPlace?.();
  if (channel) return [channel];
  throw new ConvzooError("unsupported", "This runtime has no place for the core to run in.");
}
