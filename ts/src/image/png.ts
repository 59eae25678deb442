import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { viewOf } from "./bytes.js";
import type { Wanted } from "./codec.js";
import { orientationOf } from "./exif.js";
import { CHANNELS as BYTES, checkSize, fromRgba, type Mode } from "./pixels.js";
import { text } from "./sniff.js";

/** The import of squoosh_png_bg.wasm (@jsquash/png 3.1.1, pinned) that makes an ImageData of RGBA bytes. */
const NEW_IMAGE_DATA = "__wbg_newwithownedu8clampedarrayandsh_91db5987993a08fb";

/** All that the decoder is given. Gamma, profiles, animation and text count for nothing in Pillow's pixels. */
const KEPT = ["IHDR", "PLTE", "IDAT", "IEND"];

/** The samples a pixel of each colour type: gray, RGB, palette, gray with alpha, RGBA. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Deflate makes at most this many bytes of one. */
const MAX_RATIO = 1032;
const PAGE = 65_536;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly type: number;
}

/**
 * Decodes a PNG file (PNG specification, third edition) with Rust's `png`, of an animation the still image. Of 16-bit
 * colours the upper byte is kept, and of 16-bit gray what is above 255 becomes 255: both as Pillow does. Gives the EXIF
 * orientation too. Throws `bad-image`; RangeError if there is not enough memory.
 */
export async function decodePng(
  bytes: Uint8Array,
  { mode, maxPixels, orientation }: Wanted,
  wasm: () => Promise<WebAssembly.Module>,
): Promise<{ pixels: Pixels; turn: number }> {
  const { chunks, transparency, exif } = readChunks(bytes);
  const header = checkPng(chunks, maxPixels);
  const { depth, type } = header;
  const turn = orientation && exif ? orientationOf(exif) : 1;
  const alpha = mode === "RGBA" ? transparency : undefined;
  // A palette's alpha is the decoder's work; a transparent colour, Pillow compares to the bytes it made of the samples.
  if (alpha && type === 3) {
    const data = chunks.findIndex((chunk) => text(chunk, 4, 4) === "IDAT");
    chunks.splice(data, 0, alpha);
  }
  const decode = type === 0 && depth === 16 ? decodeGray16 : decodeWith;
  const pixels = decode(await wasm(), chunks, header, mode);
  if (alpha && (type === 0 || type === 2)) clear(pixels.data, transparentColor(alpha, header));
  return { pixels, turn };
}

/** 16-bit gray as 8-bit gray with alpha: the same bytes, filtered and interlaced alike. Alpha is then the lower byte. */
function decodeGray16(
  module: WebAssembly.Module,
  [signature, header, ...others]: readonly Uint8Array[],
  size: Header,
  mode: Mode,
): Pixels {
  // Not by slice, which for a Buffer is no copy. The decoder looks at no checksum.
  const disguised = new Uint8Array(header!);
  const [depth, grayWithAlpha] = [8, 4];
  disguised.set([depth, grayWithAlpha], 16);
  const { width, height, data } = decodeWith(module, [signature!, disguised, ...others], size, "RGBA");
  for (let at = 0; at < data.length; at += 4) {
    const gray = data[at] === 0 ? (data[at + 3] as number) : 255;
    data[at] = gray;
    data[at + 1] = gray;
    data[at + 2] = gray;
    data[at + 3] = 255;
  }
  return { width, height, data: mode === "RGBA" ? data : fromRgba(data, mode) };
}

