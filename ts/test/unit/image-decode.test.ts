import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import type { Wanted } from "../../src/image/codec.js";
import { type Codecs, decodeBytes } from "../../src/image/decode.js";
import { CHANNELS, MAX_PIXELS, type Mode } from "../../src/image/pixels.js";
import type { Pixels } from "../../src/tensor.js";

interface Goldens {
  readonly cases: readonly {
    name: string;
    size: [number, number];
    sha256: Readonly<Record<Mode, string>>;
    /** Of the image turned upright, as RGB; only where that makes a difference. */
    turned?: { size: [number, number]; sha256: string };
    base64: string;
  }[];
  readonly refused: readonly { name: string; base64: string }[];
  readonly photographs: Readonly<Record<string, string>>;
}

const goldens = JSON.parse(
  readFileSync(new URL("../goldens/preprocess/decode_cases.json", import.meta.url), "utf8"),
) as Goldens;

const require = createRequire(import.meta.url);
const compiled = {
  mozjpeg_dec: new WebAssembly.Module(
    readFileSync(require.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm")),
  ),
  squoosh_png: new WebAssembly.Module(
    readFileSync(require.resolve("@jsquash/png/codec/pkg/squoosh_png_bg.wasm")),
  ),
  webp_dec: new WebAssembly.Module(readFileSync(require.resolve("@jsquash/webp/codec/dec/webp_dec.wasm"))),
};
const codecs: Codecs = { wasm: async (name) => compiled[name] };

const defaults: Wanted = { mode: "RGB", maxPixels: MAX_PIXELS, orientation: false };
const decode = (bytes: Uint8Array, wanted: Partial<Wanted> = {}) =>
  decodeBytes(bytes, codecs, { ...defaults, ...wanted });
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

function golden(name: string) {
  const found = goldens.cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return { ...found, sha256: found.sha256.RGB, bytes: new Uint8Array(Buffer.from(found.base64, "base64")) };
}

/** The message of the `bad-image` that decoding must end with. */
async function refusal(bytes: Uint8Array): Promise<string> {
  const error: unknown = await decode(bytes).then(
    ({ width, height }) => `decoded to ${width} x ${height}`,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConvzooError)) throw new Error(`no ConvzooError: ${String(error)}`);
  expect(error.code).toBe("bad-image");
  return error.message;
}

describe("decoding gives Pillow's bytes", () => {
  test.each(goldens.cases)("$name", async ({ size, sha256: want, turned, base64 }) => {
    const bytes = Buffer.from(base64, "base64");
    for (const mode of ["RGB", "RGBA", "L"] as const) {
      const { width, height, data } = await decode(bytes, { mode });
      expect([width, height]).toEqual(size);
      expect(data.length).toBe(width * height * CHANNELS[mode]);
      expect(sha256(data), mode).toBe(want[mode]);
    }
    const { width, height, data } = await decode(bytes, { orientation: true });
    expect({ size: [width, height], sha256: sha256(data) }).toEqual(turned ?? { size, sha256: want.RGB });
  });

  test("of several files at once, and leaves no global behind", async () => {
    const some = goldens.cases.filter(({ name }) => /jpeg|png|webp/.test(name));
    const all = await Promise.all(some.map(({ base64 }) => decode(Buffer.from(base64, "base64"))));
    expect(all.map(({ data }) => sha256(data))).toEqual(some.map((one) => one.sha256.RGB));
    expect("ImageData" in globalThis).toBe(false);
  });

  test("of a file in the middle of a larger buffer", async () => {
    for (const name of ["jpeg gray", "png rgb 8", "webp lossy", "gif on a canvas", "bmp 24"]) {
      const { bytes, sha256: want } = golden(name);
      const larger = new Uint8Array(bytes.length + 20);
      larger.set(bytes, 7);
      expect(sha256((await decode(larger.subarray(7, 7 + bytes.length))).data), name).toBe(want);
    }
  });

  const images = new URL("../../../../shared/real/images/", import.meta.url);
  const here = existsSync(images);
  test.skipIf(!here)(
    `of photographs${here ? "" : " (skipped: ../shared/real/images is absent)"}`,
    async () => {
      const found: Record<string, string> = {};
      for (const name of Object.keys(goldens.photographs)) {
        found[name] = sha256((await decode(readFileSync(new URL(name, images)))).data);
      }
      expect(found).toEqual(goldens.photographs);
      expect(Object.keys(found).length).toBe(10);
    },
  );
});

