import type { Platform } from "../../platform.js";
import type { Gpu } from "./device.js";
/** The known-answer probe. */
export async function probe(_platform: Platform, _gpu: () => Promise<Gpu>): Promise<string | undefined> {
  return undefined;
}
