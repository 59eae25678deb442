/** Image files, a target for each format that is decoded. The corpus: scripts/make_decode_cases.py's files. */
import { readFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { isConvzooError } from "../../../src/errors.js";
import { decodeBytes } from "../../../src/image/decode.js";
import { CHANNELS } from "../../../src/image/pixels.js";
import { compiled } from "../../images.js";
import { among, damaged } from "../mutate.js";
import type { Target } from "../target.js";

const { cases, refused } = JSON.parse(
  readFileSync(new URL("../../goldens/preprocess/decode_cases.json", import.meta.url), "utf8"),
) as Record<"cases" | "refused", readonly { base64: string }[]>;
const files = [...cases, ...refused].map(({ base64 }) => Buffer.from(base64, "base64"));

const SIGNATURES = { jpeg: "\xff\xd8", png: "\x89PNG", webp: "RIFF", bmp: "BM", gif: "GIF8" } as const;
const MAX_PIXELS = 2 ** 22;
const MODES = ["L", "RGB", "RGBA"] as const;

/** A PNG's checksums made right again, without which hardly any damage would get past them. */
function withChecksums(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (file.length < 8 || file[0] !== 0x89) return bytes;
  for (let at = 8; at + 12 <= file.length; ) {
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length) break;
    file.writeUInt32BE(crc32(file.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return bytes;
}

export const images: readonly Target[] = Object.entries(SIGNATURES).map(([name, signature]) => {
  const own = files.filter((bytes) => bytes.toString("latin1", 0, 4).startsWith(signature));
  return {
    name,
    few: 400,
    share: 0.05,
    mostMib: 256,
    make(random) {
      const bytes = damaged(random(8) === 0 ? files : own, random);
      return random(4) > 0 ? withChecksums(bytes) : bytes;
    },
    async take(input) {
      // By the input alone, so that a file that was kept does the same again.
      const [mode, orientation] = [among(() => input.length % 3, MODES), input.length % 2 === 0];
      const wanted = { mode, maxPixels: MAX_PIXELS, orientation };
      try {
        const { width, height, data } = await decodeBytes(
          input,
          { wasm: async (codec) => compiled[codec] },
          wanted,
        );
        if (data.length !== width * height * CHANNELS[mode] || width * height > MAX_PIXELS)
          throw new Error(`${data.length} bytes for ${width} x ${height} pixels`);
        return "taken";
      } catch (error) {
        if (isConvzooError(error) && !["bad-image", "too-large"].includes(error.code))
          throw new Error(`the code is ${error.code}`, { cause: error });
        throw error;
      }
    },
  };
});