/** The signature and the chunks that count, as views. Checksums are checked here, as the decoder was built not to. */
function readChunks(bytes: Uint8Array) {
  const view = viewOf(bytes);
  const chunks = [bytes.subarray(0, 8)];
  const others: Record<string, Uint8Array> = {};
  for (let at = 8; at + 12 <= bytes.length; ) {
    const next = at + 12 + view.getUint32(at);
    if (next > bytes.length) break;
    const type = text(bytes, at + 4, 4);
    const chunk = bytes.subarray(at, next);
    if (KEPT.includes(type)) {
      if (crc32(bytes.subarray(at + 4, next - 4)) !== view.getUint32(next - 4)) {
        throw damaged(`the checksum of a part (${type}) is wrong`);
      }
      chunks.push(chunk);
    } else others[type] ??= chunk;
    if (type === "IEND") return { chunks, transparency: others.tRNS, exif: others.eXIf?.subarray(8) };
    at = next;
  }
  throw truncated();
}

/** Checks the header, and by it the amount of data, before anything is allocated. */
function checkPng([, header, ...others]: readonly Uint8Array[], maxPixels: number): Header {
  if (header?.length !== 25 || text(header, 4, 4) !== "IHDR") throw damaged("it has no header");
  const view = viewOf(header);
  const width = view.getUint32(8);
  const height = view.getUint32(12);
  checkSize("The PNG file", width, height, maxPixels);
  const [depth, type] = [view.getUint8(16), view.getUint8(17)];
  // The size of what the data inflate to; up to four times as much where the image is interlaced.
  const raw = height * (1 + Math.ceil((width * (CHANNELS[type] ?? 0) * depth) / 8));
  const data = others.reduce((sum, chunk) => sum + (text(chunk, 4, 4) === "IDAT" ? chunk.length - 12 : 0), 0);
  if (data * MAX_RATIO < raw) throw truncated();
  // The decoder inflates even what is beyond the image. No data are larger than what they inflate to, but for some overhead.
  if (data > 4 * raw + 1024)
    throw damaged(`its data (${data} bytes) are too many for ${width} x ${height} pixels`);
  return { width, height, depth, type };
}

/** The colour that a tRNS chunk of gray or RGB makes transparent, as Pillow reads it: the samples' lower bytes. */
function transparentColor(chunk: Uint8Array, { depth, type }: Header): readonly number[] | undefined {
  const samples = type === 0 ? [9, 9, 9] : [9, 11, 13];
  if (chunk.length < 12 + (type === 0 ? 2 : 6)) return undefined;
  const color = samples.map((at) => chunk[at] as number);
  return depth === 1 ? color.map((sample) => (sample === 0 ? 0 : 255)) : color;
}

/** Makes the pixels of one colour transparent. */
function clear(rgba: Uint8Array, color: readonly number[] | undefined): void {
  if (!color) return;
  for (let at = 0; at < rgba.length; at += 4) {
    if (color.every((byte, c) => rgba[at + c] === byte)) rgba[at + 3] = 0;
  }
}

/**
 * Decodes with an instance of its own, for the reasons that `decodeWith` in codec.ts gives. This is the part of
 * wasm-bindgen's glue that takes; the other imports serve functions that are not called.
 */
function decodeWith(
  module: WebAssembly.Module,
  chunks: readonly Uint8Array[],
  size: Header,
  mode: Mode,
): Pixels {
  const images: Pixels[] = [];
  const host: Record<string, (...args: number[]) => number> = {
    [NEW_IMAGE_DATA]: (at, length, width, height) => {
      const rgba = new Uint8Array(memory.buffer, at! >>> 0, length! >>> 0);
      images.push({ width: width!, height: height!, data: fromRgba(rgba, mode) });
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
    const bytes = size.width * size.height * BYTES[mode];
    if (image?.width !== size.width || image.height !== size.height || image.data.length !== bytes)
      throw new Error("no image came of it");
    return image;
  } catch (cause) {
    // Rust traps where it gets no memory, as it does for a bug: asked again, memory that is short throws a RangeError.
    if (cause instanceof WebAssembly.RuntimeError)
      memory.grow(Math.ceil((size.width * size.height * 4) / PAGE));
    if (cause instanceof RangeError) throw cause;
    throw damaged("it cannot be decoded", cause);
  }
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
