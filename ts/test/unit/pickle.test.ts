/** The machine that reads pickles, opcode by opcode; the fixtures of checkpoints.test.ts are whole files. */
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { inMemory } from "../../src/weights/bytes.js";
import { readPytorch } from "../../src/weights/pytorch/index.js";
import { OutOfBytes, unpickle } from "../../src/weights/pytorch/pickle.js";
import { Call, Global, Reference, type Value } from "../../src/weights/pytorch/value.js";
import { expected, factsOf, fixture } from "../checkpoints.js";

/** A character a byte. */
const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

/** Throws "damaged: ..." or "unsafe: ...". */
const refuse = {
  damaged: (message: string): never => {
    throw new Error(`damaged: ${message}`);
  },
  unsafe: (what: string): never => {
    throw new Error(`unsafe: ${what}`);
  },
};

const read = (text: string): Value => unpickle(bytesOf(text), 0, refuse).value;

describe("values", () => {
  const cases: [name: string, pickle: string, value: unknown][] = [
    ["nothing", "\x80\x02N.", null],
    ["truth", "\x80\x04(\x88\x89t.", [true, false]],
    ["BININT", "J\xfe\xff\xff\xff.", -2],
    ["BININT1, BININT2", "K\xffM\xff\xff\x86.", [255, 65535]],
    ["LONG1", "\x8a\x00\x8a\x01\xff\x8a\x02\xff\x00\x87.", [0, -1, 255]],
    ["LONG1 beyond 2^53", "\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.", -(2n ** 63n)],
    ["LONG4", "\x8b\x03\x00\x00\x00\x00\x00\x01.", 65536],
    ["BINFLOAT", "G\xbf\xf8\x00\x00\x00\x00\x00\x00.", -1.5],
    [
      "texts",
      "X\x02\x00\x00\x00\xc3\xa4\x8c\x01b\x8d\x01\x00\x00\x00\x00\x00\x00\x00c\x87.",
      ["ä", "b", "c"],
    ],
    ["Python 2's strings", "U\x01aT\x02\x00\x00\x00\xc3\xa4\x86.", ["a", "ä"]],
    ["Python 2's strings that are no text", "U\x01\xe4.", new Uint8Array([0xe4])],
    ["bytes", "C\x01\x01B\x01\x00\x00\x00\x02\x86.", [new Uint8Array([1]), new Uint8Array([2])]],
    ["a list", "]K\x01a(K\x02K\x03e.", [1, 2, 3]],
    ["a set", "\x8f(K\x01K\x02\x90.", [1, 2]],
    ["a frozen set", "(K\x01\x91.", [1]],
    ["tuples", "()K\x01\x85K\x02K\x03\x86K\x04K\x05K\x06\x87t.", [[], [1], [2, 3], [4, 5, 6]]],
    [
      "a dictionary",
      "}K\x01K\x02s(K\x01K\x03K\x04K\x05u.",
      new Map([
        [1, 3],
        [4, 5],
      ]),
    ],
    ["what is thrown away", "K\x01K\x020(K\x03K\x041.", 1],
    ["the memo", "K\x05q\x00K\x06r\x01\x00\x00\x00\x86\x94h\x00j\x01\x00\x00\x00h\x02\x87.", [5, 6, [5, 6]]],
    ["frames", "\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00K\x07.", 7],
    ["a name", "ctorch\nFloatStorage\n.", new Global("torch.FloatStorage")],
    ["a name from the stack", "\x8c\x05torch\x8c\x07float16\x93.", new Global("torch.float16")],
    ["a name of Python 2", "c__builtin__\nint\n.", new Global("builtins.int")],
    ["a call", "ctorch\ndevice\n\x8c\x03cpu\x85R.", new Call("torch.device", ["cpu"])],
    [
      "an object and its attributes",
      "cargparse\nNamespace\n)\x81}\x8c\x01aK\x01sb.",
      new Call("argparse.Namespace", []),
    ],
    ["an ordered dictionary", "ccollections\nOrderedDict\n)RK\x01K\x02s.", new Map([[1, 2]])],
    ["one with pairs", "ccollections\nOrderedDict\n]K\x01K\x02\x86a\x85R.", new Map([[1, 2]])],
    ["a counter", "ccollections\nCounter\n}K\x01K\x02s\x85R.", new Map([[1, 2]])],
    ["a size", "ctorch\nSize\nK\x03K\x04\x86\x85R.", [3, 4]],
    ["a reference", "\x8c\x07storageK\x01\x86Q.", new Reference(["storage", 1])],
  ];
  test.each(cases)("%s", (_, pickle, value) => {
    expect(read(pickle)).toEqual(value);
  });

  test("what is shared is one object, also within itself", () => {
    const list = read("]q\x00h\x00a.") as Value[];
    expect(list[0]).toBe(list);
  });

  test("several in a row, each with its end and its references", () => {
    const bytes = bytesOf("K\x01.\x80\x02(\x8c\x01stQ.");
    const first = unpickle(bytes, 0, refuse);
    expect(first).toEqual({ value: 1, references: [], end: 3 });
    const second = unpickle(bytes, first.end, refuse);
    expect(second).toEqual({
      value: new Reference(["s"]),
      references: [new Reference(["s"])],
      end: bytes.length,
    });
  });
});

