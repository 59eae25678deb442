/** The image decoders in a worker, which imports them with its first image. */
import type * as decoders from "../image/decode.js";

/** From their file, which some bundlers make a script that leaves them in the global scope. */
export async function importDecoders(url: string): Promise<typeof decoders> {
  const module = await import(url);
  return "decodeBytes" in module
    ? module
    : (globalThis as unknown as { convzooDecoders: typeof decoders }).convzooDecoders;
}
