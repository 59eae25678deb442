/** Where a core runs. */
import { ConvzooError } from "../errors.js";
import type { Platform } from "../platform.js";
import type { Channel } from "./channel.js";

/** Whether a worker can be started. */
export const hasWorkers = (platform: Platform): boolean =>
  platform.spawn !== undefined && !platform.noWorkers?.();

/** A channel to an engine of its own: in a worker where one can be started, else in the caller's thread. */
export async function placeFor(platform: Platform): Promise<Channel> {
  if (hasWorkers(platform)) return platform.spawn!();
  const channel = await platform.inPlace?.();
  if (channel) return channel;
  throw new ConvzooError("unsupported", "This runtime has no place for the core to run in.");
}
