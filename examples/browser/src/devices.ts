/** The switches of device and threads: what this browser has, and why not more. */
import { capabilities } from "convzoo";
import { byId, radios } from "./dom.js";
import { device, loaded, threads } from "./state.js";

export async function startDevices(): Promise<void> {
  const can = await capabilities();
  // The device that "auto" means, and the processor, which is always there.
  const devices = [...new Set<string>([can.device, "wasm"])];
  radios(byId("devices"), "device", devices, can.device, device.set);

  // Steps of two, and all of them.
  const steps = [1, 2, 4, 8, 16].filter((count) => count < can.threads);
  const counts = [...steps, can.threads].map(String);
  radios(byId("threads"), "threads", counts, String(can.threads), (count) => threads.set(Number(count)));

  const note = byId("threads-note");
  note.textContent = can.threadsReason ? `One thread: ${can.threadsReason}.` : "";
  note.hidden = !can.threadsReason;

  // What the model has counts, whatever was asked for.
  loaded.on((now) => {
    for (const [name, value] of [
      ["device", now?.model.device],
      ["threads", now?.model.threads],
    ] as const) {
      const input = document.querySelector<HTMLInputElement>(`input[name="${name}"][value="${value}"]`);
      if (input) input.checked = true;
    }
  });
}
