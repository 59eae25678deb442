/** The switches of device and threads: what this browser has, and why not more. */
import { type Capabilities, capabilities } from "convzoo";
import { byId, radios } from "./dom.js";
import { device, type Loaded, loaded, threads } from "./state.js";

export async function startDevices(): Promise<void> {
  const can: Capabilities & { readonly deviceReason?: string } = await capabilities();
  // The device that "auto" means, and the processor, which is always there.
  const devices = [...new Set<string>([can.device, "wasm"])];
  radios(byId("devices"), "device", devices, can.device, device.set);

  // Steps of two, and all of them.
  const steps = [1, 2, 4, 8, 16].filter((count) => count < can.threads);
  const counts = [...steps, can.threads].map(String);
  radios(byId("threads"), "threads", counts, String(can.threads), (count) => threads.set(Number(count)));

  note("device-note", can.deviceReason && `No GPU: ${can.deviceReason}.`);
  note("threads-note", can.threadsReason && `One thread: ${can.threadsReason}.`);

  loaded.on(show);
  show(loaded.value);
}

function note(id: string, text: string | undefined): void {
  byId(id).textContent = text ?? "";
  byId(id).hidden = !text;
}

/** What the model has counts, whatever was asked for. */
function show(now: Loaded | undefined): void {
  if (!now) return;
  const { device, threads } = now.model;
  for (const [name, value] of Object.entries({ device, threads })) {
    const input = document.querySelector<HTMLInputElement>(`input[name="${name}"][value="${value}"]`);
    if (input) input.checked = true;
  }
}
