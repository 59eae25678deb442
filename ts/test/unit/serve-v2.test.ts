/** The Open Inference Protocol v2 by itself: requests in, answers out. */
import { describe, expect, test } from "vitest";
import { answerOf } from "../../src/serve/v2/answer.js";
import { parseInfer } from "../../src/serve/v2/request.js";

const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const image = { name: "input", datatype: "FP32", shape: [1, 1, 1, 2] };
const json = (inputs: unknown, more: object = {}) => bytes(JSON.stringify({ inputs, ...more }));
const parsed = (input: object, more: object = {}) => parseInfer(json([{ ...image, ...input }], more), null);

/** JSON with floats behind it, and its header. */
function binary(input: object, floats: readonly number[], more: object = {}) {
  const head = json([{ ...image, ...input }], more);
  const body = new Uint8Array(head.length + 4 * floats.length);
  body.set(head);
  body.set(new Uint8Array(Float32Array.from(floats).buffer), head.length);
  return [body, String(head.length)] as const;
}

describe("a request", () => {
  test("has its numbers in a list, or in lists of lists", () => {
    expect([...parsed({ data: [1, -2.5] }).input.data]).toEqual([1, -2.5]);
    expect([...parsed({ data: [[[[1, -2.5]]]] }).input.data]).toEqual([1, -2.5]);
    expect(parsed({ data: [1, 2] })).toMatchObject({
      input: { shape: [1, 1, 1, 2] },
      outputs: [{ name: "output", binary: false }],
      together: true,
    });
  });

  test("has them behind the JSON, wherever that ends", () => {
    for (const pad of ["", "x", "xx", "xxx"]) {
      const [body, length] = binary({ parameters: { binary_data_size: 8 } }, [1.5, -2], { id: pad });
      expect([...parseInfer(body, length).input.data]).toEqual([1.5, -2]);
    }
  });

  test("says which outputs it wants, and how", () => {
    const outputs = [
      { name: "output", parameters: { binary_data: false, classification: 3 } },
      { name: "features.0" },
    ];
    const request = parsed(
      { data: [1, 2] },
      { id: "a", outputs, parameters: { binary_data_output: true, batch: false } },
    );
    expect(request).toMatchObject({
      id: "a",
      together: false,
      outputs: [
        { name: "output", binary: false, classes: 3 },
        { name: "features.0", binary: true },
      ],
    });
  });

  test.each([
    ["{", /is no JSON/],
    ["[]", /the request is an object/],
    ["null", /the request is an object, not null/],
    ["{}", /inputs is a list, not missing/],
    ['{"inputs": []}', /one input/],
    ['{"inputs": [1]}', /inputs\[0\] is an object, not 1/],
    ['{"inputs": [{}, {}]}', /one input, called "input"; this request has 2/],
    ['{"__proto__": {"inputs": []}}', /inputs is a list, not missing/],
    ['{"constructor": 1, "inputs": 1}', /inputs is a list, not 1/],
    ["\u00ff".repeat(3), /is no JSON/],
  ])("%j is refused", (text, message) => {
    expect(() => parseInfer(bytes(text), null)).toThrow(message);
  });

  test("that goes deep is refused as any other", () => {
    const deep = "[".repeat(1e6) + "]".repeat(1e6);
    for (const text of [`{"inputs":${deep}}`, `{"inputs":[{"name":${deep}}]}`, `{"id":${deep},"inputs":[1]}`])
      expect(() => parseInfer(bytes(text), null)).toThrow(/an object|a text|is called|one input/);
    const text = new TextDecoder().decode(json([{ ...image, data: "deep" }])).replace('"deep"', deep);
    expect(() => parseInfer(bytes(text), null)).toThrow(/list of numbers/);
  });

  test("that is no UTF-8 is refused", () => {
    expect(() => parseInfer(Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d), null)).toThrow(/is no UTF-8/);
  });

  test.each([
    [{ name: "image", data: [1, 2] }, /The input is called "input", not "image"/],
    [{ datatype: "FP16", data: [1, 2] }, /FP32, not "FP16"/],
    [{ shape: [1, 2], data: [1, 2] }, /\[N, C, H, W\]/],
    [{ shape: [1, 1, 0, 2], data: [] }, /at least 1, not \[1,1,0,2\]/],
    [{ shape: [1, 1, 1, 1e300], data: [1] }, /at least 1/],
    [{ shape: "1,1,1,2", data: [1, 2] }, /shape is a list/],
    [{ data: [1] }, /has 2 numbers, but its data has 1/],
    [{ data: [1, 2, 3] }, /has 2 numbers, but its data has 3/],
    [{ data: [1, null] }, /null is none/],
    [{ data: [1, "2"] }, /"2" is none/],
    [{ data: [[[[[1], [2]]]]] }, /list of numbers/],
    [{}, /the input's data is a list, not missing/],
    [{ data: [1, 2], parameters: { binary_data_size: 8 } }, /both data and binary_data_size/],
    [{ parameters: { binary_data_size: 8 } }, /and 0 bytes follow/],
    [{ data: [1, 2], parameters: [] }, /parameters is an object/],
  ])("%j is refused as an input", (input, message) => {
    expect(() => parsed(input)).toThrow(message);
  });

  test.each([
    [{ outputs: [] }, /1 to 32 outputs/],
    [{ outputs: Array(33).fill({ name: "output" }) }, /1 to 32 outputs/],
    [{ outputs: [{ name: 1 }] }, /an output's name is a text/],
    [{ outputs: [{ name: "a", parameters: { classification: 1 } }] }, /for the output "output"/],
    [{ outputs: [{ name: "output", parameters: { classification: 0 } }] }, /how many classes/],
    [{ parameters: { batch: "no" } }, /true or false/],
    [{ id: {} }, /id is a text/],
  ])("%j is refused", (more, message) => {
    expect(() => parsed({ data: [1, 2] }, more)).toThrow(message);
  });

  test.each(["-1", "1e3", "", "999999", "0x10", " 5"])("a JSON length of %j is refused", (length) => {
    expect(() => parseInfer(json([{ ...image, data: [1, 2] }]), length)).toThrow(/how many of the body's/);
  });

  test("with more or fewer bytes behind its JSON than it says is refused", () => {
    const [body, length] = binary({ parameters: { binary_data_size: 8 } }, [1, 2, 3]);
    expect(() => parseInfer(body, length)).toThrow(/12 bytes follow/);
    const [plain, end] = binary({ data: [1, 2] }, [1]);
    expect(() => parseInfer(plain, end)).toThrow(/4 bytes follow the JSON, but/);
  });
});

describe("an answer", () => {
  const about = { model_name: "m", model_version: "2", id: "x" };
  const tensor = { shape: [1, 2], data: Float32Array.of(0.1, -3) };
  const classes = [[{ index: 7, label: "cöck", score: 1.25, probability: 1 }]];

  test("is JSON", () => {
    const { body, headers } = answerOf(about, [
      { name: "output", binary: false, tensor },
      { name: "output", binary: false, classes },
    ]);
    expect(headers).toEqual({ "content-type": "application/json" });
    expect(JSON.parse(body as string)).toEqual({
      ...about,
      outputs: [
        { name: "output", datatype: "FP32", shape: [1, 2], data: [Math.fround(0.1), -3] },
        { name: "output", datatype: "BYTES", shape: [1, 1], data: ["1.250000:7:cöck"] },
      ],
    });
  });

  test("has what is wanted in binary behind its JSON, in the order of the outputs", () => {
    const { body, headers } = answerOf(about, [
      { name: "a", binary: true, tensor },
      { name: "b", binary: false, tensor },
      { name: "c", binary: true, classes },
    ]);
    const length = Number(headers["inference-header-content-length"]);
    const head = JSON.parse(new TextDecoder().decode((body as Uint8Array).subarray(0, length)));
    const rest = (body as Uint8Array).slice(length);
    expect(head.outputs.map((one: { parameters?: object }) => one.parameters)).toEqual([
      { binary_data_size: 8 },
      undefined,
      { binary_data_size: 20 },
    ]);
    expect([...new Float32Array(rest.buffer, 0, 2)]).toEqual([Math.fround(0.1), -3]);
    expect(new DataView(rest.buffer).getUint32(8, true)).toBe(16);
    expect(new TextDecoder().decode(rest.subarray(12))).toBe("1.250000:7:cöck");
  });
});
