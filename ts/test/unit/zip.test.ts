import { deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { inMemory } from "../../src/weights/bytes.js";
import { readZip } from "../../src/weights/zip.js";
import { text, zip } from "../zip.js";

const deflated = (data: Uint8Array) => new Uint8Array(deflateRawSync(data));

/** All entries, unpacked. */
async function unpacked(bytes: Uint8Array): Promise<[string, Uint8Array][]> {
  const entries = [...(await readZip(inMemory(bytes, "some.zip"))).values()];
  return Promise.all(
    entries.map(async (entry) => [entry.name, new Uint8Array(await entry.read(0, entry.size))] as const),
  ) as Promise<[string, Uint8Array][]>;
}

async function errorOf(bytes: Uint8Array): Promise<string> {
  const error: unknown = await unpacked(bytes).then(
    () => new Error("was accepted"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConvzooError)) throw error;
  expect(error).toMatchObject({ code: "bad-weights", source: "some.zip" });
  return error.message;
}

const zeros = new Uint8Array(100_000);

describe("what is read", () => {
  test("stored and deflated entries, empty ones, folders, any name, a comment", async () => {
    const archive = zip(
      [
        { name: "a/", data: new Uint8Array() },
        { name: "a/b", data: text("hello") },
        { name: "ä ∑", data: new Uint8Array() },
        { name: "packed", data: deflated(zeros), method: 8, size: zeros.length },
        { name: "__proto__", data: text("x") },
      ],
      "a comment",
    );
    expect(await unpacked(archive)).toEqual([
      ["a/b", text("hello")],
      ["ä ∑", new Uint8Array()],
      ["packed", zeros],
      ["__proto__", text("x")],
    ]);
  });

  test("parts of entries", async () => {
    const data = text("0123456789");
    for (const packed of [false, true]) {
      const entry = packed
        ? { name: "e", data: deflated(data), method: 8, size: data.length }
        : { name: "e", data };
      const entries = await readZip(inMemory(zip([entry]), "some.zip"));
      expect(new Uint8Array(await entries.get("e")!.read(3, 6))).toEqual(text("345"));
    }
  });

  test("nothing", async () => {
    expect(await unpacked(zip([]))).toEqual([]);
  });
});

describe("what is refused", () => {
  const packed = { name: "e", data: deflated(zeros), method: 8 };
  test.each<[string, Uint8Array, RegExp]>([
    ["no archive", text("hello, this is no archive at all"), /has no directory/],
    ["a missing end", zip([{ name: "e", data: text("hello") }]).slice(0, -1), /has no directory/],
    ["a missing start", zip([{ name: "e", data: text("hello") }]).slice(1), /damaged/],
    ["encryption", zip([{ name: "e", data: text("x"), flags: 1 }]), /e is encrypted/],
    ["another compression", zip([{ name: "e", data: text("x"), method: 14 }]), /by method 14/],
    ["a name that occurs twice", zip([0, 1].map(() => ({ name: "e", data: text("x") }))), /two entries e/],
    [
      "a name that is no text",
      zip([{ name: "e", data: text("x") }]).map((byte) => (byte === 0x65 ? 0xff : byte)),
      /UTF-8/,
    ],
    [
      "another name in its own header",
      zip([{ name: "e", data: text("x"), ownName: "f" }]),
      /header of its entry e/,
    ],
    ["a header that is none", zip([{ name: "e", data: text("x"), header: 3 }]), /header of its entry e/],
    ["a header outside", zip([{ name: "e", data: text("x"), header: 1e9 }]), /e lies outside/],
    [
      "more data than there are",
      zip([{ name: "e", data: text("x"), size: 80, packed: 80 }]),
      /e was cut short/,
    ],
    ["stored bytes of two counts", zip([{ name: "e", data: text("x"), size: 2 }]), /states 2 bytes, which 1/],
    ["a size that no compression reaches", zip([{ ...packed, size: 0x70000000 }]), /states 1879048192 bytes/],
    [
      "too large a size",
      zip([{ ...packed, size: zeros.length + 1 }]),
      /unpacks to 100000 bytes and not to its 100001/,
    ],
    ["too small a size", zip([{ ...packed, size: zeros.length - 1 }]), /more than its 99999 bytes/],
    [
      "garbage for data",
      zip([{ name: "e", data: text("garbage!"), method: 8, size: 20 }]),
      /e cannot be unpacked/,
    ],
    [
      "data cut short",
      zip([{ name: "e", data: packed.data.slice(0, -3), method: 8, size: zeros.length }]),
      /unpack/,
    ],
  ])("%s", async (_, archive, message) => {
    expect(await errorOf(archive)).toMatch(message);
  });

  test("entries that overlap", async () => {
    const shared = { data: new Uint8Array(), size: 1000, packed: 1000, header: 0, ownName: "e1" };
    const archive = zip([
      { name: "e1", data: zeros.subarray(0, 1000) },
      { name: "e2", ...shared },
      { name: "e3", ...shared },
    ]);
    expect(await errorOf(archive)).toMatch(/entries overlap/);
  });
});
