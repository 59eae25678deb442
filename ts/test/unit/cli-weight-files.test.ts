/** The commands that handle weight files. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { foldBatchNorms } from "../../src/cli/fold.js";
import { lower } from "../../src/graph.js";
import type { Net } from "../../src/layers.js";
import { saveWeights } from "../../src/save.js";
import { stateShapes } from "../../src/state.js";
import type { Tensor } from "../../src/tensor.js";
import type { WeightTensor } from "../../src/weights/dtype.js";
import { loadWeights } from "../../src/weights/index.js";
import { densenet121, lenet5, resnet18 } from "../../src/zoo/builders.js";
import { run } from "../cli.js";
import { interpret } from "../interpret.js";

const lenet = fileURLToPath(new URL("../../../weights/lenet5.safetensors", import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "convzoo-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("convert", () => {
  test("rounds, keeps keys and metadata, and says what it wrote", async () => {
    const { files, stderr, code } = await run(`convert ${lenet} out.safetensors --dtype f16`);
    const weights = await loadWeights(files["out.safetensors"]!);
    expect([...weights.keys()].sort()).toEqual([...stateShapes(lenet5()).keys()].sort());
    expect(new Set([...weights.values()].map(({ dtype }) => dtype))).toEqual(new Set(["f16"]));
    expect(weights.metadata.get("licence")).toBe("Apache-2.0");
    expect({ stderr, code }).toEqual({ stderr: "out.safetensors: 10 tensors, 0.1 MB\n", code: 0 });
  });

  test("takes a prefix off, and holds the rest to a network", async () => {
    const given = await loadWeights(lenet, { platform: { read: async () => fileOf(lenet) } });
    const path = join(folder, "in.safetensors");
    const all = new Map([...given].map(([key, tensor]) => [`net.${key}`, tensor] as const));
    writeFileSync(path, await saveWeights(new Map([...all, ["head.x", given.get("classifier.4.bias")!]])));
    expect((await run(`convert ${path} out --model lenet5`)).code).toBe(2);
    for (const line of ["--prefix net.", "--model lenet5 --prefix net."]) {
      const { files, code } = await run(`convert ${path} out ${line}`);
      expect(code).toBe(0);
      expect([...(await loadWeights(files.out!)).keys()].sort()).toEqual([...given.keys()].sort());
    }
  });

  test.each([
    ["convert", /wants IN and OUT/],
    ["convert a", /wants IN and OUT/],
    ["convert a b c", /wants IN and OUT/],
    ["convert a b --dtype int8", /f32 or f16 or bf16, not "int8"/],
    ["convert a b --fold-batch-norm", /needs --model/],
    ["convert a b --model nope", /no network called "nope"/],
    ["convert no/such b", /There is no file no\/such/],
    [`convert ${lenet} b --prefix x.`, /No key of .* begins with "x\."/],
    [`convert ${lenet} b --model alexnet`, /does not fit the network/],
  ])("%s", async (line, message) => {
    const { stderr, code, files } = await run(line);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(files).toEqual({});
  });

  test("--help", async () => {
    expect((await run("convert --help")).stdout).toMatch(/^Usage: convzoo convert IN OUT/);
    expect((await run("help cache")).stdout).toMatch(/^Usage: convzoo cache ls/);
  });
});

const fileOf = async (path: string) =>
  new Uint8Array(await (await import("node:fs/promises")).readFile(path));

describe("folding batch norms", () => {
  /** Weights of any values, variances above zero. */
  function random(net: Net): Map<string, WeightTensor> {
    let seed = 1;
    const next = () => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    return new Map(
      [...stateShapes(net)].map(([key, { shape }]) => {
        const length = shape.reduce((a, b) => a * b, 1);
        const scale = shape.length === 4 ? Math.sqrt(6 / (shape[1]! * shape[2]! * shape[3]!)) : 1;
        const value = () => (key.endsWith("running_var") ? 0.2 + next() : (next() - 0.5) * 2 * scale);
        return [key, { dtype: "f32", shape, data: Float32Array.from({ length }, value) }];
      }),
    );
  }

  test.each([
    ["resnet18", resnet18({ classes: 5 }), 20],
    ["densenet121", densenet121({ classes: 5 }), 59],
  ] as const)("%s computes the same", (_, net, count) => {
    const weights = random(net);
    const { weights: after, folded } = foldBatchNorms(net, weights);
    expect(folded).toBe(count);
    expect([...after.keys()]).toEqual([...weights.keys()]);
    const norms = [...after].filter(
      ([key]) => key.endsWith("running_mean") && !weights.get(key)!.data.every((x) => x === 0),
    );
    expect(norms.filter(([, { data }]) => data.every((x) => x === 0))).toHaveLength(count);
    const input = { shape: [1, 3, 32, 32], data: Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i)) };
    const graph = lower(net);
    const [wanted, got] = [weights, after].map((all) => {
      return interpret(graph, input, all as ReadonlyMap<string, Tensor>)[graph.output]!;
    });
    const scale = Math.max(...wanted!.map(Math.abs));
    expect(scale).toBeGreaterThan(0);
    expect(Math.max(...wanted!.map((value, i) => Math.abs(value - got![i]!))) / scale).toBeLessThan(1e-5);
  });
});