describe("what cannot be decoded is refused with a reason", () => {
  const reasons: Record<string, RegExp> = {
    tiff: /a TIFF image; give a JPEG, PNG, WebP, GIF or BMP/,
  };
  test.each(goldens.refused)("$name", async ({ name, base64 }) => {
    expect(await refusal(Buffer.from(base64, "base64"))).toMatch(reasons[name] as RegExp);
  });

  test.each([
    ["", /is empty/],
    ["<!DOCTYPE html><title>404</title>", /an HTML page/],
    ["\n <html><body>", /an HTML page/],
    ["<svg xmlns='http://www.w3.org/2000/svg'/>", /an SVG drawing/],
    ['{"error":"not found"}', /JSON text/],
    ["version https://git-lfs.github.com/spec/v1", /is text/],
    ["PK\x03\x04aaaa", /a zip archive/],
    ["\0\0\0\x1cftypavif", /an AVIF image/],
    ["\x01\x02\x03\x04", /in no known format/],
  ])("%j", async (content, reason) => {
    expect(await refusal(Buffer.from(content, "latin1"))).toMatch(reason);
  });
});

describe("damaged files", () => {
  test.each([
    ["jpeg 4:2:0", "JPEG"],
    ["jpeg progressive", "JPEG"],
    ["jpeg CMYK 4:2:0", "JPEG"],
    ["jpeg YCCK progressive", "JPEG"],
    ["png rgb 8", "PNG"],
    ["png rgba 16 interlaced", "PNG"],
    ["webp lossy", "WebP"],
    ["webp lossless alpha", "WebP"],
    ["webp animation on a canvas", "WebP"],
    ["gif without a palette", "GIF"],
    ["bmp 32", "BMP"],
    ["bmp 8", "BMP"],
  ])("%s cut anywhere is refused by name", async (name, format) => {
    const { bytes } = golden(name);
    // The padding of a BMP's last row is no loss, nor is what ends a GIF.
    const spare = { "bmp 8": 3, "gif without a palette": 2 }[name] ?? 0;
    const last = bytes.length - spare;
    for (let length = 16; length < last; length++) {
      expect(await refusal(bytes.subarray(0, length)), `${length} bytes`).toContain(`The ${format} file is `);
    }
  });

  test("with wrong bytes decode to something or are refused, in time, and harm no later decode", async () => {
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (const name of [
      "jpeg 4:2:0",
      "jpeg progressive",
      "webp lossy",
      "webp lossless",
      "png rgb 8",
      "gif of all colours",
      "bmp 8",
    ]) {
      const { bytes, sha256: want } = golden(name);
      let refused = 0;
      for (let round = 0; round < 150; round++) {
        const wrong = bytes.slice();
        for (let i = 0; i <= round % 3; i++) wrong[random(wrong.length)] = random(256);
        const start = performance.now();
        const outcome: Pixels | unknown = await decode(wrong).catch((reason: unknown) => reason);
        if (outcome instanceof Error) {
          expect(outcome, `${name}, round ${round}: ${outcome.stack}`).toBeInstanceOf(ConvzooError);
          refused++;
        } else {
          const { width, height, data } = outcome as Pixels;
          expect(data.length).toBe(width * height * 3);
        }
        expect(performance.now() - start, `${name}, round ${round}`).toBeLessThan(1000);
      }
      expect(refused, name).toBeGreaterThan(0);
      expect(sha256((await decode(bytes)).data), name).toBe(want);
    }
  });

  test("a PNG whose data were changed is found out by its checksums", async () => {
    const { bytes } = golden("png rgb 8");
    const wrong = bytes.slice();
    wrong[wrong.length - 30] = (wrong[wrong.length - 30] as number) ^ 1;
    expect(await refusal(wrong)).toMatch(/checksum/);
  });

  test("a PNG with wrong data and right checksums decodes to something or is refused, and in time", async () => {
    const raw = Uint8Array.from({ length: 60 * 181 }, (_, i) => (i % 181 === 0 ? i % 5 : i * i));
    // Stored, as it is, and with codes.
    const sound = [deflateSync(raw, { level: 0 }), deflateSync(raw)];
    const outcomes = new Set<string>();
    for (let round = 0; round < 150; round++) {
      const wrong = Uint8Array.from(sound[round % 2]!);
      wrong[(round * 7919) % wrong.length] = round * 31;
      const start = performance.now();
      const outcome = await decode(png(60, 60, wrong)).then(
        ({ data }) => `${data.length} bytes`,
        (error: Error) => (error instanceof ConvzooError ? error.code : String(error.stack)),
      );
      outcomes.add(outcome);
      expect(performance.now() - start, `round ${round}`).toBeLessThan(1000);
    }
    expect([...outcomes].sort()).toEqual(["10800 bytes", "bad-image"]);
  });
});

