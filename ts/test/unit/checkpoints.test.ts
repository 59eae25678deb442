/** Files of PyTorch and NumPy: what is in them by their makers' own account, and what is refused. */
import { existsSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../src/errors.js";
import { stateShapes } from "../../src/state.js";
import { type Bytes, inMemory } from "../../src/weights/bytes.js";
import { loadWeights, resolveWeights, toFloat32 } from "../../src/weights/index.js";
import { readPytorch } from "../../src/weights/pytorch/index.js";
import { resnet20_cifar, resnet56_cifar } from "../../src/zoo/builders.js";
import { errorOf, expected, factsOf, fixture, names } from "../checkpoints.js";

describe("what PyTorch and NumPy wrote", () => {
  const cases = Object.entries(expected.files);
  test("there are fixtures", () => expect(cases.length).toBeGreaterThan(20));

  test.each(cases)("%s is %s", async (file, set) => {
    const [name, select] = file.split(" ") as [string, string?];
    const weights = await loadWeights(fixture(name), { select });
    expect(factsOf(weights)).toEqual(Object.entries(expected.sets[set]!));
  });

  test("keys that every object has are keys like others", async () => {
    const weights = await loadWeights(fixture("layouts.pth"));
    expect(weights.get("__proto__")!.data).toEqual(new Float32Array([5]));
    expect(weights.get("constructor")!.data).toEqual(new Float32Array([6]));
    expect(weights.get("toString")).toBeUndefined();
    expect(({} as Record<string, unknown>).data).toBeUndefined();
  });

  test("bytes in shared memory, and those that begin anywhere", async () => {
    for (const name of ["layouts_legacy.pth", "layouts_deflated.pth", "arrays.npz"]) {
      const bytes = fixture(name);
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 1), 1);
      shared.set(bytes);
      const wanted = Object.entries(expected.sets[expected.files[name]!]!);
      expect(factsOf(await loadWeights(shared))).toEqual(wanted);
    }
  });
});