describe("cache", () => {
  function fill(): { sound: string; damaged: string } {
    const bytes = randomBytes(1000);
    const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 8);
    const [sound, damaged] = [`net-${hash}.pth`, "other-01234567.pth"];
    writeFileSync(join(folder, sound), bytes);
    writeFileSync(join(folder, damaged), bytes);
    writeFileSync(join(folder, "mine.txt"), "notes");
    return { sound, damaged };
  }

  test("ls", async () => {
    const { sound, damaged } = fill();
    const { stdout, code } = await run("cache ls", { cache: folder });
    expect(
      stdout
        .split("\n")
        .slice(0, 3)
        .map((line) => line.split(" ")[0])
        .sort(),
    ).toEqual(["mine.txt", sound, damaged].sort());
    expect(stdout).toMatch(/3 files, 0\.0 MB, in \//);
    expect(code).toBe(0);
    expect(JSON.parse((await run("cache ls --json", { cache: folder })).stdout)).toContainEqual({
      name: sound,
      bytes: 1000,
    });
    expect((await run("cache ls", { cache: join(folder, "none") })).stdout).toMatch(/^0 files, 0\.0 MB/);
  });

  test("verify removes what is damaged, and leaves what is somebody else's", async () => {
    const { sound, damaged } = fill();
    const { stdout, code } = await run("cache verify", { cache: folder });
    expect(stdout).toMatch(new RegExp(`${sound} +sound\n`));
    expect(stdout).toMatch(new RegExp(`${damaged} +damaged, removed\n`));
    expect(stdout).toMatch(/mine\.txt +no hash in its name\n/);
    expect(code).toBe(1);
    expect(readdirSync(folder).sort()).toEqual(["mine.txt", sound].sort());
    expect((await run("cache verify", { cache: folder })).code).toBe(0);
  });

  test("rm", async () => {
    const { sound, damaged } = fill();
    expect((await run(`cache rm ${sound}`, { cache: folder })).code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["mine.txt", damaged].sort());
    const missing = await run(`cache rm ${sound}`, { cache: folder });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/There is no net-/)]);
    expect((await run("cache rm ../x", { cache: folder })).code).toBe(2);
    expect((await run("cache rm --all", { cache: folder })).stdout).toMatch(/^2 files removed/);
    expect(readdirSync(folder)).toEqual([]);
  });

  test.each(["cache", "cache purge", "cache ls x", "cache verify --all", "cache rm", "cache rm x --all"])(
    "%s",
    async (line) => {
      fill();
      const { code, stderr } = await run(line, { cache: folder });
      expect([code, stderr]).toEqual([2, expect.stringMatching(/\[bad-option\]/)]);
      expect(readdirSync(folder)).toHaveLength(3);
    },
  );
});
