import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { CHANNELS, fromRgba, type Mode } from "./pixels.js";

/**
 * What this file knows of a codec's .wasm, which Emscripten built with one-letter names for what it imports from its
 * host and exports. The letters belong to one release: its version is pinned, and the golden images tell if they moved.
 */
export interface CodecBuild {
  /** The imports that matter, by their letters; the rest register types for a general binding and may do nothing. */
  readonly imports: Readonly<Record<string, keyof Host>>;
  readonly exports: {
    readonly memory: string;
    readonly start: string;
    readonly malloc: string;
    readonly table: string;
  };
}

/** What a codec needs of its host. Pointers are byte offsets in its memory; handles stand for values of the host. */
type Host = ReturnType<typeof host>;
type Exported = (...args: number[]) => number;

/** Binding passes every argument in so many bytes. */
const ARGUMENT = 8;
/** Handles of our own; those below are Emscripten's for null, undefined, true and false. */
const FIRST_HANDLE = 16;
const PAGE = 65_536;
const MAX_MEMORY = 2 ** 31;

/** What the decoders are asked for; checked. */
export interface Wanted {
  readonly mode: Mode;
  readonly maxPixels: number;
  /** Whether to turn the image upright, as its EXIF data say. */
  readonly orientation: boolean;
}

/**
 * Decodes with a codec whose one function, `decode(bytes, ...flags)`, constructs a Uint8ClampedArray of RGBA bytes and
 * of that an ImageData, or gives null. This is the part of Emscripten's binding that takes, without the rest: 1 KB in
 * the place of 13, no global that Node lacks, no guess at the runtime, no URL.
 *
 * Each decode has an instance of its own: making one takes a millisecond, a codec that gave up on a damaged file cannot
 * spoil the next decode, and the memory that a large image took is given back. Throws `bad-image`, with `what` first;
 * RangeError if there is not enough memory.
 */
export function decodeWith(
  build: CodecBuild,
  module: WebAssembly.Module,
  what: string,
  bytes: Uint8Array,
  mode: Mode,
  ...flags: number[]
): Pixels {
  const codec = instantiate(build, module, mode);
  try {
    const text = codec.malloc(4 + bytes.length) >>> 0;
    // A C++ string: its length, then its bytes.
    new DataView(codec.memory.buffer).setUint32(text, bytes.length, true);
    new Uint8Array(codec.memory.buffer).set(bytes, text + 4);
    const { width = 0, height = 0, data } = codec.decode(text, ...flags);
    if (width === 0 || data?.length !== width * height * CHANNELS[mode])
      throw new Error("the codec gave no image");
    return { width, height, data };
  } catch (cause) {
    if (cause instanceof RangeError) throw cause;
    throw new ConvzooError("bad-image", `${what} is damaged and cannot be decoded; get another copy of it.`, {
      cause,
    });
  }
}

/** What a codec looks up or constructs: a global, by name; then an array, kept in the mode wanted; then the image. */
interface Value {
  readonly name?: string;
  readonly data?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
}

interface Instance {
  readonly memory: WebAssembly.Memory;
  readonly malloc: Exported;
  readonly values: Value[];
  /** Takes the string's place and the flags. */
  decode: (...args: number[]) => Value;
  readonly functionAt: (index: number) => Exported;
}

function instantiate(
  { imports, exports: names }: CodecBuild,
  module: WebAssembly.Module,
  mode: Mode,
): Instance {
  const codec = { values: [] as Value[] } as Instance;
  const offered = host(codec, mode);
  const given = WebAssembly.Module.imports(module).map(({ name }) => {
    const known = imports[name];
    return [name, known === undefined ? () => 0 : offered[known]] as const;
  });
  const { exports } = new WebAssembly.Instance(module, { a: Object.fromEntries(given) });
  const table = exports[names.table] as WebAssembly.Table;
  Object.assign(codec, {
    memory: exports[names.memory],
    malloc: exports[names.malloc],
    functionAt: (index: number) => table.get(index) as Exported,
  });
  (exports[names.start] as Exported)();
  return codec;
}

function host(codec: Instance, mode: Mode) {
  const uint32 = (at: number) => new DataView(codec.memory.buffer).getUint32(at, true);
  const setUint32 = (at: number, value: number) =>
    new DataView(codec.memory.buffer).setUint32(at, value, true);
  const nameAt = (at: number) => {
    const bytes = new Uint8Array(codec.memory.buffer, at);
    return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
  };
  const keep = (value: Value) => FIRST_HANDLE + codec.values.push(value) - 1;
  const valueAt = (handle: number): Value => codec.values[handle - FIRST_HANDLE] ?? {};

  /** `new Uint8ClampedArray(view)`, where a view is a length and a pointer; `new ImageData(array, width, height)`. */
  const construct = (what: number, args: number): number => {
    if (valueAt(what).name !== "ImageData") {
      const rgba = new Uint8Array(codec.memory.buffer, uint32(args + 4), uint32(args));
      return keep({ data: fromRgba(rgba, mode) });
    }
    const { data } = valueAt(uint32(args));
    return keep({ data, width: uint32(args + ARGUMENT), height: uint32(args + 2 * ARGUMENT) });
  };

  return {
    registerFunction: (
      name: number,
      _count: number,
      _types: number,
      _signature: number,
      invoker: number,
      fn: number,
    ) => {
      if (nameAt(name) === "decode")
        codec.decode = (...args) => valueAt(codec.functionAt(invoker)(fn, ...args));
    },
    getGlobal: (name: number) => keep({ name: nameAt(name) }),
    construct: (what: number, _count: number, _types: number, args: number) => construct(what, args),
    call: (_caller: number, what: number, _destructors: number, args: number) => construct(what, args),
    copy: (to: number, from: number, length: number) => {
      new Uint8Array(codec.memory.buffer).copyWithin(to >>> 0, from >>> 0, (from >>> 0) + (length >>> 0));
    },
    grow: (wanted: number) => {
      // Thrown, as WebAssembly's own is: a codec that is merely refused memory takes the file for damaged.
      if (wanted >>> 0 > MAX_MEMORY) throw new RangeError("a codec has at most 2 GiB");
      codec.memory.grow(Math.ceil(((wanted >>> 0) - codec.memory.buffer.byteLength) / PAGE));
      return 1;
    },
    /** An environment without variables. */
    environmentSizes: (count: number, bytes: number) => {
      setUint32(count, 0);
      setUint32(bytes, 0);
      return 0;
    },
    /** Swallows what is printed: warnings, of which the file's own checks say more. */
    write: (_file: number, parts: number, count: number, written: number) => {
      let total = 0;
      for (let i = 0; i < count; i++) total += uint32(parts + 8 * i + 4);
      setUint32(written, total);
      return 0;
    },
    giveUp: (code: number) => {
      throw new Error(`the codec gave up (${code})`);
    },
  };
}
