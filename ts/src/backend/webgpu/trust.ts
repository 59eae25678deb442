/** Whether a GPU may be used without being asked for: what it is, and whether it computes what it should. */
import { isConvzooError } from "../../errors.js";
import type { Platform } from "../../platform.js";
import { acquire, findAdapter } from "./device.js";
import type { Kit } from "./index.js";
import { probe } from "./probe/index.js";

/** The answers so far, by platform, and by the device of a caller. */
const answers = new WeakMap<object, Promise<string | undefined>>();
const adapters = new WeakMap<Platform, Promise<string | undefined>>();

/** Why `"auto"` is not to use the GPU here, or undefined where it may. Asked once. */
export async function distrust(kit: Kit, platform: Platform): Promise<string | undefined> {
  let adapter = adapters.get(platform);
  if (!adapter) {
    adapter = distrustAdapter(platform);
    adapters.set(platform, adapter);
  }
  return (await adapter) ?? wrongKernel(kit, platform);
}

async function distrustAdapter(platform: Platform): Promise<string | undefined> {
  try {
    const { name, isSoftware } = await findAdapter(platform);
    return isSoftware ? `the only WebGPU adapter is a program on the CPU (${name})` : undefined;
  } catch (error) {
    if (isConvzooError(error)) return error.message;
    throw error;
  }
}

/**
 * Which kernel the GPU, or the caller's `own` device, computes wrongly, in words; undefined where none. A small network with
 * every kind of kernel is run for that, once.
 */
export function wrongKernel(kit: Kit, platform: Platform, own?: GPUDevice): Promise<string | undefined> {
  const key = typeof own === "object" && own !== null ? own : platform;
  const known = answers.get(key);
  if (known) return known;
  const answer = probe(kit, platform, () => acquire(platform, own));
  answers.set(key, answer);
  // A GPU that could not be had at all may be there the next time.
  answer.catch(() => answers.delete(key));
  return answer;
}
