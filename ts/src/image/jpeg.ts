import type { Pixels } from "../tensor.js";
import { decodeCmyk } from "./cmyk.js";
import { type CodecBuild, decodeWith, type Wanted } from "./codec.js";
import { orientationOf } from "./exif.js";
import { type Mode, toPixels } from "./pixels.js";
import { isFrame, readSegments } from "./segments.js";
import { text } from "./sniff.js";

/** mozjpeg_dec.wasm of @jsquash/jpeg 1.6.0. */
const MOZJPEG: CodecBuild = {
  imports: {
    f: "registerFunction",
    i: "call",
    k: "getGlobal",
    o: "giveUp",
    r: "giveUp",
    s: "grow",
    u: "environmentSizes",
    v: "copy",
    x: "write",
    z: "giveUp",
  },
  exports: { memory: "A", start: "B", malloc: "D", table: "F" },
};

const APP1 = 0xe1;

/**
 * Decodes a JPEG file (baseline or progressive; gray, colour, CMYK) with libjpeg-turbo's arithmetic. Gives the EXIF
 * orientation too. Throws `bad-image`.
 */
export async function decodeJpeg(
  bytes: Uint8Array,
  { mode, maxPixels, orientation }: Wanted,
  wasm: () => Promise<WebAssembly.Module>,
): Promise<{ pixels: Pixels; turn: number }> {
  const segments = readSegments(bytes, maxPixels);
  const exif = segments.find(({ marker, body }) => marker === APP1 && text(body, 0, 6) === "Exif\0\0");
  const turn = orientation && exif ? orientationOf(exif.body) : 1;
  const module = await wasm();
  const asItLies = 0; // no EXIF turn
  const decode = (file: Uint8Array, as: Mode) =>
    decodeWith(MOZJPEG, module, "The JPEG file", file, as, asItLies);
  const frame = segments.find(({ marker }) => isFrame(marker))!;
  if (frame.body[5] !== 4) return { pixels: decode(bytes, mode), turn };
  return {
    pixels: toPixels(
      decodeCmyk(segments, (file) => decode(file, "RGB")),
      mode,
      maxPixels,
    ),
    turn,
  };
}
