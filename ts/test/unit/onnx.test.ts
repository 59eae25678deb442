/** fromOnnx: what becomes of a graph, and what is refused. The numbers on the real core are golden/onnx.test.ts. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { lower } from "../../src/graph.js";
import { fromOnnx, readOnnx } from "../../src/onnx/index.js";
import { readOnnxWeights } from "../../src/onnx/weights.js";
import { stateShapes } from "../../src/state.js";
import { summarize } from "../../src/summarize.js";
import type { Tensor } from "../../src/tensor.js";
import { inMemory } from "../../src/weights/bytes.js";
import { toFloat32, type WeightTensor } from "../../src/weights/dtype.js";
import { interpret } from "../interpret.js";
import { computedCases, errorOf, inputOf, type OnnxCase, onnxBytes, refusedCases } from "../onnx-cases.js";

const open = (name: string) => inMemory(onnxBytes(name), `${name}.onnx`);

/** The net's output for the case's input, an image at a time. */
function run({ shape }: OnnxCase, input: Tensor, net: Awaited<ReturnType<typeof readOnnx>>): number[] {
  const graph = lower(net.net);
  const weights = new Map(
    [...net.weights].map(([key, tensor]) => [key, { shape: tensor.shape, data: toFloat32(tensor) }]),
  );
  const [count = 1, ...image] = shape;
  const size = image.reduce((a, b) => a * b, 1);
  return Array.from({ length: count }, (_, i) => {
    const x = { shape: [1, ...image], data: input.data.subarray(i * size, (i + 1) * size) };
    return [...(interpret(graph, x, weights)[graph.output] ?? [])];
  }).flat();
}

/** Of a channels-last model, the input as the net reads it. */
function readable(one: OnnxCase): { readonly one: OnnxCase; readonly input: Tensor } {
  const input = inputOf(one);
  if (one.name !== "input_channels_last") return { one, input };
  const [n = 1, h = 1, w = 1, c = 1] = one.shape;
  const data = new Float32Array(input.data.length);
  data.forEach((_, i) => {
    const [x, y, channel] = [i % w, Math.floor(i / w) % h, Math.floor(i / (w * h))];
    data[i] = input.data[(y * w + x) * c + channel] as number;
  });
  const shape = [n, c, h, w];
  return { one: { ...one, shape }, input: { shape, data } };
}

describe("the models that scripts/make_onnx_cases.py writes", () => {
  test("there are enough of them", () => {
    expect(computedCases.length).toBeGreaterThan(80);
    expect(refusedCases.length).toBeGreaterThan(10);
  });

  // The interpreter's softmax is that of features alone.
  test.each(computedCases.filter(({ name }) => name !== "softmax_map"))(
    "$name: onnxruntime's numbers, by the plain interpreter",
    async (given) => {
      const { one, input } = readable(given);
      const found = await readOnnx(open(given.name));
      const output = run(one, input, found);
      expect(output.length).toBe(given.output.length);
      expect(errorOf(given, output)).toBeLessThan(1e-5);
    },
  );

  test.each(computedCases)("$name: a net like any other", async (given) => {
    const { one } = readable(given);
    const { net, weights } = await readOnnx(open(given.name));
    const wanted = [...stateShapes(net)].map(([key, { shape }]) => [key, shape]);
    expect([...weights].map(([key, { shape }]) => [key, shape])).toEqual(expect.arrayContaining(wanted));
    expect(weights.size).toBe(wanted.length);
    const { rows } = summarize(net, one.shape.slice(1));
    const last = lower(net).nodes.length === 1 ? one.shape.slice(1) : given.output_shape.slice(1);
    if (rows.length > 0) expect(rows.every(({ output }) => output.every((side) => side > 0))).toBe(true);
    expect(last.length).toBeGreaterThan(0);
    expect(String(net)).toMatch(/^\w+\(/);
  });

  test.each(refusedCases)("$name: refused, with the node", async ({ name, refuses }) => {
    const error = await readOnnx(open(name)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ConvzooError);
    expect(error).toMatchObject({ code: "unsupported", node: refuses });
    expect(String(error)).toContain(`${name}.onnx: the node ${refuses}`);
  });
});

describe("paths", () => {
  test("are those of the checkpoint, and of PyTorch's modules", async () => {
    const { net, weights } = await readOnnx(open("torchscript_17"));
    const keys = [...weights.keys()];
    expect(keys).toEqual(
      expect.arrayContaining(["features.0.weight", "norm.running_var", "classifier.2.weight"]),
    );
    const paths = Object.keys(lower(net).paths);
    const wanted = ["features.1", "features.2", "features.3.expand.0", "features.3.project", "classifier.3"];
    expect(paths).toEqual(expect.arrayContaining(wanted));
  });

  test("numbers are those that somebody wrote, not float32's", async () => {
    const { net } = await readOnnx(open("torchscript_17"));
    expect(String(net)).toContain("(norm): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True");
  });

  test("a folded convolution is called as its module is", async () => {
    const stored = await readOnnxWeights(open("torchscript_17"));
    expect([...stored.keys()].some((key) => key.startsWith("onnx::Conv"))).toBe(true);
    const { weights } = await readOnnx(open("torchscript_17"));
    expect([...weights.keys()]).toContain("features.3.expand.0.bias");
  });

  test("squeeze-excite, GELU and SiLU are what they were before they were written out", async () => {
    const { net } = await readOnnx(open("torchscript_12"));
    const ops = summarize(net, [3, 20, 20]).rows.map(({ op }) => op);
    for (const op of ["silu", "gelu", "hardswish", "channel_shuffle", "relu6"]) expect(ops).toContain(op);
    expect(ops).not.toContain("affine");
  });
});

describe("initialisers", () => {
  const bitsOf = (tensor: WeightTensor) => [tensor.dtype, ...tensor.shape, ...toFloat32(tensor)];

  test("typed fields and raw data say the same", async () => {
    const [raw, typed] = await Promise.all(["gemm", "gemm_typed"].map((name) => readOnnxWeights(open(name))));
    expect([...raw!.keys()]).toEqual(["fc.weight", "fc.bias"]);
    expect([...typed!.keys()]).toEqual(["fc.weight", "fc.bias"]);
    const weight = await raw!.get("fc.weight")!.read();
    expect(bitsOf(weight).slice(0, 3)).toEqual(["f32", 5, 24]);
    expect((await typed!.get("fc.weight")!.read()).data.length).toBe(weight.data.length);
  });

  test.each([
    ["gemm_float16", "f16"],
    ["gemm_double", "f64"],
  ])("%s keeps %s", async (name, dtype) => {
    const stored = await readOnnxWeights(open(name));
    expect(stored.get("w")).toMatchObject({ dtype, shape: [5, 24] });
    expect((await stored.get("w")!.read()).dtype).toBe(dtype);
  });

  test("the largest integer survives, which float64 does not hold", async () => {
    const stored = await readOnnxWeights(open("slice_13"));
    expect((await stored.get("e")!.read()).data).toEqual(new BigInt64Array([2n ** 63n - 1n, 3n]));
  });
});

describe("what is no model", () => {
  const refused = async (bytes: Uint8Array) => {
    const error: unknown = await readOnnx(inMemory(bytes, "x.onnx")).catch((error: unknown) => error);
    if (error instanceof ConvzooError) return error;
    throw error;
  };

  test.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("<!doctype html><p>not found")],
    ["a model that was cut short", onnxBytes("conv").subarray(0, 200)],
    ["zeros", new Uint8Array(100)],
  ])("%s", async (_, bytes) => {
    const error = await refused(bytes);
    expect(error.code).toBe("bad-weights");
    expect(error.message).toMatch(/^x\.onnx .*Check that it is an ONNX model/);
  });

  test("an opset that is not known", async () => {
    const bytes = onnxBytes("relu").slice();
    // The last field is the import of the operators: domain "", version 7.
    expect([...bytes.subarray(-2)]).toEqual([0x10, 7]);
    bytes[bytes.length - 1] = 30;
    const error = await refused(bytes);
    expect(error).toMatchObject({ code: "unsupported" });
    expect(error.message).toMatch(/opset 30: export with an opset_version from 7 to 21/);
  });

  test("an output that is not there", async () => {
    const error = await readOnnx(open("relu"), "z").catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "bad-option",
      message: expect.stringMatching(/no output "z".*: y\./),
    });
  });
});

