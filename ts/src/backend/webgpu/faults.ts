/** What a device says is wrong, as errors of ours. */
import { ConvzooError } from "../../errors.js";

/** Thrown where the device was lost under a call, which can be made again on another. */
export class Lost extends Error {}

/** The scopes in which errors are caught; the one opened last is asked first. */
const SCOPES = ["internal", "out-of-memory", "validation"] as const;

/** Does something on a device; `fault` is what the device says is wrong with it, if anything. */
export function watch<T>(
  device: GPUDevice,
  work: () => T,
): { readonly value: T; readonly fault: Promise<GPUError | undefined> } {
  for (const scope of SCOPES) device.pushErrorScope(scope);
  let errors: Promise<GPUError | null>[] = [];
  let value: T;
  try {
    value = work();
  } finally {
    // A lost device has nothing to say.
    errors = SCOPES.map(() => device.popErrorScope().catch(() => null));
  }
  const fault = Promise.all(errors).then((all) => all.find((error) => error !== null) ?? undefined);
  return { value, fault };
}

/** An error of the device, about the layer of this path. */
export function refusal(fault: { readonly message: string }, what: string, node?: string): ConvzooError {
  if (isOutOfMemory(fault)) {
    const advice = 'Run fewer or smaller images at a time, use a smaller network, or device: "wasm"';
    return new ConvzooError("too-large", `The GPU has not enough memory for ${what}. ${advice}.`, { node });
  }
  const message = `The GPU refused ${what}. Please report this: ${fault.message.trim()}`;
  return new ConvzooError("device-failed", message, { node, cause: fault });
}

function isOutOfMemory(fault: object): boolean {
  return fault.constructor?.name === "GPUOutOfMemoryError";
}
