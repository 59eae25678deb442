/** A core's module come to life. */
import { ConvzooError } from "../errors.js";

/** wasm-bindgen's glue of any build. */
interface Glue {
  initSync(given: { module: WebAssembly.Module }): { readonly memory: WebAssembly.Memory };
}

/** The memory of a new instance. Throws `bad-wasm` where the module is not the core, `too-large` where memory is short. */
export function instantiate(glue: Glue, module: WebAssembly.Module): WebAssembly.Memory {
  try {
    return glue.initSync({ module }).memory;
  } catch (cause) {
    if (cause instanceof RangeError) {
      const message =
        "There is not enough memory to start the core; dispose of models that are not needed, or use fewer.";
      throw new ConvzooError("too-large", message, { cause });
    }
    if (!(cause instanceof WebAssembly.LinkError || cause instanceof TypeError)) throw cause;
    const message = `The .wasm is not this version's core (${cause.message}); pass the file that lies in the package's wasm folder.`;
    throw new ConvzooError("bad-wasm", message, { cause });
  }
}