describe("what is refused", () => {
  const cases: [name: string, code: ErrorCode, message: RegExp, key?: string][] = [
    ["quantised.pth", "bad-weights", /tensor q is a quantised tensor/, "q"],
    ["complex.pth", "bad-weights", /tensor c has a ComplexFloatStorage/, "c"],
    ["sparse.pth", "bad-weights", /tensor s is a sparse tensor/, "s"],
    ["meta.pth", "bad-weights", /tensor m is a tensor without data/, "m"],
    ["float8.pth", "bad-weights", /tensor f has the element type torch\.float8_e4m3fn/, "f"],
    ["negative.pth", "bad-weights", /tensor n is a lazy conjugate or negative/, "n"],
    ["numpy_weight.pth", "bad-weights", /tensor a is a NumPy array/, "a"],
    ["one_tensor.pth", "bad-weights", /one tensor without a name.*state_dict/],
    ["no_tensors.pth", "bad-weights", /no tensors by name.*state_dict/],
    ["module.pth", "unsafe-pickle", /torch\.nn\.modules\.\S+.*torch\.save\(model\.state_dict\(\)/],
    ["module_legacy.pth", "unsafe-pickle", /torch\.nn\.modules\.\S+.*torch\.save\(model\.state_dict\(\)/],
    ["torchscript.pt", "unknown-format", /TorchScript.*\n.*torch\.jit\.load/],
    ["tar_era.pth", "unknown-format", /tar archive.*\n.*\n.*torch\.save/],
    ["other_pickle.pkl", "unknown-format", /not one that torch\.save wrote/],
    ["several.pth", "bad-option", /select: "generator" \(tensors: 1\), "critic" \(tensors: 2\)/],
    ["objects.npy", "bad-weights", /array arr_0: it has Python objects, which could run code/, "arr_0"],
    ["structured.npy", "bad-weights", /structured dtype/, "arr_0"],
    ["complex.npy", "bad-weights", /dtype "<c8"/, "arr_0"],
    ["texts.npy", "bad-weights", /dtype "<U1"/, "arr_0"],
    ["cut.npy", "bad-weights", /shape \[2, 3\] and dtype "<f4" do not fit its 21 bytes/, "arr_0"],
    ["longer.npy", "bad-weights", /do not fit its 25 bytes/, "arr_0"],
    ["unsafe_os_system.pth", "unsafe-pickle", /needs posix\.system,/],
    ["unsafe_os_system_protocol_4.pth", "unsafe-pickle", /needs posix\.system,/],
    ["unsafe_eval.pth", "unsafe-pickle", /needs builtins\.eval,/],
    ["unsafe_getattr.pth", "unsafe-pickle", /needs builtins\.getattr,/],
    ["unsafe_nested_reduce.pth", "unsafe-pickle", /a call of what is no function/],
    ["unsafe_called_call.pth", "unsafe-pickle", /a call of what is no function/],
    ["unsafe_instance.pth", "unsafe-pickle", /opcode INST \(0x69\)/],
    ["unsafe_object.pth", "unsafe-pickle", /needs os\.system,/],
    ["unsafe_extension.pth", "unsafe-pickle", /opcode EXT1 \(0x82\)/],
    ["unsafe_persistent_text.pth", "unsafe-pickle", /opcode PERSID \(0x50\)/],
    ["unsafe_dotted_name.pth", "unsafe-pickle", /torch\.serialization\.os\.system/],
    ["unsafe_storage_attribute.pth", "unsafe-pickle", /torch\.FloatStorage\.from_file/],
    ["bad_deep.pth", "bad-weights", /no tensors/],
    ["bad_shared_tuples.pth", "bad-weights", /no tensors/],
    ["bad_copies.pth", "bad-weights", /more than \d+ steps/],
    ["bad_recursive_list.pth", "bad-weights", /no tensors/],
    ["bad_recursive_dict.pth", "bad-weights", /no tensors/],
    ["bad_recursive_parameter.pth", "bad-weights", /tensor w is wrapped around something/, "w"],
    ["bad_long_integer.pth", "bad-weights", /an integer of 2147483647 bytes/],
    ["bad_long_text.pth", "bad-weights", /cut short/],
    ["bad_memo_gap.pth", "bad-weights", /lacks what it calls 4294967294/],
    ["bad_huge_shape.pth", "bad-weights", /tensor w has a shape or strides/, "w"],
    ["bad_huge_count.pth", "bad-weights", /tensor w/, "w"],
    ["bad_huge_offset.pth", "bad-weights", /tensor w has an offset that is no/, "w"],
    ["bad_negative_shape.pth", "bad-weights", /tensor w has a shape or strides/, "w"],
    ["bad_negative_stride.pth", "bad-weights", /tensor w has a shape or strides/, "w"],
    ["bad_negative_offset.pth", "bad-weights", /tensor w has an offset that is no/, "w"],
    ["bad_beyond_storage.pth", "bad-weights", /tensor w .* lies outside of its storage/, "w"],
    [
      "bad_count_beyond_file.pth",
      "bad-weights",
      /a storage of 1600 bytes, which in the file \(as 0\) has 16/,
      "w",
    ],
    ["bad_expanded_to_terabytes.pth", "bad-weights", /its tensors have \d+ bytes, but share 16 in the file/],
    ["bad_many_sides.pth", "bad-weights", /tensor w has a shape or strides/, "w"],
    ["bad_no_storage.pth", "bad-weights", /tensor w has no storage/, "w"],
    ["bad_number_key.pth", "bad-weights", /no tensors by name/],
  ];

  test.each(cases)("%s: %s", async (name, code, message, key) => {
    const start = performance.now();
    const error = await errorOf(fixture(name));
    expect(performance.now() - start).toBeLessThan(1000);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.key).toBe(key);
    expect(error.source).toBe("The buffer");
  });

  test("every fixture is tested", () => {
    const tested = [
      ...Object.keys(expected.files).map((file) => file.split(" ")[0]),
      ...cases.map(([name]) => name),
    ];
    expect(names.filter((name) => !tested.includes(name))).toEqual([]);
  });
});

describe("select", () => {
  test("what it does not find is an error with the choices", async () => {
    const error = await errorOf(fixture("checkpoint.pth"), "teacher");
    expect(error.code).toBe("bad-option");
    expect(error.message).toMatch(
      /"teacher" names no weights.*"state_dict" \(tensors: 9\), "ema\.module" \(tensors: 9\)/,
    );
  });

  test("a set that is the whole file has no others", async () => {
    const error = await errorOf(fixture("state_dict.pth"), "ema");
    expect(error.code).toBe("bad-option");
    expect(error.message).toMatch(/Leave select out/);
  });

  test("other formats have no sets", async () => {
    const error = await errorOf(fixture("arrays.npz"), "ema");
    expect(error.code).toBe("bad-option");
  });
});

test("only what is asked for is read", async () => {
  const bytes = fixture("checkpoint.pth");
  let read = 0;
  const counted: Bytes = {
    ...inMemory(bytes, "a file"),
    read: async (begin, end) => {
      read += end - begin;
      return bytes.slice(begin, end);
    },
  };
  const weights = await readPytorch(counted);
  read = 0;
  await weights.get("2.bias")!.read();
  // The entry's own header of 30 bytes and its name, such as archive/data/25, and 3 floats.
  expect(read).toBeLessThanOrEqual(30 + 15 + 12);
});

describe("real files", () => {
  const real = new URL("../../../../shared/real/", import.meta.url);
  beforeEach(({ skip }) => skip(!existsSync(real), "../shared/real is absent"));
  const read = (path: string) => loadWeights(new Uint8Array(readFileSync(new URL(path, real))));

  test("SqueezeNet's .pth has the bits of its .safetensors", async () => {
    const pytorch = await read("squeezenet1_1/squeezenet1_1.pth");
    const safetensors = await read("squeezenet1_1/squeezenet1_1.safetensors");
    expect(pytorch.size).toBe(52);
    expect(new Map(factsOf(pytorch))).toEqual(new Map(factsOf(safetensors)));
  });

  // Sums of module.conv1.weight by torch.load(FILE)["state_dict"] and .double().sum(), .double().abs().sum().
  test.each([
    ["resnet20-12fca82f.th", resnet20_cifar(), 1.3100982000032673, 114.6098364613863],
    ["resnet56-4bfd9763.th", resnet56_cifar(), -2.5577811515686335, 107.32248873934441],
  ] as const)("the legacy %s loads into its network", async (file, net, sum, magnitudes) => {
    const tensors = resolveWeights(stateShapes(net), await read(`cifar10_resnet/${file}`));
    const values = [...toFloat32(await tensors.get("conv1.weight")!.read())];
    expect(values).toHaveLength(16 * 3 * 3 * 3);
    // float64 sums in another order than torch's.
    expect(values.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 11);
    expect(values.reduce((total, value) => total + Math.abs(value), 0)).toBeCloseTo(magnitudes, 11);
  });
});
