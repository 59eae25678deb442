import { ConvzooError } from "../errors.js";
import type { Pixels } from "../tensor.js";
import { type CodecBuild, decodeWith } from "./codec.js";
import { checkSize } from "./pixels.js";
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

/** Decodes a still WebP file, lossy or lossless, with libwebp. Throws `bad-image`. */
export async function decodeWebp(
  bytes: Uint8Array,
  wasm: () => Promise<WebAssembly.Module>,
): Promise<Pixels> {
  checkWebp(bytes);
  return decodeWith(WEBP, await wasm(), "The WebP file", bytes);
}

function checkWebp(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Each of the three headers is within 10 bytes of the first chunk.
  if (bytes.length < FIRST + 10 || view.getUint32(4, true) + 8 > bytes.length) {
    throw new ConvzooError("bad-image", "The WebP file is truncated. Fetch it again.");
  }
  const chunk = text(bytes, 12, 4);
  if (chunk === "VP8 ") {
    checkSize(
      "The WebP file",
      view.getUint16(FIRST + 6, true) & 0x3fff,
      view.getUint16(FIRST + 8, true) & 0x3fff,
    );
  } else if (chunk === "VP8L") {
    const sizes = view.getUint32(FIRST + 1, true);
    checkSize("The WebP file", (sizes & 0x3fff) + 1, ((sizes >>> 14) & 0x3fff) + 1);
  } else if (chunk === "VP8X") {
    if ((view.getUint8(FIRST) & 2) !== 0) {
      throw new ConvzooError("bad-image", "The WebP file is an animation; give one frame of it as an image.");
    }
    const uint24 = (at: number) => view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    checkSize("The WebP file", uint24(FIRST + 4) + 1, uint24(FIRST + 7) + 1);
  } else {
    throw new ConvzooError(
      "bad-image",
      "The WebP file is damaged: it does not begin with an image. Fetch it again.",
    );
  }
}
