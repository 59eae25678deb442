/** The image decoders, compiled, and PNG files made to order. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { crc32, deflateSync } from "node:zlib";

const require = createRequire(import.meta.url);
const moduleOf = (path: string) => new WebAssembly.Module(readFileSync(require.resolve(path)));

export const compiled = {
  mozjpeg_dec: moduleOf("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"),
  squoosh_png: moduleOf("@jsquash/png/codec/pkg/squoosh_png_bg.wasm"),
  webp_dec: moduleOf("@jsquash/webp/codec/dec/webp_dec.wasm"),
};

function chunk(kind: string, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(kind, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** A black RGB image with more chunks before its data. */
export function pngOf(
  width: number,
  height: number,
  more: readonly (readonly [kind: string, data: Uint8Array])[],
): Uint8Array<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const chunks = [
    chunk("IHDR", header),
    ...more.map(([kind, data]) => chunk(kind, data)),
    chunk("IDAT", deflateSync(Buffer.alloc(height * (1 + 3 * width)))),
    chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...chunks]));
}