describe("sizes are checked before decoding", () => {
  const withSize = (name: string, edit: (view: DataView) => void) => {
    const bytes = golden(name).bytes.slice();
    edit(new DataView(bytes.buffer));
    return bytes;
  };
  const jpegFrame = (view: DataView) => {
    for (let at = 2; ; at += 2 + view.getUint16(at + 2)) if (view.getUint8(at + 1) === 0xc0) return at + 5;
  };
  const jpeg = (width: number, height: number) =>
    withSize("jpeg 4:2:0", (view) => {
      view.setUint16(jpegFrame(view), height);
      view.setUint16(jpegFrame(view) + 2, width);
    });
  const bmp = (width: number, height: number) =>
    withSize("bmp 24", (view) => {
      view.setInt32(18, width, true);
      view.setInt32(22, height, true);
    });
  /** A GIF whose canvas, or whose first frame, is of this size. */
  const gif = (width: number, height: number, at = 6) =>
    withSize("gif without a palette", (view) => {
      view.setUint16(at, width, true);
      view.setUint16(at + 2, height, true);
    });
  const gifFrame = golden("gif without a palette").bytes.indexOf(0x2c) + 5;
  const webp = (width: number, height: number) =>
    withSize("webp lossless", (view) => view.setUint32(21, (width - 1) | ((height - 1) << 14), true));

  test.each([
    ["JPEG 0 x 0", jpeg(0, 0)],
    ["JPEG 0 x 5", jpeg(0, 5)],
    ["JPEG too large", jpeg(65_535, 65_535)],
    ["PNG 0 x 0", png(0, 0)],
    ["PNG too wide", png(65_536, 1)],
    ["PNG too large", png(13_378, 13_378)],
    ["PNG beyond 2^31", png(0xffffffff, 0xffffffff)],
    ["BMP 0 x 0", bmp(0, 0)],
    ["BMP negative width", bmp(-5, 5)],
    ["BMP too large", bmp(60_000, -60_000)],
    ["GIF too large", gif(60_000, 60_000)],
    ["GIF frame too large", gif(60_000, 60_000, gifFrame)],
    ["WebP too large", webp(16_384, 16_384)],
  ])("%s", async (_, bytes) => {
    expect(await refusal(bytes)).toMatch(/file is -?\d+ x \d+ pixels/);
  });

  test.each([
    ["JPEG", jpeg(13_000, 13_000)],
    ["PNG", png(13_000, 13_000)],
    ["GIF", gif(13_000, 13_000, gifFrame)],
    ["BMP", bmp(13_000, 13_000)],
  ])("a %s file far too short for its size is refused at once", async (format, bytes) => {
    const start = performance.now();
    expect(await refusal(bytes)).toContain(`The ${format} file is `);
    expect(performance.now() - start).toBeLessThan(200);
  });

  test("a PNG that would inflate to far more than its size is refused at once", async () => {
    const bomb = png(100, 100, deflateSync(new Uint8Array(200_000_000)));
    const start = performance.now();
    expect(await refusal(bomb)).toMatch(/its data \(\d+ bytes\) are too many for 100 x 100 pixels/);
    expect(performance.now() - start).toBeLessThan(200);
  });

  test("what a PNG's data hold beyond its pixels is neither kept nor waited for", async () => {
    const start = performance.now();
    const { data } = await decode(png(224, 224, deflateSync(new Uint8Array(200_000_000))));
    expect(data.every((byte) => byte === 0)).toBe(true);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test("a PNG with a second header is refused", async () => {
    const [small, large] = [png(1, 1), png(13_000, 13_000)];
    const header = large.subarray(8, 33);
    expect(await refusal(Buffer.concat([small.subarray(0, 33), header, small.subarray(33)]))).toMatch(
      /damaged/,
    );
  });

  test("a PNG for which the decoder gets no memory is too large, not damaged", async () => {
    const sound = png(2000, 2000, deflateSync(new Uint8Array(2000 * 6001)));
    expect((await decode(sound)).data.length).toBe(12_000_000);
    const small: Codecs = {
      wasm: async () => withMemoryOf(100, "@jsquash/png/codec/pkg/squoosh_png_bg.wasm"),
    };
    const call = decodeBytes(sound, small, defaults);
    await expect(call).rejects.toMatchObject({ name: "ConvzooError", code: "too-large" });
  });
});

/** A decoder whose memory cannot grow beyond so many pages of 64 KiB. */
function withMemoryOf(pages: number, path: string): WebAssembly.Module {
  const bytes = readFileSync(require.resolve(path));
  // The memory's section: its number and size, one memory, without a limit, and its pages at the start.
  const at = bytes.findIndex(
    (_, i) => bytes[i] === 5 && bytes.subarray(i + 1, i + 4).equals(Buffer.of(3, 1, 0)),
  );
  const start = bytes[at + 4] as number;
  const section = Buffer.of(5, 4, 1, 1, start, pages);
  return new WebAssembly.Module(Buffer.concat([bytes.subarray(0, at), section, bytes.subarray(at + 5)]));
}

/** An RGB PNG of this size that holds these data, by default next to none. */
function png(width: number, height: number, data: Uint8Array = deflateSync(new Uint8Array(4))): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = 2;
  const parts = [chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", new Uint8Array(0))];
  return new Uint8Array(Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), ...parts]));
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length, 0);
  body.copy(out, 4);
  let crc = ~0;
  for (const byte of body) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  out.writeUInt32BE(~crc >>> 0, body.length + 4);
  return out;
}
