/** The page's side: bundled and served by chromium.ts, which calls what is put on `bench` here. */
import { open, type Settings, type Time } from "./engine.js";

const read = async (address: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is not served`);
  return new Uint8Array(await response.arrayBuffer());
};

let time: Time;
Object.assign(globalThis, {
  bench: {
    open: async (settings: Settings) => {
      const started = await open(settings, (name) => read(`/build/bench/${settings.model}/${name}`));
      time = started.time;
      return started.opened;
    },
    time: (runs: number) => time(runs),
  },
});
