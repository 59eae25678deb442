/** `convzoo bench` with a model that is not there; what real ones take is no test's business. */
import { describe, expect, test } from "vitest";
import { parse } from "../../src/cli/args.js";
import { profileTable } from "../../src/cli/bench/profile.js";
import { ConvzooError } from "../../src/errors.js";
import { stateShapes } from "../../src/state.js";
import type { Tensor } from "../../src/tensor.js";
import { zoo } from "../../src/zoo/index.js";
import { run, STEPS } from "../cli.js";

describe("bench", () => {
  test("times the nine networks of the help unless told otherwise", async () => {
    const nine =
      "alexnet,vgg19,googlenet,resnet18,resnet50,densenet121,efficientnet_b0,squeezenet1_1,mobilenet_v2";
    const asked = { command: "bench", models: nine.split(","), runs: 20, tune: false, profile: false };
    expect(parse(["bench"])).toMatchObject(asked);
    expect((await run("help bench")).stdout.replaceAll(/\s/g, "")).toContain(`(${nine})`);
  });

  test("gives random weights, the same each time, that keep the maps' magnitude", async () => {
    const [one, two] = await Promise.all([1, 2].map(() => run("bench --models resnet20_cifar --runs 3")));
    expect(one).toMatchObject({ code: 0, stderr: "", disposed: 1, loads: [{ name: "resnet20_cifar" }] });
    const weights = one!.loads[0]!.options!.weights as Map<string, Tensor>;
    const shapes = stateShapes(zoo.resnet20_cifar.build());
    expect(new Map([...weights].map(([key, { shape }]) => [key, { shape }]))).toEqual(shapes);
    expect(weights).toEqual(two!.loads[0]!.options!.weights);
    // Kaiming's: 2 / (channels x height x width of the kernel).
    const { data, shape } = [...weights.values()].find(({ shape }) => shape.length === 4 && shape[1]! > 3)!;
    const variance = data.reduce((sum, value) => sum + value ** 2, 0) / data.length;
    expect((variance * data.length) / shape[0]!).toBeCloseTo(2, 1);
    const variances = [...weights].filter(([key]) => key.endsWith("running_var"));
    expect(new Set(variances.flatMap(([, tensor]) => [...tensor.data]))).toEqual(new Set([1]));
    // The first, eight to warm up, three that count.
    expect(one!.inputs.map((input) => input.shape)).toEqual(Array(12).fill([1, 3, 32, 32]));
    expect(new Set(one!.inputs[0]!.data).size).toBeGreaterThan(1000);
  });

  test("prints a row a network", async () => {
    const { stdout } = await run("bench --models lenet5,resnet20_cifar --threads 3");
    const [head, ...rows] = stdout.split("\n\n")[0]!.split("\n");
    expect(head).toMatch(/^model +core +threads +load ms +first ms +median ms +best ms +GMAC +GFLOPS/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3))).toEqual([
      ["lenet5", "simd128-threads", "3"],
      ["resnet20_cifar", "simd128-threads", "3"],
    ]);
    expect(rows[1]).toMatch(/ 0\.04 +[\d.]+ +3\.0 +0\.5$/);
  });

  test("--profile adds the layers, the stages of one together", async () => {
    const { stdout } = await run("bench --models lenet5 --profile");
    const [lines, peak] = [stdout.split("\n"), /the ([\d.]+) GFLOPS/.exec(stdout)?.[1]];
    const share = `${(100 * (2 / Number(peak))).toFixed(1)}%`.padStart(7);
    expect(lines.slice(0, 6)).toEqual([
      "lenet5, layer by layer:",
      "",
      "layer  op      algorithm  output      ms  of time  GFLOPS  computed  of peak  GB/s",
      `a      conv2d  two        1x8x4x4  3.000    85.7%     4.0       2.0  ${share}   2.0`,
      "-      add     -          1x8x4x4  0.500    14.3%       -         -        -   4.0",
      "total                              3.500",
    ]);
  });

  test("a layer's table has no share of a GPU's peak, and a halo no rate of reading", () => {
    const halo = { ...STEPS[1]!, op: "halo" };
    const rows = profileTable("lenet5", [STEPS[2]!, halo]).split("\n").slice(3, 5);
    expect(rows.map((row) => row.split(/ +/).slice(-2))).toEqual([
      ["-", "2.5"],
      ["-", "-"],
    ]);
    expect(profileTable("lenet5", STEPS)).not.toMatch(/GFLOPS that these threads/);
  });

  test("--json prints one array; --tune and --profile add what they found", async () => {
    const { stdout, stderr, loads } = await run("bench --models lenet5 --tune --profile --json", {
      tty: true,
    });
    const rows = JSON.parse(stdout);
    const ms = expect.any(Number);
    expect(rows).toEqual([
      {
        ...{ model: "lenet5", input: [1, 1, 28, 28], device: "wasm", core: "simd128-threads", threads: 3 },
        ...{ loadMs: ms, firstMs: ms, medianMs: ms, bestMs: ms, macs: zoo.lenet5.macs },
        ...{ memory: { weights: 3 * 2 ** 20, maps: 2 ** 19 }, tuning: { "0": "direct" }, steps: STEPS },
        peakGflops: expect.any(Number),
      },
    ]);
    expect(loads[0]?.options?.tune).toBe(true);
    expect(stderr).toBe("\r\x1b[Ktiming lenet5\r\x1b[K");
  });

  test("an unknown name is refused before any network is loaded", async () => {
    const { code, stderr, loads } = await run("bench --models lenet5,resnet81");
    expect(stderr).toMatch(/resnet81.*\[unknown-model\]\n$/);
    expect({ code, loads }).toEqual({ code: 2, loads: [] });
  });

  test("a model that fails is let go", async () => {
    const running = new ConvzooError("too-large", "There is no room.");
    const { code, stdout, stderr, disposed } = await run("bench --models lenet5", { running });
    expect(stderr).toBe("convzoo: There is no room. [too-large]\n");
    expect({ code, stdout, disposed }).toEqual({ code: 2, stdout: "", disposed: 1 });
  });
});
