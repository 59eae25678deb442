/** The built package, as a user has it: the call into the worker and back is in the time. */
import type { Engine, Given } from "../engine.js";

export const file = "model.safetensors";

export async function start({ model, input, bytes, pixels, threads, convzoo }: Given): Promise<Engine> {
  const { load, zoo } = (await import(convzoo.entry)) as typeof import("../../ts/src/node.js");
  const loaded = await load(zoo[model].build(), { weights: bytes, threads });
  const x = { shape: input, data: pixels };
  return {
    version: convzoo.version,
    how: `${loaded.core}, ${loaded.threads} threads`,
    run: async () => (await loaded.run(x)).data,
    // A halo's step clears a map's border, not the map whose bytes it tells.
    work: async () => (await loaded.profile(x, { rounds: 1 })).filter(({ op }) => op !== "halo"),
  };
}
