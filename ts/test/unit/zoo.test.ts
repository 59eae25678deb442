import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConvzooError } from "../../src/errors.js";
import { lower } from "../../src/graph.js";
import { shapesOf } from "../../src/shape.js";
import { stateShapes } from "../../src/state.js";
import { summarize } from "../../src/summarize.js";
import { findEntry, type ZooName, zoo } from "../../src/zoo/index.js";
import type { ModelOptions, ZooEntry } from "../../src/zoo/row.js";
import { readGolden, zooName } from "../recipe.js";

const goldens = readdirSync(new URL("../goldens/models/", import.meta.url)).map((file) =>
  file.replace(/\.json$/, ""),
);
const entries: readonly [string, ZooEntry][] = Object.entries(zoo);

describe.each(goldens)("golden %s", (name) => {
  const golden = readGolden(name);
  const built = findEntry(zooName(golden)).build(golden.options);

  test("keys and shapes are PyTorch's, in its order", () => {
    const wanted = Object.entries(golden.keys);
    expect(wanted.length).toBeGreaterThan(0);
    expect([...stateShapes(built)].map(([key, { shape }]) => [key, shape])).toEqual(wanted);
  });

  test("the parameter count is PyTorch's", () => {
    expect(summarize(built, golden.input_shape.slice(1)).params).toBe(golden.params);
  });

  test("every tapped path exists and has the tapped shape, and so has the output", () => {
    const graph = lower(built);
    const shapes = shapesOf(graph, golden.input_shape.slice(1));
    const taps = Object.entries(golden.taps).map(([path, { shape }]) => [path, shape.slice(1)]);
    expect(taps.length).toBeGreaterThan(0);
    expect(taps.map(([path]) => [path, shapes[graph.paths[String(path)] ?? -1]])).toEqual(taps);
    expect(shapes[graph.output]).toEqual(golden.output_shape.slice(1));
  });
});

describe.each(entries)("row %s", (name, entry) => {
  const built = entry.build();

  test("params and macs are what summarize counts on its own input", () => {
    const { params, macs } = summarize(built, entry.input);
    expect({ params, macs }).toEqual({ params: entry.params, macs: entry.macs });
  });

  test("minSize is the smallest side that works", () => {
    const graph = lower(built);
    const works = (side: number): boolean => {
      try {
        shapesOf(graph, [entry.input[0], side, side]);
        return true;
      } catch {
        return false;
      }
    };
    const sides = Array.from({ length: entry.input[1] }, (_, i) => i + 1);
    expect(sides.find(works)).toBe(entry.minSize);
  });

  test("classes and inChannels reach the first and the last layer", () => {
    const graph = lower(entry.build({ classes: 7, inChannels: 5 }));
    const shapes = shapesOf(graph, [5, entry.input[1], entry.input[2]]);
    expect(shapes[graph.output]).toEqual([7]);
    expect(shapesOf(lower(built), entry.input)).toHaveLength(graph.nodes.length);
  });

  test.each([
    [{ classes: 0 }, /classes must be a whole number of at least 1, but is 0/],
    [{ classes: Number.NaN }, /classes .* NaN/],
    [{ classes: "10" }, /classes .* "10"/],
    [{ inChannels: -3 }, /inChannels .* -3/],
    [{ inChannels: 1.5 }, /inChannels .* 1\.5/],
    [{ clases: 10 }, /no option "clases"; the options are classes, inChannels/],
    [10, /options are an object/],
  ])("%j is a bad option that the message names", (options, message) => {
    const build = () => entry.build(options as ModelOptions);
    expect(build).toThrow(ConvzooError);
    expect(build).toThrow(
      expect.objectContaining({ code: "bad-option", message: expect.stringMatching(message) }),
    );
    expect(build).toThrow(new RegExp(`^${name}: `));
  });

  test("checkpoints are complete", () => {
    for (const [tag, { url, preprocess, licence }] of Object.entries(entry.weights)) {
      expect(tag).toMatch(/^[a-z0-9_]+$/);
      expect(String(url())).toMatch(/^(https|file):\/\/.*\.(safetensors|pth)$/);
      expect(preprocess.mean).toHaveLength(preprocess.grayscale ? 1 : entry.input[0]);
      expect(preprocess.std).toHaveLength(preprocess.mean.length);
      expect(preprocess.crop).toBe(entry.input[1]);
      expect(preprocess.crop).toBeLessThanOrEqual(Number(preprocess.resize));
      expect(licence).not.toBe("");
    }
  });
});

/** The checkpoints that come with the package, by the file in weights/. */
const embedded = Object.values(zoo).flatMap((entry: ZooEntry) =>
  Object.values(entry.weights).flatMap((checkpoint) => {
    const [, file] = /\/weights\/([^/]+)$/.exec(String(checkpoint.url())) ?? [];
    return file ? [{ file, checkpoint }] : [];
  }),
);

test.each(embedded)("the row knows $file", ({ file, checkpoint }) => {
  const bytes = readFileSync(new URL(`../../../weights/${file}`, import.meta.url));
  expect(checkpoint.bytes).toBe(bytes.length);
  expect(checkpoint.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
});

describe("dropout of AlexNet and SqueezeNet", () => {
  const names = ["alexnet", "squeezenet1_0", "squeezenet1_1"] as const satisfies ZooName[];
  test.each(names)("%s", (name) => {
    expect(String(zoo[name].build({ dropout: 0.25 }))).toContain("Dropout(p=0.25, inplace=False)");
    expect(() => zoo[name].build({ dropout: 2 })).toThrow(/dropout must be a number from 0 to 1, but is 2/);
  });
});

describe("findEntry", () => {
  test("finds by name", () => {
    expect(findEntry("squeezenet1_1")).toBe(zoo.squeezenet1_1);
  });

  test.each([
    ["squeezenet11", "squeezenet1_1"],
    ["ALEXNET", "alexnet"],
    ["lenet", "lenet5"],
  ])("for %s it names %s first", (name, nearest) => {
    const find = () => findEntry(name);
    expect(find).toThrow(expect.objectContaining({ code: "unknown-model", source: name }));
    expect(find).toThrow(`no network called "${name}"; the nearest names are ${nearest}, `);
  });

  test.each(["toString", "__proto__", "", 5, null, {}, Symbol("x")])("%o is no network", (name) => {
    expect(() => findEntry(name as string)).toThrow(expect.objectContaining({ code: "unknown-model" }));
  });
});
