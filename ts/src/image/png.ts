import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { checkSize, dropAlpha } from "./pixels.js";
import { text } from "./sniff.js";

/** The import of squoosh_png_bg.wasm (@jsquash/png 3.1.1, pinned) that makes an ImageData of RGBA bytes. */
const NEW_IMAGE_DATA = "__wbg_newwithownedu8clampedarrayandsh_91db5987993a08fb";

/** All that the decoder is given. Its alpha (tRNS), gamma, profiles, animation and text count for nothing in Pillow's RGB. */
const WANTED = ["IHDR", "PLTE", "IDAT", "IEND"];

/** The samples a pixel of each colour type: gray, RGB, palette, gray with alpha, RGBA. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Deflate makes at most this many bytes of one. */
const MAX_RATIO = 1032;
const PAGE = 65_536;

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes a PNG file (PNG specification, third edition) with Rust's `png`, of an animation the still image. Of 16-bit
 * colours the upper byte is kept, as Pillow does; 16-bit gray, of which Pillow's RGB keeps only the lowest 256 levels, is
 * refused. Throws `bad-image`; RangeError if there is not enough memory.
 */
export async function decodePng(bytes: Uint8Array, wasm: () => Promise<WebAssembly.Module>): Promise<Pixels> {
  const chunks = wantedChunks(bytes);
  return decodeWith(await wasm(), chunks, checkPng(chunks));
}

/** The signature and the wanted chunks, as views. Their checksums are checked here, as the decoder was built not to. */
function wantedChunks(bytes: Uint8Array): Uint8Array[] {
  const view = viewOf(bytes);
  const chunks = [bytes.subarray(0, 8)];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const next = at + 12 + view.getUint32(at);
    if (next > bytes.length) break;
    const type = text(bytes, at + 4, 4);
    if (WANTED.includes(type)) {
      if (crc32(bytes.subarray(at + 4, next - 4)) !== view.getUint32(next - 4)) {
        throw damaged(`the checksum of a part (${type}) is wrong`);
      }
      chunks.push(bytes.subarray(at, next));
    }
    if (type === "IEND") return chunks;
    at = next;
  }
  throw truncated();
}

/** Checks the header, and by it the amount of data, before anything is allocated. Gives the image's size. */
function checkPng([, header, ...others]: readonly Uint8Array[]): Size {
  if (header?.length !== 25 || text(header, 4, 4) !== "IHDR") throw damaged("it has no header");
  const view = viewOf(header);
  const width = view.getUint32(8);
  const height = view.getUint32(12);
  checkSize("The PNG file", width, height);
  const [depth, type] = [view.getUint8(16), view.getUint8(17)];
  if (type === 0 && depth === 16) {
    throw new ConvzooError("bad-image", "The PNG file is gray with 16 bits a pixel; save it with 8.");
  }
  // The size of what the data inflate to; up to four times as much where the image is interlaced.
  const raw = height * (1 + Math.ceil((width * (CHANNELS[type] ?? 0) * depth) / 8));
  const data = others.reduce((sum, chunk) => sum + (text(chunk, 4, 4) === "IDAT" ? chunk.length - 12 : 0), 0);
  if (data * MAX_RATIO < raw) throw truncated();
  // The decoder inflates even what is beyond the image. No data are larger than what they inflate to, but for some overhead.
  if (data > 4 * raw + 1024)
    throw damaged(`its data (${data} bytes) are too many for ${width} x ${height} pixels`);
  return { width, height };
}

/**
 * Decodes with an instance of its own, for the reasons that `decodeWith` in codec.ts gives. This is the part of
 * wasm-bindgen's glue that takes; the other imports serve functions that are not called.
 */
function decodeWith(module: WebAssembly.Module, chunks: readonly Uint8Array[], size: Size): Pixels {
  const images: Pixels[] = [];
  const host: Record<string, (...args: number[]) => number> = {
    [NEW_IMAGE_DATA]: (at, length, width, height) => {
      const rgba = new Uint8Array(memory.buffer, at! >>> 0, length! >>> 0);
      images.push({ width: width!, height: height!, data: dropAlpha(rgba) });
      return 0;
    },
    __wbindgen_throw: () => {
      throw new Error("the decoder gave up");
    },
  };
  const wbg = WebAssembly.Module.imports(module).map(({ name }) => [name, host[name] ?? (() => 0)] as const);
  const { exports } = new WebAssembly.Instance(module, { wbg: Object.fromEntries(wbg) });
  const memory = exports.memory as WebAssembly.Memory;
  const malloc = exports.__wbindgen_malloc as (length: number, align: number) => number;
  const decode = exports.decode as (at: number, length: number) => number;
  try {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    const file = malloc(length, 1) >>> 0;
    let at = file;
    for (const chunk of chunks) {
      new Uint8Array(memory.buffer).set(chunk, at);
      at += chunk.length;
    }
    decode(file, length);
    const [image] = images;
    if (image?.width !== size.width || image.height !== size.height) throw new Error("no image came of it");
    return image;
  } catch (cause) {
    // Rust traps where it gets no memory, as it does for a bug: asked again, memory that is short throws a RangeError.
    if (cause instanceof WebAssembly.RuntimeError)
      memory.grow(Math.ceil((size.width * size.height * 4) / PAGE));
    if (cause instanceof RangeError) throw cause;
    throw damaged("it cannot be decoded", cause);
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function truncated(): ConvzooError {
  return new ConvzooError(
    "bad-image",
    "The PNG file is truncated: it ends before its image does. Fetch it again.",
  );
}

function damaged(why: string, cause?: unknown): ConvzooError {
  return new ConvzooError("bad-image", `The PNG file is damaged: ${why}. Fetch it again.`, { cause });
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = (c & 1) === 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 0xff] as number);
  return ~crc >>> 0;
}
