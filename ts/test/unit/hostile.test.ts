/** Attacks by name, where no other test has them: names that would be prototypes or paths, files that unpack to very much more. */
import { deflateRawSync, deflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { checkPreprocess } from "../../src/image/checks.js";
import { decodeBytes } from "../../src/image/decode.js";
import type { PreprocessOptions } from "../../src/image/preprocess.js";
import { fromOnnx } from "../../src/onnx/index.js";
import { parseInfer } from "../../src/serve/v2/request.js";
import { inMemory } from "../../src/weights/bytes.js";
import { loadWeights } from "../../src/weights/index.js";
import { readSafetensors } from "../../src/weights/safetensors.js";
import { readSharded } from "../../src/weights/sharded.js";
import { zoo } from "../../src/zoo/index.js";
import { errorOf, fixture } from "../checkpoints.js";
import { compiled, pngOf } from "../images.js";
import { onnxBytes } from "../onnx-cases.js";
import { text, zip } from "../zip.js";

/** Runs `work` and gives by how many MiB the process grew at most, looked at now and then. */
async function growth(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = () => {
    most = Math.max(most, process.memoryUsage.rss());
  };
  const timer = setInterval(look, 1);
  await work();
  clearInterval(timer);
  look();
  return (most - before) / 2 ** 20;
}

describe("a name that would be a prototype", () => {
  const safetensors = (key: string) => {
    const header = text(`{"${key}":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`);
    const bytes = new Uint8Array(8 + header.length + 4);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true);
    bytes.set(header, 8);
    return bytes;
  };

  test.each(["__proto__", "constructor", "toString"])(
    "%s is a key of an index like any other",
    async (key) => {
      const index = text(`{"weight_map": {"${key}": "a.safetensors"}, "__proto__": {"polluted": 1}}`);
      const open = async (name: string) => readSafetensors(inMemory(safetensors(key), name));
      const { tensors } = await readSharded(inMemory(index, "index.json"), open);
      expect([...tensors.keys()]).toEqual([key]);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    },
  );

  test("is no option", () => {
    const options = JSON.parse('{"__proto__": {"classes": 3}}') as object;
    expect(() => zoo.alexnet.build(options)).toThrow(/no option "__proto__"/);
    expect(() => checkPreprocess(JSON.parse('{"__proto__": {"resize": 1}}'))).toThrow(
      /no image option "__proto__"/,
    );
  });
});

describe("an option", () => {
  test("that cannot become a text is refused as any other", async () => {
    const strange = JSON.parse('{"toString": 5, "valueOf": 5}');
    const given = { resize: strange, crop: null, interpolation: "bilinear", mean: [0, 0, 0], std: [1, 1, 1] };
    expect(() => checkPreprocess(given as PreprocessOptions)).toThrow(/resize is .*; an object was given/);
    await expect(fromOnnx({}, onnxBytes("add_rows"), null as unknown as object)).rejects.toMatchObject({
      code: "bad-option",
    });
  });
});

describe("a name that would be a path", () => {
  const npy = () => fixture("single.npy");

  test.each(["../../etc/passwd.npy", "/etc/passwd.npy", "..\\..\\x.npy", "C:\\x.npy"])(
    "%s in an archive is a key",
    async (name) => {
      const archive = zip([{ name, data: npy() }]);
      const opened: string[] = [];
      const open = async (path: string | URL) => {
        opened.push(String(path));
        return {
          size: archive.length,
          read: async (a: number, b: number) => archive.slice(a, b),
          close: async () => {},
        };
      };
      const read = async () => archive;
      const weights = await loadWeights("given.npz", { platform: { read, open } });
      expect([...weights.keys()]).toEqual([name.replace(/\.npy$/, "")]);
      expect(new Set(opened)).toEqual(new Set(["given.npz"]));
    },
  );

  test("is no registered checkpoint's: each has a plain name, which is a file of the cache", () => {
    const urls = Object.values(zoo).flatMap(({ weights }) => Object.values(weights).map(({ url }) => url()));
    const remote = urls.filter((url) => typeof url === "string");
    expect(remote.length).toBeGreaterThan(50);
    const names = remote.map((url) => url.slice(url.lastIndexOf("/") + 1));
    expect(names.filter((name) => !/^\w[\w.-]*\.pth$/.test(name))).toEqual([]);
  });
});

