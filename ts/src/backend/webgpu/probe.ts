import type { Platform } from "../../platform.js";
import type { Gpu } from "./device.js";
import type { Kit } from "./index.js";
/** The known-answer probe. */
export async function probe(
  _kit: Kit,
  _platform: Platform,
  _gpu: () => Promise<Gpu>,
): Promise<string | undefined> {
  return undefined;
}