describe("refusals", () => {
  test.each([
    ["an unknown protocol", "\x80\x06N.", /^damaged: .*protocol/],
    ["an empty stack at the end", ".", /^damaged: .*takes what is not there/],
    ["an empty stack", "0N.", /^damaged: .*takes what is not there/],
    ["taking from below a mark", "K\x01(0.", /^damaged: .*takes what is not there/],
    ["a tuple from below a mark", "K\x01K\x02(K\x03\x86.", /^damaged: .*takes what is not there/],
    ["a list that was not begun", "K\x01t.", /^damaged: .*did not begin/],
    ["an item of no list", "K\x01K\x02a.", /^damaged: .*no list/],
    ["an item of no dictionary", "]K\x01K\x02s.", /^damaged: .*no dictionary/],
    ["a key without a value", "}(K\x01u.", /^damaged: .*a key to nothing/],
    ["a memo that is empty", "h\x00.", /^damaged: .*lacks/],
    ["text that is none", "\x8c\x01\xff.", /^damaged: .*UTF-8/],
    ["an integer without end", `\x8b\xff\xff\xff\x00${"\x01".repeat(99)}.`, /^damaged: .*16777215 bytes/],
    ["a name without end", `c${"x".repeat(5000)}`, /^damaged: .*a name of more than/],
    ["a name that is none", "K\x01K\x02\x93.", /^damaged: .*no text/],
    ["a reference to what is none", "K\x01Q.", /^damaged: .*no storage/],
    ["a call of a number", "K\x01)R.", /^unsafe: a call/],
    ["a call without arguments", "ctorch\ndevice\nNR.", /^unsafe: a call/],
    [
      "an inner name",
      "ctorch._utils\n_rebuild_tensor_v2.__globals__\n.",
      /^unsafe: torch\._utils\._rebuild_tensor_v2\.__globals__/,
    ],
    ["a name of every object", "ctorch\nconstructor\n.", /^unsafe: torch\.constructor/],
    ["an opcode that is none", "\xff", /^unsafe: the pickle opcode 0xff at byte 0/],
  ])("%s", (_, pickle, message) => {
    expect(() => read(pickle)).toThrow(message);
  });

  test.each([
    "",
    "\x80",
    "K",
    "J\0\0\0",
    "X\x05\0\0\0abc",
    "C\x02a",
    "ctorch\nSize",
    "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
  ])("bytes that end too early: %j", (pickle) => {
    expect(() => read(pickle)).toThrow(OutOfBytes);
  });

  // Each would take minutes or gigabytes if only opcodes were counted, or nothing.
  test.each([
    ["values", "", "N", 3e6],
    ["dictionaries", "", "}", 3e6],
    ["long integers", "", `\x8a\xff${"\x11".repeat(255)}`, 1e5],
    ["names", "", "ctorch._utils\n_rebuild_tensor_v2\n", 1e5],
    ["one call's arguments", `ctorch\ndevice\nq\0(${"N".repeat(1e5)}tq\x01`, "h\0h\x01R0", 1e5],
    ["one list's items", `ccollections\nOrderedDict\nq\0](${"N".repeat(1e5)}e\x85q\x01`, "h\0h\x01R0", 1e5],
  ])("more work than weights make: %s", (_, start, unit, count) => {
    const bytes = Buffer.from(start + unit.repeat(count), "latin1");
    const begin = performance.now();
    expect(() => unpickle(bytes, 0, refuse)).toThrow(/^damaged: .*steps/);
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

describe("values that cannot be shown, where a number belongs", () => {
  const magic = "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";
  const facts = "\x80\x02M\xe9\x03.\x80\x02}.";
  // Lists in a list in a list ...; and ten times ten times ten ... of one.
  const deep = `${"]".repeat(50_000)}${"a".repeat(49_999)}`;
  const tens = [...Array(60).keys()].map((i) => {
    const [from, to] = [String.fromCharCode(i), String.fromCharCode(i + 1)];
    return `(${`h${from}`.repeat(10)}tq${to}0`;
  });
  const wide = `]q\x000${tens.join("")}h\x3c`;
  const tensor = (offset: string) =>
    `}\x8c\x01wctorch._utils\n_rebuild_tensor\n((\x8c\x07storagectorch\nFloatStorage\n\x8c\x010\x8c\x03cpuK\x01NtQ${offset}K\x01\x85K\x01\x85tRs`;
  test.each([
    ["deep", deep],
    ["wide", wide],
  ])("%s", async (_, value) => {
    const streams = {
      "not one that torch.save wrote": `\x80\x02${value}.`,
      "its version": `${magic}\x80\x02${value}.`,
      "names one twice, or one that no tensor has": `${magic}${facts}\x80\x02N.\x80\x02]${value}a.`,
      "has an offset": `${magic}${facts}\x80\x02${tensor(value)}.\x80\x02]\x8c\x010a.\x01\0\0\0\0\0\0\0\0\0\0\0`,
    };
    for (const [message, text] of Object.entries(streams)) {
      const error: unknown = await readPytorch(inMemory(bytesOf(text), "a file")).catch((reason) => reason);
      expect(error, message).toBeInstanceOf(ConvzooError);
      expect((error as Error).message).toContain(message);
    }
  });
});

test("a stream whose pickles are larger than what is read first", async () => {
  // A text of 3 MB, thrown away at once, before the value of a file as it is.
  const file = fixture("python2_legacy.pth");
  const text = Buffer.from(file).toString("latin1");
  const [magic, version, facts, ...rest] = text.split(/(?=\x80\x02)/) as [
    string,
    string,
    string,
    ...string[],
  ];
  const long = `\x80\x02X\x00\x00\x30\x00${"x".repeat(0x300000)}0`;
  const whole = bytesOf(magic + version + facts + long + rest.join(""));
  const weights = await readPytorch(inMemory(whole, "a file"));
  const tensors = new Map(
    await Promise.all([...weights].map(async ([key, tensor]) => [key, await tensor.read()] as const)),
  );
  expect(factsOf(tensors)).toEqual(Object.entries(expected.sets.python2!));
});
