/** Whether a GPU may be used without being asked for: what it is, and whether it computes what it should. */
import { isConvzooError } from "../../errors.js";
import type { Platform } from "../../platform.js";
import { acquire, findAdapter } from "./device.js";
import type { Kit } from "./index.js";
import { probe } from "./probe/index.js";

/** The answers so far. */
const answers = new WeakMap<Platform, Promise<string | undefined>>();

/** Why `"auto"` is not to use the GPU here, or undefined where it may. Asked once. */
export function distrust(kit: Kit, platform: Platform): Promise<string | undefined> {
  const known = answers.get(platform);
  if (known) return known;
  const answer = ask(kit, platform);
  answers.set(platform, answer);
  answer.catch(() => answers.delete(platform));
  return answer;
}

/** What is wrong with products in float16, by the platform whose device it is or by a caller's device. */
const narrow = new WeakMap<object, Promise<string | undefined>>();

/** As `distrust`, of a device's products in float16. Rejects with `unsupported` where it has none. */
export function distrustNarrow(kit: Kit, platform: Platform, own?: GPUDevice): Promise<string | undefined> {
  const key = own ?? platform;
  const known = narrow.get(key);
  if (known) return known;
  const answer = probe(kit, platform, () => acquire(platform, own), "float16");
  narrow.set(key, answer);
  answer.catch(() => narrow.delete(key));
  return answer;
}

async function ask(kit: Kit, platform: Platform): Promise<string | undefined> {
  try {
    const { name, isSoftware } = await findAdapter(platform);
    if (isSoftware) return `the only WebGPU adapter is a program on the CPU (${name})`;
    const wrong = await probe(kit, platform, () => acquire(platform));
    return wrong && `${name}: ${wrong}`;
  } catch (error) {
    // Whatever keeps a GPU from being tried keeps it from being used. Reasons are no sentences, but parts of one.
    if (isConvzooError(error)) return error.message.replace(/\.$/, "");
    throw error;
  }
}
