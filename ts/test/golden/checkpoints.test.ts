/** PyTorch's files into networks that run, on the built package, which keeps their readers in files of their own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { convzoo, root } from "./package.js";
import { refused } from "./refused.js";

const { load, loadWeights } = convzoo;
const fixture = (name: string) => join(root, "ts/test/fixtures/checkpoints", name);

test("a checkpoint's weights and another set of them", async () => {
  const weights = await loadWeights(fixture("checkpoint.pth"));
  const average = await loadWeights(fixture("checkpoint.pth"), { select: "ema" });
  expect([...average.keys()]).toEqual([...weights.keys()]);
  const [first, half] = [weights, average].map((set) => [...(set.get("0.weight")!.data as Float32Array)]);
  expect(half).toEqual(first!.map((value) => value / 2));
});

test("NumPy's arrays", async () => {
  const weights = await loadWeights(fixture("arrays_compressed.npz"));
  expect(weights.get("fortran")!.shape).toEqual([2, 3, 4]);
});

test("load refuses code and what needs a choice, by name of the file", async () => {
  await refused(
    () => load("lenet5", { weights: fixture("unsafe_os_system.pth") }),
    "unsafe-pickle",
    /os_system\.pth needs posix\.system/,
  );
  await refused(
    () => load("lenet5", { weights: fixture("several.pth") }),
    "bad-option",
    /several\.pth.*select/,
  );
  // What is chosen is no network of the zoo, but it was chosen.
  const chosen = load("lenet5", { weights: fixture("several.pth"), select: "critic" });
  await refused(() => chosen, "missing-weight");
});

describe("real networks", () => {
  const real = join(root, "../shared/real/cifar10_resnet");
  beforeEach(({ skip }) => skip(!existsSync(real), "../shared/real is absent"));

  // Logits in float64 of ../shared/goldens/reference's CifarResNet with these weights by torch.load, for the input below.
  test.each([
    [
      "resnet20_cifar",
      "resnet20-12fca82f.th",
      [
        4.4869493, 4.5809149, 1.8232703, -3.7828852, -3.308277, -5.330618, -5.6802924, -0.1062312, 3.0106986,
        4.2501635,
      ],
    ],
    [
      "resnet56_cifar",
      "resnet56-4bfd9763.th",
      [
        0.5085418, 3.1766109, 1.566467, 2.152187, -5.5449483, -5.4513653, -1.4770035, -2.045766, -1.2079437,
        8.3010403,
      ],
    ],
  ] as const)("%s from its legacy file", async (name, file, logits) => {
    const data = Float32Array.from({ length: 3 * 32 * 32 }, (_, i) => ((i % 97) - 48) / 30);
    using model = await load(name, { weights: join(real, file) });
    const scores = await model.run({ shape: [1, 3, 32, 32], data });
    const scale = Math.max(...logits.map(Math.abs));
    const errors = logits.map((logit, i) => Math.abs(logit - scores.data[i]!));
    expect(Math.max(...errors)).toBeLessThan(1e-5 * scale);
  });
});
