/** Whatever is passed wrongly is refused with its code and a sentence, quickly, and the model works on. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Model } from "../../src/model.js";
import type { Tensor } from "../../src/tensor.js";
import { convzoo, root } from "./package.js";
import { refused, webServer } from "./refused.js";

const { ConvzooError, alexnet, conv2d, lenet5, load, stateShapes } = convzoo;

const digit = join(root, "examples/digits/7-0.png");
let model: Model;
let web: Awaited<ReturnType<typeof webServer>>;

beforeAll(async () => {
  model = await load("lenet5", { threads: 2 });
  web = await webServer();
});
afterAll(() => {
  model.dispose();
  web.close();
});
afterEach(async () => {
  expect((await model.classify(digit, { topk: 1 }))[0]!.label).toBe("7");
});

/** Weights of lenet5, all of them one half. */
const halves = () =>
  new Map(
    [...stateShapes(lenet5())].map(([key, { shape }]) => {
      return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) }] as const;
    }),
  );

describe("weights", () => {
  const key = "classifier.2.weight";

  test("refused at once, in a process that has loaded nothing yet, are the caller's to handle", () => {
    const program = `
      import { load } from "convzoo";
      const refused = load("lenet5", { weights: new Uint8Array(10) });
      console.log(await refused.catch(({ code }) => code));
      const model = await load("lenet5");
      console.log((await model.classify(${JSON.stringify(digit)}, { topk: 1 }))[0].label);
      model.dispose();`;
    const args = ["--unhandled-rejections=throw", "--input-type=module", "--eval", program];
    const said = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" });
    expect(said).toBe("unknown-format\n7\n");
  });

  test("one is missing", async () => {
    const weights = halves();
    weights.delete(key);
    expect(await refused(() => load("lenet5", { weights }), "missing-weight", key)).toMatchObject({ key });
  });

  test("there is one too many", async () => {
    const weights = halves().set("classifier.9.weight", { shape: [1], data: new Float32Array(1) });
    const error = await refused(() => load("lenet5", { weights }), "extra-weight", "classifier.9.weight");
    expect(error).toMatchObject({ key: "classifier.9.weight" });
  });

  test("one has another shape, even of as many elements", async () => {
    const weights = halves().set(key, { shape: [120, 84], data: new Float32Array(120 * 84) });
    const error = await refused(
      () => load("lenet5", { weights }),
      "weight-shape",
      /\[120, 84\]/,
      /\[84, 120\]/,
    );
    expect(error).toMatchObject({ key });
  });

  test("data of another length than its shape", async () => {
    const weights = halves().set(key, { shape: [84, 120], data: new Float32Array(7) });
    await refused(() => load("lenet5", { weights }), "weight-shape", key, /10080/, /7/);
  });

  test("NaN", async () => {
    const weights = halves();
    weights.get(key)!.data[3] = Number.NaN;
    await refused(() => load("lenet5", { weights }), "bad-weights", key);
  });

  const header = (length: number | bigint, text = "", data = 0) => {
    const bytes = new Uint8Array(8 + text.length + data);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
    bytes.set(new TextEncoder().encode(text), 8);
    return bytes;
  };
  const of = (value: unknown, data = 0) => {
    const text = JSON.stringify(value);
    return header(text.length, text, data);
  };
  const tensor = (offsets: number[], shape: unknown = [2, 2], dtype = "F32") => ({
    a: { dtype, shape, data_offsets: offsets },
  });
  const files: Record<string, Uint8Array> = {
    "cut in the header": of(tensor([0, 16]), 16).subarray(0, 40),
    "cut in the data": of(tensor([0, 16]), 15),
    "a header longer than any file": header(2n ** 63n, '{"a":{}}'),
    "a header just longer than the file": header(1000, '{"a":{}}'),
    "a header that is no JSON": header(9, '{"a": oops'),
    "a header that is no object": of([1, 2]),
    "offsets backwards": of(tensor([16, 0]), 16),
    "negative offsets": of(tensor([-16, 0]), 16),
    "offsets of another size than the shape": of(tensor([0, 12]), 12),
    "a shape whose product overflows": of(tensor([0, 16], [2 ** 32, 2 ** 32, 2 ** 32]), 16),
    "a shape that is no list": of(tensor([0, 16], "2x2"), 16),
    "overlapping tensors": of(
      { ...tensor([0, 16]), b: { dtype: "F32", shape: [4], data_offsets: [8, 24] } },
      24,
    ),
  };
  test.each(Object.keys(files))("safetensors: %s", async (name) => {
    const error = await load("lenet5", { weights: files[name]! }).catch((error) => error);
    expect(error).toBeInstanceOf(ConvzooError);
    expect(["bad-weights", "unknown-format"], error.message).toContain(error.code);
  });

  test("something else than weights", async () => {
    await refused(() => load("lenet5", { weights: digit }), "unknown-format", /PNG/i);
    await refused(() => load("lenet5", { weights: new Uint8Array() }), "unknown-format");
    await refused(() => load("lenet5", { weights: 5 as never }), "bad-option");
    await refused(() => load("lenet5", { weights: null as never }), "bad-option");
  });

  test("a path or URL that does not exist", async () => {
    const weights = "./no-such-file.safetensors";
    const error = await refused(() => load("lenet5", { weights }), "not-found", "no-such-file");
    expect(error).toMatchObject({ source: weights });
    await refused(() => load("lenet5", { weights: `${web.url}/gone` }), "not-found");
    await refused(() => load("lenet5", { weights: "http://127.0.0.1:1/x" }), "fetch-failed");
  });

  test("a page in the place of weights", async () => {
    await refused(() => load("lenet5", { weights: `${web.url}/page` }), "unknown-format", /HTML/);
  });

  test("a name that is not registered, and a network that has none", async () => {
    await refused(() => load("lenet5", { weights: "imagenet" }), "unknown-weights", "mnist");
    await refused(() => load("nin_imagenet"), "unknown-weights");
  });
});