describe("fromOnnx", () => {
  test("reads memory, Blobs and, where there are files, paths", async () => {
    const bytes = onnxBytes("conv");
    const platform = { read: async () => bytes };
    for (const source of [bytes, new Blob([bytes as Uint8Array<ArrayBuffer>]), "some/conv.onnx"]) {
      const { weights } = await fromOnnx(platform, source);
      expect([...weights.keys()]).toEqual(["c.weight", "c.bias"]);
    }
  });

  describe("of a model whose data lies in another file", () => {
    const model = onnxBytes("external");
    const folder = new URL("../goldens/onnx/", import.meta.url);
    const data = readFileSync(new URL("external.data", folder));
    const platform = { read: (path: string | URL) => readFile(path) };
    const weightsOf = async (reading: ReturnType<typeof fromOnnx>) =>
      [...(await reading).weights].map(([key, tensor]) => [key, ...toFloat32(tensor)]);

    test("finds it beside a path or URL, or is given it", async () => {
      const wanted = await weightsOf(fromOnnx({}, onnxBytes("conv")));
      const url = new URL("external.onnx", folder);
      expect(await weightsOf(fromOnnx(platform, url))).toEqual(wanted);
      expect(await weightsOf(fromOnnx(platform, fileURLToPath(url)))).toEqual(wanted);
      expect(await weightsOf(fromOnnx({}, model, { externalData: data }))).toEqual(wanted);
    });

    test("says what to do where there is no telling where it is", async () => {
      const refused = { code: "unsupported", message: expect.stringContaining("pass that as externalData") };
      await expect(fromOnnx({}, model)).rejects.toMatchObject(refused);
      const alone = {
        code: "unsupported",
        key: "c.weight",
        message: expect.stringContaining("external_data=False"),
      };
      await expect(readOnnxWeights(open("external"))).rejects.toMatchObject(alone);
    });

    test("goes to no other folder", async () => {
      const [name, other] = ["external.data", "../../etc/pwd"].map((text) => new TextEncoder().encode(text));
      const bytes = model.slice();
      let count = 0;
      for (let at = 0; at + name!.length <= bytes.length; at++) {
        if (!name!.every((byte, i) => bytes[at + i] === byte)) continue;
        bytes.set(other!, at);
        count++;
      }
      expect(count).toBe(2);
      const read = async (path: string | URL) =>
        String(path) === "m.onnx" ? bytes : expect.fail(String(path));
      await expect(fromOnnx({ read }, "m.onnx")).rejects.toMatchObject({
        code: "unsupported",
        source: "m.onnx",
      });
    });

    test("refuses a file that is not its own", async () => {
      const externalData = data.subarray(0, 100);
      await expect(fromOnnx({}, model, { externalData })).rejects.toMatchObject({ code: "bad-weights" });
    });
  });
});