describe("a file that unpacks to very much more", () => {
  const MiB = 2 ** 20;
  /** 256 MiB of zeros, with the head and the checksum that a PNG wants. */
  const packed = deflateSync(Buffer.alloc(256 * MiB));
  const raw = packed.subarray(2, -4);

  test("as an entry of an archive that says so: not more than deflate can make of it", async () => {
    const data = deflateRawSync(Buffer.alloc(MiB));
    for (const name of ["x.npy", "a/data.pkl"]) {
      const bomb = zip([{ name, data, method: 8, size: 4 * 2 ** 30 - 2 }]);
      const most = await growth(async () => {
        const error = await errorOf(bomb);
        expect([error.code, error.message]).toEqual([
          "bad-weights",
          expect.stringContaining("in the archive cannot be"),
        ]);
      });
      expect(most).toBeLessThan(64);
    }
  });

  test("as an entry of an archive that does not say so: not more than it says", async () => {
    for (const name of ["x.npy", "a/data.pkl"]) {
      const bomb = zip([{ name, data: raw, method: 8, size: 1000 }]);
      const most = await growth(async () =>
        expect((await errorOf(bomb)).message).toMatch(/unpacks to more than its 1000/),
      );
      expect(most).toBeLessThan(64);
    }
  });

  test("as entries that share their bytes", async () => {
    const data = deflateRawSync(Buffer.alloc(MiB));
    const entries = Array.from({ length: 100 }, (_, i) => ({
      name: `${i}.npy`,
      data,
      method: 8,
      size: MiB,
      header: 0,
    }));
    const whole = zip(entries);
    // The directory alone, behind one entry.
    const directory = whole.length - 22 - entries.reduce((sum, { name }) => sum + 46 + name.length, 0);
    const first = whole.slice(0, 35 + 5 + data.length);
    const quine = new Uint8Array([...first, ...whole.slice(directory)]);
    new DataView(quine.buffer).setUint32(quine.length - 6, first.length, true);
    expect((await errorOf(quine)).message).toMatch(/overlap/);
  });

  test.each(["iCCP", "zTXt", "iTXt"])("as a PNG's %s", async (kind) => {
    const head = { iCCP: "a\0\0", zTXt: "a\0\0", iTXt: "a\0\x01\0\0\0" }[kind]!;
    const image = pngOf(2, 2, [[kind, Buffer.concat([Buffer.from(head, "latin1"), packed])]]);
    const most = await growth(async () => {
      const wanted = { mode: "RGB", maxPixels: 100, orientation: false } as const;
      const given = await decodeBytes(image, { wasm: async (name) => compiled[name] }, wanted);
      expect([given.width, given.height]).toEqual([2, 2]);
    });
    expect(most).toBeLessThan(128);
  });

  test("as a tensor of which a request says only that it is large", () => {
    const inputs = [{ name: "input", datatype: "FP32", shape: [1, 1, 2 ** 14, 2 ** 14], data: [1, 2] }];
    const body = new Uint8Array(text(JSON.stringify({ inputs })));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => parseInfer(body, null)).toThrow(/its data has 2/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MiB);
    inputs[0]!.shape = [1, 1, 2 ** 30, 2 ** 30];
    expect(() => parseInfer(new Uint8Array(text(JSON.stringify({ inputs }))), null)).toThrow(
      /its data has 2/,
    );
  });
});

describe("text that is no UTF-8", () => {
  test("in an index or a safetensors header", async () => {
    const index = Uint8Array.from([...text('{"weight_map": {"a'), 0xff, ...text('": "b.safetensors"}}')]);
    const none = async () => Promise.reject(new Error("opened"));
    await expect(readSharded(inMemory(index, "index.json"), none)).rejects.toMatchObject({
      code: "bad-weights",
    });
    const header = Uint8Array.from([
      ...text('{"a'),
      0xed,
      0xa0,
      0x80,
      ...text('":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    ]);
    const bytes = new Uint8Array(8 + header.length);
    bytes[0] = header.length;
    bytes.set(header, 8);
    await expect(readSafetensors(inMemory(bytes, "a.safetensors"))).rejects.toMatchObject({
      code: "bad-weights",
    });
  });
});