describe("networks and options", () => {
  test("an unknown name: the nearest ones", async () => {
    // The compiler refuses them first.
    const named = (name: string) => () => load(name as "lenet5");
    await refused(named("squeezenet11"), "unknown-model", "squeezenet1_1");
    await refused(named("Lenet-5"), "unknown-model", "lenet5");
    await refused(named("toString"), "unknown-model");
    await refused(named(""), "unknown-model");
  });

  test("no network at all", async () => {
    for (const what of [undefined, null, 5, {}, conv2d(1, 1, 1)])
      await refused(() => load(what as never), "bad-option");
  });

  test.each([0, 1.5, 1000, -1, Number.NaN, "2", null])("threads: %s", async (threads) => {
    await refused(() => load("lenet5", { threads: threads as never }), "bad-option", /threads/);
  });

  test("a device, a build, a preprocess, a topk that there is not", async () => {
    await refused(() => load("lenet5", { device: "tpu" as never }), "bad-option", /"tpu"/);
    await refused(() => load("lenet5", { core: "avx" as never }), "bad-option", /avx/);
    await refused(() => load("lenet5", { arithmetic: "half" as never }), "bad-option", /"half"/);
    for (const device of ["auto", "wasm"] as const) {
      const narrow = () => load("lenet5", { device, arithmetic: "float16" });
      await refused(narrow, "bad-option", /pass device: "webgpu"/);
    }
    for (const topk of [0, 1.5, "3"]) {
      await refused(() => model.classify(digit, { topk: topk as never }), "bad-option", /topk/);
    }
    for (const preprocess of [{ resize: 28 }, { ...model.preprocess, chanels: "BGR" }, null])
      await refused(() => load("lenet5", { preprocess: preprocess as never }), "bad-option");
  });
});

