import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { viewOf } from "./bytes.js";
import { type CodecBuild, decodeWith, type Wanted } from "./codec.js";
import { orientationOf } from "./exif.js";
import { CHANNELS, checkSize, type Mode } from "./pixels.js";
import { text } from "./sniff.js";

/** webp_dec.wasm of @jsquash/webp 1.5.0. */
const WEBP: CodecBuild = {
  imports: {
    c: "registerFunction",
    e: "getGlobal",
    h: "construct",
    j: "giveUp",
    n: "giveUp",
    p: "grow",
    q: "copy",
  },
  exports: { memory: "s", start: "t", malloc: "u", table: "y" },
};

/** Where a RIFF file's first chunk has its data. */
const FIRST = 20;

/** Flags of the extended header (VP8X). */
const ANIMATION = 2;
const ALPHA = 16;

/**
 * Decodes a WebP file, lossy or lossless, of an animation the first frame, with libwebp. Gives the EXIF orientation too.
 * Throws `bad-image`.
 */
export async function decodeWebp(
  bytes: Uint8Array,
  { mode, maxPixels, orientation }: Wanted,
  wasm: () => Promise<WebAssembly.Module>,
): Promise<{ pixels: Pixels; turn: number }> {
  const flags = checkWebp(bytes, maxPixels);
  const module = await wasm();
  const decode = (file: Uint8Array) => decodeWith(WEBP, module, "The WebP file", file, mode);
  const exif = orientation ? chunkOf(bytes, 12, "EXIF") : undefined;
  const pixels = flags & ANIMATION ? firstFrame(bytes, flags, mode, decode) : decode(bytes);
  return { pixels, turn: exif ? orientationOf(exif) : 1 };
}

/** Checks the size before anything is allocated; gives the flags of an extended header. */
function checkWebp(bytes: Uint8Array, maxPixels: number): number {
  const view = viewOf(bytes);
  // Each of the three headers is within 10 bytes of the first chunk.
  if (bytes.length < FIRST + 10 || view.getUint32(4, true) + 8 > bytes.length) {
    throw new ConvzooError("bad-image", "The WebP file is truncated. Fetch it again.");
  }
  const check = (width: number, height: number) => checkSize("The WebP file", width, height, maxPixels);
  const chunk = text(bytes, 12, 4);
  if (chunk === "VP8 ") {
    check(view.getUint16(FIRST + 6, true) & 0x3fff, view.getUint16(FIRST + 8, true) & 0x3fff);
  } else if (chunk === "VP8L") {
    const sizes = view.getUint32(FIRST + 1, true);
    check((sizes & 0x3fff) + 1, ((sizes >>> 14) & 0x3fff) + 1);
  } else if (chunk === "VP8X") {
    check(uint24(bytes, FIRST + 4) + 1, uint24(bytes, FIRST + 7) + 1);
    return view.getUint8(FIRST);
  } else throw damaged("it does not begin with an image");
  return 0;
}

/** The first frame of an animation on its canvas, which is transparent black where the frame does not reach. */
function firstFrame(
  bytes: Uint8Array,
  flags: number,
  mode: Mode,
  decode: (file: Uint8Array) => Pixels,
): Pixels {
  const [width, height] = [uint24(bytes, FIRST + 4) + 1, uint24(bytes, FIRST + 7) + 1];
  const frame = chunkOf(bytes, 12, "ANMF");
  if (!frame || frame.length < 16) throw damaged("it is an animation without a frame");
  const [left, top] = [2 * uint24(frame, 0), 2 * uint24(frame, 3)];
  if (left + uint24(frame, 6) + 1 > width || top + uint24(frame, 9) + 1 > height) {
    throw damaged("its first frame reaches beyond it");
  }
  // libwebp refuses a frame that is not of the size that is stated.
  const pixels = decode(still(frame));
  const channels = CHANNELS[mode];
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < pixels.height; y++) {
    const row = pixels.data.subarray(y * pixels.width * channels, (y + 1) * pixels.width * channels);
    data.set(row, ((top + y) * width + left) * channels);
  }
  if (mode === "RGBA" && !(flags & ALPHA)) {
    for (let at = 3; at < data.length; at += 4) data[at] = 255;
  }
  return { width, height, data };
}

/** A frame of an animation as a file of its own: an extended header of its size before its chunks. */
function still(frame: Uint8Array): Uint8Array {
  const chunks = frame.subarray(16);
  const file = new Uint8Array(FIRST + 10 + chunks.length);
  file.set(Array.from("RIFF----WEBPVP8X", (c) => c.charCodeAt(0)));
  const view = viewOf(file);
  view.setUint32(4, file.length - 8, true);
  view.setUint32(16, 10, true);
  file[FIRST] = ALPHA;
  file.set(frame.subarray(6, 12), FIRST + 4);
  file.set(chunks, FIRST + 10);
  return file;
}

/** What the first chunk of a name holds, of those from `start` on; undefined where there is none that is whole. */
function chunkOf(bytes: Uint8Array, start: number, name: string): Uint8Array | undefined {
  const view = viewOf(bytes);
  for (let at = start; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > bytes.length) return undefined;
    if (text(bytes, at, 4) === name) return bytes.subarray(at + 8, at + 8 + length);
    at += 8 + length + (length % 2);
  }
  return undefined;
}

function uint24(bytes: Uint8Array, at: number): number {
  return (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
}

function damaged(why: string): ConvzooError {
  return new ConvzooError("bad-image", `The WebP file is damaged: ${why}. Fetch it again.`);
}
