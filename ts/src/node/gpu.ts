/** The GPUs of Node, by Dawn, where the package `webgpu` is installed; Deno and Bun have their own or none. */

/** Kept, as Dawn's devices do not outlive it. */
let dawn: Promise<GPU | undefined> | undefined;

/** The runtime's GPUs, or undefined. */
export async function gpu(): Promise<GPU | undefined> {
  if (globalThis.navigator?.gpu) return navigator.gpu;
  dawn ??= open();
  return dawn;
}

async function open(): Promise<GPU | undefined> {
  // Not as a constant, by which bundlers would look for a package that need not be there, or bundle its native code.
  const name = decodeURIComponent("webgpu");
  try {
    const { create } = (await import(name)) as { create: (options: string[]) => GPU };
    // Times as they are: nobody else's secrets are in this process.
    return create(["disable-dawn-features=timestamp_quantization"]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}
