/** Getting a .wasm, and saying what came in its place. */
import { ConvzooError } from "../errors.js";
import type { Flavour, Platform, WasmName, WasmSource } from "../platform.js";
import { isPlace, readSource } from "../weights/source.js";
import { type Choice, choose, FLAVOURS, type Wanted } from "./flavour.js";

/**
 * The core for a model: the compiled .wasm, which build it is, and the threads it gets. Rejects with `bad-option`,
 * `unsupported`, `bad-wasm`, or the signal's reason.
 */
export async function coreModule(
  platform: Platform,
  wanted: Wanted & { readonly wasm?: WasmSource },
  signal?: AbortSignal,
): Promise<Choice & { readonly module: WebAssembly.Module }> {
  const choice = await choose(platform, wanted);
  const module = await wasmModule(platform, choice.core, wanted.wasm, signal);
  const build = buildOf(module);
  if (build === choice.core) return { ...choice, module };
  // A .wasm of the caller's says itself which build it is.
  if (build && wanted.wasm !== undefined && wanted.core === undefined) {
    return { ...(await choose(platform, { ...wanted, core: build })), module };
  }
  const found = build ? `the build ${build} of the core` : "not the core of this version of convzoo";
  const advice = "Pass the file that lies in the package's wasm folder, or leave wasm out";
  throw new ConvzooError("bad-wasm", `The .wasm is ${found}; ${choice.core} was wanted. ${advice}.`);
}

/** The build that a module says it is, in the section that crates/nets/wasm.rs writes. */
function buildOf(module: WebAssembly.Module): Flavour | undefined {
  const [section] = WebAssembly.Module.customSections(module, "convzoo-build");
  const name = new TextDecoder().decode(section);
  return FLAVOURS.find((flavour) => flavour === name);
}

/** The URL or path given as an option, which is `what`. Throws `bad-option` where it is none. */
export function checkPlace(option: string, place: string | URL, what: string): string {
  const text = isPlace(place) ? String(place) : "";
  if (text !== "") return text;
  const message = `${option} is the URL (or in Node the path) ${what}, not ${JSON.stringify(place)}.`;
  throw new ConvzooError("bad-option", message);
}

/** The folder that the package's .wasm files are taken from instead of their own. Throws `bad-option` where it is none. */
export function checkFolder(folder: string | URL): string {
  const text = checkPlace("wasm", folder, "of a folder with the package's .wasm files");
  return text.endsWith("/") ? text : `${text}/`;
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>])
    .stream()
    .pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The compiled file `name` of the package, or what is `given` in its place. */
export async function wasmModule(
  platform: Platform,
  name: WasmName,
  given?: WasmSource,
  signal?: AbortSignal,
): Promise<WebAssembly.Module> {
  let source = given;
  if (source === undefined) source = await platform.wasm?.(name);
  if (source === undefined) {
    // A core is what the caller can pass; a decoder is not.
    const advice = name.includes("simd")
      ? "pass it to load as { wasm: module }"
      : `pass it as { decoders: { ${name}: module } }, or the image's pixels, { width, height, data }`;
    throw new ConvzooError("unsupported", `This runtime cannot read ${name}.wasm by itself: ${advice}.`);
  }
  if (source instanceof WebAssembly.Module) return source;
  const from =
    typeof source === "string" || source instanceof URL ? String(source) : `the ${name}.wasm that was passed`;
  let bytes: Uint8Array;
  try {
    bytes = await readSource(source, { platform, signal });
    // A server may have unpacked it on the way, and a caller as well.
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) bytes = await gunzip(bytes);
  } catch (cause) {
    signal?.throwIfAborted();
    const message = `${name}.wasm could not be read from ${from}: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new ConvzooError("bad-wasm", message, { source: from, cause });
  }
  const magic = [0, 0x61, 0x73, 0x6d];
  if (!magic.every((byte, i) => bytes[i] === byte)) {
    const start = new TextDecoder().decode(bytes.subarray(0, 60)).trimStart();
    const what = start.startsWith("<") ? "an HTML page" : bytes.length === 0 ? "nothing" : "something else";
    const advice =
      "Is the file deployed beside the package's JavaScript? Else pass its folder to init as { wasm }.";
    throw new ConvzooError("bad-wasm", `Got ${what} instead of ${name}.wasm from ${from}. ${advice}`, {
      source: from,
    });
  }
  try {
    return await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  } catch (cause) {
    const message = `${from} is not a WebAssembly module that this runtime can compile: ${String(cause)}`;
    throw new ConvzooError("bad-wasm", message, { source: from, cause });
  }
}
