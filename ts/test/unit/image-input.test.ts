import { describe, expect, test } from "vitest";
import { imageMessage } from "../../src/image/input.js";
import type { Platform } from "../../src/platform.js";

const decoders = "file:///package/decoders.js";
const platform: Platform = {
  cores: () => 1,
  noThreads: () => "none here",
  decoders: () => new URL(decoders),
};

const files = {
  mozjpeg_dec: Uint8Array.of(0xff, 0xd8, 0xff),
  squoosh_png: Uint8Array.from("\x89PNG\r\n\x1a\n", (c) => c.charCodeAt(0)),
  webp_dec: new TextEncoder().encode("RIFF----WEBP"),
};
const bmp = new TextEncoder().encode("BM");
const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

/** What an image becomes, and the decoders that were asked for. */
async function sent(bytes: Uint8Array) {
  const asked: string[] = [];
  const decoder = async (name: string) => {
    asked.push(name);
    return empty;
  };
  const { message } = await imageMessage(bytes, platform, decoder);
  return { message, asked };
}

describe("encoded images take their decoder along", () => {
  test.each(Object.entries(files))("%s", async (name, bytes) => {
    const { message, asked } = await sent(bytes);
    expect(asked).toEqual([name]);
    expect(message).toEqual({ bytes, codec: empty, decoders });
  });

  test("BMP, and what is no image, none", async () => {
    for (const bytes of [bmp, Uint8Array.of(1, 2, 3)]) {
      const { message, asked } = await sent(bytes);
      expect(asked).toEqual([]);
      expect(message).toEqual({ bytes, codec: undefined, decoders });
    }
  });

  test("nor do pixels", async () => {
    const pixels = { width: 1, height: 1, data: Uint8Array.of(1, 2, 3) };
    const decoder = () => Promise.reject(new Error("pixels need no decoder"));
    const { message } = await imageMessage(pixels, platform, decoder);
    expect(message).toEqual({ pixels });
  });
});