describe("tensors", () => {
  const ones = (...shape: number[]): Tensor => {
    return { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1) };
  };

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    "%s among the numbers",
    async (value) => {
      const input = ones(3, 1, 28, 28);
      input.data[2000] = value;
      await refused(() => model.run(input), "not-finite", /2000/);
    },
  );

  test("NaN beyond the eighth image of a batch", async () => {
    const input = ones(20, 1, 28, 28);
    input.data[19 * 784 + 5] = Number.NaN;
    await refused(() => model.run(input), "not-finite");
  });

  test("rank, channels, size, length", async () => {
    await refused(() => model.run(ones(1, 28, 28)), "bad-shape", /\[1, 28, 28\]/);
    await refused(() => model.run(ones(1, 3, 28, 28)), "bad-shape", /channels/);
    await refused(() => model.run(ones(1, 1, 10, 10)), "bad-shape", /10 x 10/);
    await refused(() => model.run(ones(1, 1, 64, 64)), "bad-shape", /classifier/);
    await refused(
      () => model.run({ shape: [1, 1, 28, 28], data: new Float32Array(783) }),
      "bad-shape",
      /784/,
      /783/,
    );
    await refused(() => model.run({ shape: [1, 3, 30000, 30000], data: new Float32Array(5) }), "bad-shape");
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["numbers", [1, 2, 3]],
    ["no data", { shape: [1, 1, 28, 28] }],
    ["a list as data", { shape: [1, 1, 28, 28], data: new Array(784).fill(0) }],
    ["bytes as data", { shape: [1, 1, 28, 28], data: new Uint8Array(784) }],
    ["an empty batch", { shape: [0, 1, 28, 28], data: new Float32Array() }],
    ["a negative side", { shape: [1, 1, -28, -28], data: new Float32Array(784) }],
    ["half a side", { shape: [1, 1, 0.5, 1568], data: new Float32Array(784) }],
  ])("%s instead of a tensor", async (_, input) => {
    await refused(() => model.run(input as never), "bad-shape");
  });

  test("an input too small for alexnet", async () => {
    const shapes = [...stateShapes(alexnet({ classes: 2 }))];
    const weights = new Map(shapes.map(([key, { shape }]) => [key, ones(...shape)]));
    using other = await load(alexnet({ classes: 2 }), { weights });
    await refused(() => other.run(ones(1, 3, 10, 10)), "bad-shape", /10 x 10/);
    expect((await other.run(ones(1, 3, 63, 63))).shape).toEqual([1, 2]);
  });

  test("an output that there is not", async () => {
    const input = ones(1, 1, 28, 28);
    const error = await refused(
      () => model.run(input, { outputs: ["features.0", "featurs.3"] }),
      "unknown-output",
      /"features\.3"/,
    );
    expect(error).toMatchObject({ node: "featurs.3" });
    await refused(() => model.run(input, { outputs: [undefined as never] }), "unknown-output");
    await refused(() => model.run(input, { outputs: "features" as never }), "bad-option", /array/);
  });
});

describe("images", () => {
  const pixels = (width: number, height: number, bytes = width * height * 3) => {
    return { width, height, data: new Uint8Array(bytes) };
  };

  test("not an image", async () => {
    const text = new TextEncoder().encode("This is a letter, not a picture.");
    await refused(() => model.classify(text), "bad-image", /text/);
    await refused(() => model.classify(join(root, "package.json")), "bad-image", /package\.json/);
    await refused(() => model.classify(new Uint8Array()), "bad-image");
    for (const image of [undefined, null, 5, {}])
      await refused(() => model.classify(image as never), "bad-image");
  });

  test("a path or URL that does not exist, or is a page", async () => {
    await refused(() => model.classify("./no-such.png"), "not-found", /no-such\.png/);
    await refused(() => model.classify(`${web.url}/gone`), "not-found");
    await refused(() => model.classify(`${web.url}/page`), "bad-image", /HTML/);
  });

  test("sizes", async () => {
    await refused(() => model.classify(pixels(0, 0)), "bad-image", /0 x 0/);
    await refused(() => model.classify(pixels(100_000, 1)), "bad-image", /100000 x 1/);
    await refused(() => model.classify(pixels(60_000, 1)), "too-large", /60000 x 1/);
    await refused(() => model.classify(pixels(1.5, 2, 9)), "bad-image");
    await refused(() => model.classify(pixels(28, 28, 785)), "bad-image", /2352/, /785/);
    await refused(() => model.classify({ width: 28, height: 28 } as never), "bad-image");
  });

  test("floats in the place of bytes", async () => {
    const data = new Float32Array(28 * 28 * 3).fill(Number.NaN);
    await refused(
      () => model.classify({ width: 28, height: 28, data } as never),
      "bad-image",
      /Float32Array/,
    );
  });

  test("resize and decode refuse as well", async () => {
    const { decode, resize } = convzoo;
    await refused(() => resize(pixels(4, 4), { width: 0, height: 4 }), "bad-option", /width/);
    await refused(
      () => resize(pixels(4, 4), { width: 4, height: 4, filter: "sinc" as never }),
      "bad-option",
      /sinc/,
    );
    await refused(() => resize(pixels(4, 4, 5), { width: 4, height: 4 }), "bad-image");
    await refused(() => resize(pixels(4, 4), { width: 60_000, height: 60_000 }), "too-large");
    await refused(() => decode(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 16)), "bad-image");
    expect((await decode(digit)).width).toBe(28);
  });
});
