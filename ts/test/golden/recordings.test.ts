/** What the networks of the zoo ask of a GPU, by their recordings: dispatches, bytes, memory. No GPU is needed for it. */
import { describe, expect, test } from "vitest";
import { LEAST } from "../../src/backend/webgpu/summary.js";
import { type ZooName, zoo } from "../../src/zoo/index.js";
import { figures } from "../figures.js";

/** Its first layer reads one channel, which fills a quarter of a vec4, and has most of its few weights. */
const ONE_CHANNEL = ["highway10_mnist_fc"];

describe("a run on a GPU", () => {
  const names = Object.keys(zoo) as ZooName[];
  const direct = new Map(names.map((name) => [name, figures(name, false)]));
  const transformed = new Map(names.map((name) => [name, figures(name, true)]));

  test("is a dispatch for each fused layer", () => {
    expect(direct.get("resnet50")!.dispatches).toBeLessThanOrEqual(60);
    expect(direct.get("efficientnet_b0")!.dispatches).toBeLessThanOrEqual(90);
  });

  test("moves little more than it must", () => {
    const far = [...direct].filter(([, { moved, least }]) => moved > 1.6 * least);
    expect(far.map(([name]) => name)).toEqual(ONE_CHANNEL);
    // Winograd's stages hand on 2.25 times the map that they read, and 2.25 times the one that they write, for a quarter of the
    // products.
    const farther = [...transformed].filter(([, { moved, least }]) => moved > 1.6 * least);
    expect(farther.map(([name]) => name)).toEqual(ONE_CHANNEL);
    const farthest = [...transformed].filter(([, { moved, least }]) => moved > 2.5 * least);
    expect(farthest.map(([name]) => name)).toEqual([]);
  });

  test("holds little more than the maps that are alive together", () => {
    // Of three maps in a row, of which a step reads and writes any two, none can share another's bank.
    const far = [...direct, ...transformed].filter(([, { memory, alive }]) => memory > 1.35 * alive);
    expect(far.map(([name, { memory, alive }]) => `${name}: ${(memory / alive).toFixed(2)}`)).toEqual([]);
  });

  test("binds no more at once than every device allows", () => {
    expect([...direct, ...transformed].filter(([, { largest }]) => largest > LEAST.binding)).toEqual([]);
  });

  test("is nothing that the least device would refuse", () => {
    const refused = [...direct, ...transformed].filter(([, { refused }]) => refused.length > 0);
    expect(refused.map(([name, { refused }]) => [name, refused])).toEqual([]);
  });

  test("is nothing that it would refuse if it had subgroups", () => {
    const some = [
      "alexnet",
      "convnext_tiny",
      "efficientnet_b0",
      "googlenet",
      "lenet5",
      "mobilenet_v3_small",
    ] as const;
    const device = { ...LEAST, subgroups: true };
    const found = some.map((name) => figures(name, true, device, device));
    expect(found.map(({ refused }) => refused)).toEqual(some.map(() => []));
    const used = found.flatMap(({ shaders }) => shaders).filter((shader) => shader.endsWith("_subgroups"));
    const wanted = ["adaptive_avg_pool2d", "layer_norm2d", "linear"].map((name) => `${name}_subgroups`);
    expect([...new Set(used)].sort()).toEqual(wanted);
    for (const { shaders } of direct.values())
      expect(shaders.filter((shader) => shader.endsWith("_subgroups"))).toEqual([]);
  });

  test.each([
    ["buffer", 2 ** 24, "a buffer"],
    ["binding", 2 ** 24, "classifier.1: a binding"],
    ["workgroupMemory", 2 ** 10, "conv2d: workgroup memory"],
    ["invocations", 31, "conv2d: invocations"],
    ["workgroup", [256, 1, 64], "conv2d: a workgroup's side"],
    ["workgroups", 100, "features.0: workgroups"],
    ["storageBuffers", 4, "features.0: storage buffers"],
  ] as const)("would be refused by less: %s", (limit, value, words) => {
    const { refused } = figures("alexnet", false, { ...LEAST, [limit]: value });
    expect(refused.map((one) => one.slice(0, one.lastIndexOf(": ")))).toContain(words);
  });
});
